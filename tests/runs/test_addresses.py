"""The addresses under [notify]: `check` and `config validate` examine them, and `notify test` tries them."""

from collections.abc import Iterator

import pytest

from sheets_decrypt.config import Notify
from sheets_decrypt.runs.addresses import problems_without_secrets, recipients_of
from sheets_decrypt.runs.notify import Recipients
from tests import require, survey
from tests.survey import World
from tests.unattended_parts import Web, memory, web_server

# apprise imports imghdr, which Python 3.11 and 3.12 have and deprecate
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
SECRET = "0f1e2d3c-secret"


@pytest.fixture
def web(world: World) -> Iterator[Web]:
    """Run a web server, and check that nothing sent to it contains an answer, a token or a secret."""
    require.module("apprise")
    with web_server() as server:
        yield server
    for path, body in server.received:
        survey.assert_nothing_leaked(path + body, world.survey)


def test_a_test_message_reaches_every_address(world: World, web: Web) -> None:
    """It names the job, whatever `on` says; the heartbeat's state and the job's saved state do not change."""
    world.configure(
        notify={"healthchecks": f"{web.url}/ping", "urls": [f"json://127.0.0.1:{web.port}/{SECRET}"], "on": ["success"]}
    )
    done = world.run("notify", "test", "--config", world.path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "baseline: healthchecks (http://127.0.0.1): delivered",
        "baseline: urls, number 1 (json://127.0.0.1): delivered",
    ]
    assert web.paths() == ["/ping/log", f"/{SECRET}"]
    assert web.received[0][1] == "job: baseline\nstatus: this is a test message\nnext step: none\n"
    assert "sheets-decrypt: baseline: this is a test message" in web.received[1][1]
    assert memory(world).last_run == ""


def test_the_result_is_reported_for_each_address(world: World, web: Web) -> None:
    """A refused, an unsupported and an unreadable address are each reported with the reason but without the secret."""
    world.keep("empty", "")
    web.codes = {"/refused": 403}
    world.configure(
        notify={
            "healthchecks": f"{web.url}/good",
            "urls": [{"file": "keys/empty"}, f"json://127.0.0.1:{web.port}/refused/{SECRET}", f"nothing://{SECRET}/"],
        }
    )
    done = world.run("notify", "test", "--config", world.path)
    assert done.code == 10
    assert done.out.splitlines() == [
        "baseline: healthchecks (http://127.0.0.1): delivered",
        "baseline: urls, number 2 (json://127.0.0.1): it was not delivered",
        "baseline: urls, number 3 (nothing://…): apprise does not support this address",
    ]
    assert "error: baseline: [notify]: the secret from file " in done.err
    assert "error: 3 of 4 test messages were not delivered" in done.err
    assert SECRET not in done.out + done.err


def test_jobs_that_share_their_addresses_send_one_message(world: World, web: Web) -> None:
    """Twenty surveys with one mailbox cause one message; `--job` chooses one of them."""
    jobs: dict[str, dict[str, object]] = {name: {"output": f"{name}.csv"} for name in ("one", "two", "three")}
    jobs["three"]["notify"] = {"healthchecks": f"{web.url}/three"}
    world.configure(jobs)
    with world.path.open("a", encoding="utf-8") as file:
        file.write(f'[notify]\nurls = ["json://127.0.0.1:{web.port}/all"]\n')
    assert world.run("notify", "test", "--config", world.path).code == 0
    assert web.paths() == ["/all", "/three/log"]
    assert "one, two: this is a test message" in web.received[0][1]
    assert world.run("notify", "test", "--config", world.path, "--job", "three").code == 0
    assert web.paths() == ["/three/log"]


def test_notify_test_without_an_address_is_an_error(world: World) -> None:
    """That is an error, because a user who tests expects a message."""
    done = world.run("notify", "test", "--config", world.path)
    assert (done.code, done.out) == (2, "")
    assert "no address is configured under [notify]" in done.err


BROKEN: dict[str, object] = {
    "healthchecks": f"hc-ping.com/{SECRET}",
    "urls": [{"file": "keys/nowhere"}, f"nothing://{SECRET}/", "ntfys://topic"],
}
PROBLEMS = (
    "[notify] healthchecks (an address without a scheme): this is not an http or https address",
    "[notify] urls, number 2 (nothing://…): apprise does not support this address",
)


def test_check_examines_the_addresses(world: World) -> None:
    """An address that cannot work is a warning, and nothing is sent; the pull succeeds without it."""
    require.module("apprise")
    world.configure(notify=BROKEN)
    done = world.run("check", "--config", world.path)
    assert done.code == 0
    [line] = [line for line in done.out.splitlines() if "baseline: notify: " in line]
    assert line.startswith("warning ")
    for problem in (*PROBLEMS, "[notify]: the secret's file "):
        assert problem in line
    assert "number 3" not in line
    assert "ready to pull" in done.out
    world.configure(notify={"healthchecks": "https://hc-ping.com/x", "urls": ["ntfys://topic"]})
    assert "ok      baseline: notify: 2 addresses look right" in world.run("check", "--config", world.path).out


def test_validate_examines_the_addresses_without_reading_a_secret(world: World) -> None:
    """A missing file and an unset variable are named; a command is not run."""
    require.module("apprise")
    ran = world.folder / "ran"
    sources: list[object] = [{"command": ["touch", str(ran)]}, {"env": "NOT_SET_ANYWHERE"}]
    world.configure(notify=BROKEN | {"urls": [*BROKEN["urls"], *sources]})  # type: ignore[misc]  # a list
    done = world.run("config", "validate", "--config", world.path)
    assert (done.code, done.out.startswith(f"{world.path} is valid")) == (0, True)
    warnings = done.err.splitlines()
    missing = [f"file {world.folder / 'keys/nowhere'}", "env NOT_SET_ANYWHERE"]
    expected = {f"warning: {problem}" for problem in PROBLEMS}
    expected |= {f"warning: [notify]: the secret from {label} does not exist" for label in missing}
    assert set(warnings) == expected
    assert not ran.exists()


def test_addresses_are_read_from_their_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable address is blank, with a warning; an address kept as a secret is valid if its source exists."""
    monkeypatch.setenv("CHECK", f"https://hc.example/{SECRET}")
    settings = {"healthchecks": {"env": "CHECK"}, "urls": [{"env": "NOT_SET"}], "on": ["success"], "locked_after": 5}
    section = Notify.model_validate(settings)
    recipients, [warning] = recipients_of(section)
    assert recipients == Recipients(f"https://hc.example/{SECRET}", ("",), frozenset({"success"}), 5)
    assert warning.startswith("[notify]: ")
    assert "NOT_SET" in warning
    assert problems_without_secrets(section) == ["[notify]: the secret from env NOT_SET does not exist"]
