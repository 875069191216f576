"""`sheets-decrypt check` tries everything that a pull needs, one check at a time."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sheets_decrypt.decryption.ciphers import sealed_box, sealing
from sheets_decrypt.sandbox.google import parse_fault
from tests.survey import ENCRYPTED, HEADER, World, public_key_of

NAMES = ["configuration", "vault", "keys", "key file", "token", "clock", "sheet", "tab", "columns", "key fits"]


def _check(world: World, *options: object, environment: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    done = world.run("check", "--config", world.path, "--json", *options, environment=environment)
    assert done.err == ""
    checks = done.records()
    for one in checks:
        assert tuple(one) == ("job", "name", "outcome", "message", "hint", "exit_code")
        assert bool(one["hint"]) == (one["outcome"] in {"warning", "error"})
        assert bool(one["exit_code"]) == (one["outcome"] == "error")
    return done.code, {one["name"]: one for one in checks}


def _outcomes(checks: dict[str, Any], *names: str) -> list[str]:
    return [checks[name]["outcome"] for name in names]


def test_all_is_well(world: World) -> None:
    """Every check is ok, in the order of a pull, and nothing is written."""
    before = world.encrypted_files()
    code, checks = _check(world)
    assert code == 0
    assert [name for name in checks if name in NAMES] == NAMES
    assert {checks[name]["outcome"] for name in NAMES} == {"ok"}
    assert world.google.client_email in checks["sheet"]["message"]
    assert checks["key fits"]["message"] == "18 cells of the first 6 rows decrypt"
    assert world.encrypted_files() == before


def test_each_check_is_a_line(world: World) -> None:
    """At a terminal a check is one line, with its hint below."""
    world.configure(columns=["nam"])
    done = world.run("check", "--config", world.path)
    assert done.code == 9
    lines = done.out.splitlines()
    assert lines[0] == "ok      configuration: 1 job"
    place = lines.index('error   baseline: columns: "nam" not found in row 1')
    assert lines[place + 1] == '        hint: did you mean "name"?'
    assert lines[-1].startswith("a pull would fail: ")
    assert ", 1 error" in lines[-1]


@pytest.mark.system("posix", "Windows has access control lists")
@pytest.mark.parametrize(
    ("google", "notify"),
    [
        ({}, {"healthchecks": "https://hc-ping.com/0"}),
        ({}, {"urls": ["mailto://user:password@example.com"]}),
        ({"proxy": "http://user:password@127.0.0.1:9"}, {}),
    ],
)
def test_addresses_that_other_users_can_read_are_a_warning(
    world: World, google: dict[str, str], notify: dict[str, object]
) -> None:
    """They often contain passwords, which the configuration has no other place for."""
    world.google_settings |= google
    world.configure(notify=notify)
    world.path.chmod(0o644)
    _, checks = _check(world, "--no-network")
    assert checks["configuration"]["outcome"] == "warning"
    assert checks["configuration"]["hint"] == f"chmod 600 {world.path}"
    world.path.chmod(0o600)
    assert _outcomes(_check(world, "--no-network")[1], "configuration") == ["ok"]


@pytest.mark.parametrize("options", [[], ["--no-network"]])
def test_the_last_line_is_a_verdict(world: World, options: list[str]) -> None:
    """Users need not count lines to know whether a pull would work."""
    *checks, verdict = world.run("check", "--config", world.path, *options).out.splitlines()
    ok = sum(line.startswith("ok") for line in checks)
    skipped = sum(line.split(": ")[1].count(", ") + 1 for line in checks if line.startswith("skipped"))
    assert verdict == f"ready to pull: {ok} ok, {skipped} skipped"


def test_checks_skipped_for_one_reason_share_a_line(world: World) -> None:
    """After a missing key file, one line lists the checks that were not tried, and why."""
    world.google.key_file.unlink()
    lines = world.run("check", "--config", world.path).out.splitlines()
    skipped = [line for line in lines if line.startswith("skipped") and "optional" not in line]
    assert skipped == ["skipped baseline: token, clock, sheet, tab, columns, key fits: not tried: no key file"]
    assert lines[-1].startswith("a pull would fail: ")


def test_without_the_network_google_is_not_asked(world: World) -> None:
    """`--no-network` checks vault, keys and key file, and skips the rest."""
    code, checks = _check(world, "--no-network")
    assert code == 0
    assert _outcomes(checks, "vault", "keys", "key file") == ["ok", "ok", "ok"]
    assert {checks[name]["outcome"] for name in NAMES[4:]} == {"skipped"}
    assert world.google.requests == []


def test_without_the_network_no_metadata_server_is_asked(world: World) -> None:
    """Application Default Credentials may ask a cloud machine's metadata server, but not with `--no-network`."""
    del world.google_settings["credentials"]
    world.configure()
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            asked.set()
            connection.close()

        listener = threading.Thread(target=answer, daemon=True)
        listener.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        code, checks = _check(
            world,
            "--no-network",
            environment={"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address, "NO_GCE_CHECK": "false"},
        )
    assert not asked.is_set()
    assert (code, checks["key file"]["outcome"]) == (0, "skipped")


def _no_vault(world: World) -> None:
    world.keep("vault", "not the passphrase")


def _no_keys(world: World) -> None:
    (world.folder / "keys/private_keys").unlink()


def _no_key_file(world: World) -> None:
    world.google.key_file.unlink()


def _no_sign_in(world: World) -> None:
    world.google.fault(parse_fault("token:invalid_grant*"))


def _not_shared(world: World) -> None:
    world.google.share(world.spreadsheet, shared=False)


def _no_tab(world: World) -> None:
    world.configure(worksheet="dta")


def _no_column(world: World) -> None:
    world.configure(columns=["nobody"])


def _wrong_key(world: World) -> None:
    world.keep("private_keys", sealing.generate()[0].reveal())


@pytest.mark.parametrize(
    ("spoil", "name", "code", "skipped"),
    [
        (_no_vault, "vault", 7, []),
        (_no_keys, "keys", 4, ["key fits"]),
        (_no_key_file, "key file", 5, NAMES[4:]),
        (_no_sign_in, "token", 5, NAMES[6:]),
        (_not_shared, "sheet", 5, NAMES[7:]),
        (_no_tab, "tab", 5, NAMES[8:]),
        (_no_column, "columns", 9, NAMES[9:]),
        (_wrong_key, "key fits", 4, []),
    ],
)
def test_one_problem_is_one_error(
    world: World, spoil: Callable[[World], None], name: str, code: int, skipped: list[str]
) -> None:
    """Checks that depend on it are skipped, the others are tried, and the exit code is that of a pull."""
    spoil(world)
    found, checks = _check(world)
    assert found == code
    assert checks[name]["exit_code"] == code
    assert [other for other in NAMES if checks[other]["outcome"] == "error"] == [name]
    assert [other for other in NAMES if checks[other]["outcome"] == "skipped"] == skipped
    assert world.pull().code == code


def test_a_clock_that_is_off_a_little_is_a_warning(world: World) -> None:
    """Google still accepts the sign-in, and a warning does not fail the check."""
    world.google.fault(parse_fault("any:skew=200*"))
    code, checks = _check(world)
    assert (code, checks["clock"]["outcome"], checks["clock"]["hint"]) == (0, "warning", "set the clock")
    assert "seconds behind" in checks["clock"]["message"]


def test_a_clock_that_is_far_off_is_reported_with_the_sign_in(world: World) -> None:
    """The sign-in fails, and the clock's own check says how far it is off."""
    world.google.fault(parse_fault("token:skew=7200*"))
    code, checks = _check(world)
    assert code == 5
    assert _outcomes(checks, "token", "clock", "sheet") == ["error", "warning", "skipped"]


def test_a_sheet_without_rows_is_a_warning(world: World) -> None:
    """That is only a warning, because the survey may not have begun."""
    world.google.replace_rows(world.spreadsheet, "data", [list(HEADER)])
    code, checks = _check(world)
    assert (code, checks["key fits"]["outcome"]) == (0, "warning")
    assert "no rows" in checks["key fits"]["message"]


def test_columns_that_are_not_encrypted_are_a_warning(world: World) -> None:
    """Columns without a token are most likely the wrong columns."""
    world.configure(columns=["free"])
    code, checks = _check(world)
    assert (code, checks["key fits"]["outcome"]) == (0, "warning")


def test_no_token_at_all_is_a_warning(world: World) -> None:
    """Blank columns prove nothing."""
    rows = [[row[0], "", "", "", ""] for row in world.survey.sheet[1:]]
    world.google.replace_rows(world.spreadsheet, "data", [list(HEADER), *rows])
    code, checks = _check(world)
    assert (code, checks["key fits"]["outcome"]) == (0, "warning")
    assert "no cell of the first rows holds a token" in checks["key fits"]["message"]


def test_some_cells_that_do_not_decrypt_are_a_warning(world: World) -> None:
    """A damaged token in the sample is reported but does not fail the check."""
    world.survey.sheet[2][1] = str(world.survey.sheet[2][1])[:-8]
    world.google.replace_rows(world.spreadsheet, "data", world.survey.sheet)
    code, checks = _check(world)
    assert (code, checks["key fits"]["outcome"]) == (0, "warning")
    assert "1 cell of the first rows does not decrypt" in checks["key fits"]["message"]
    assert "pull-and-decrypt --dry-run --job baseline" in checks["key fits"]["hint"]


def test_a_key_pair_that_belongs_together_is_ok(world: World) -> None:
    """The configured private key decrypts what Twilio encrypts for the configured public key."""
    world.keys["public_key"] = sealed_box.encode_key(public_key_of(world.survey))
    world.configure()
    code, checks = _check(world, "--no-network")
    assert (code, checks["key pair"]["outcome"]) == (0, "ok")


def test_a_key_pair_that_does_not_belong_together_is_an_error(world: World) -> None:
    """With another public key, or with one without a private key, future answers would be lost."""
    world.keys["public_key"] = sealed_box.encode_key(sealing.generate()[1])
    world.configure()
    code, checks = _check(world)
    assert (code, checks["key pair"]["outcome"], checks["key fits"]["outcome"]) == (4, "error", "ok")
    assert "belongs to another private key" in checks["key pair"]["hint"]
    del world.keys["private_keys"]
    world.configure(columns=["phone"])
    code, checks = _check(world)
    assert (code, checks["key pair"]["hint"]) == (4, "add the private key to private_keys")


def test_a_key_that_cannot_be_read_is_one_error(world: World) -> None:
    """While the vault is locked, the private key cannot be read, and the hint does not suggest another key."""
    world.keys["public_key"] = sealed_box.encode_key(public_key_of(world.survey))
    world.keys["private_keys"] = [{"file": str(world.folder / "locked" / "private")}]
    world.configure()
    code, checks = _check(world, "--no-network")
    assert (code, _outcomes(checks, "keys", "key pair")) == (4, ["error", "skipped"])
    assert checks["key pair"]["message"] == "not tried: the private key could not be read"


def test_an_unreachable_google_skips_the_clock(world: World) -> None:
    """Without an answer the clock cannot be compared, and nothing else is tried."""
    world.google_settings |= {"proxy": "http://127.0.0.1:9", "deadline": 0.5}
    world.configure()
    code, checks = _check(world)
    assert code == 6
    assert _outcomes(checks, "token", "clock", "sheet", "tab") == ["error", "skipped", "skipped", "skipped"]


def test_every_job_is_checked(world: World) -> None:
    """Each job has its checks; `--job` chooses one; the exit code is that of the first error."""
    jobs: dict[str, dict[str, object]] = {
        "one": {"columns": "auto"}, "two": {"worksheet": "nowhere"}, "three": {"columns": ["nobody"]},
    }  # fmt: skip
    world.configure({name: settings | {"output": f"{name}.csv"} for name, settings in jobs.items()})
    done = world.run("check", "--config", world.path, "--json")
    assert done.code == 5
    assert done.records()[0]["message"] == "3 jobs"
    assert [one["name"] for one in done.records() if one["job"] == "three" and one["outcome"] == "error"] == ["columns"]
    one = world.run("check", "--config", world.path, "--json", "--job", "one")
    assert one.code == 0
    assert {check["job"] for check in one.records()} == {"", "one"}
    assert world.run("check", "--config", world.path, "--job", "four").code == 2


def test_with_several_jobs_the_output_shows_what_is_wrong_and_where(world: World) -> None:
    """With several jobs, a job's good checks share a line, an error has its own, and the last line names the jobs."""
    world.configure({"one": {"output": "one.csv"}, "two": {"output": "two.csv", "columns": ["nam"]}})
    *lines, verdict = world.run("check", "--config", world.path).out.splitlines()
    assert lines[1].startswith("ok      one: vault, keys, key file, token, clock, sheet, tab, columns, key fits")
    assert lines[2] == "ok      two: vault, keys, key file, token, clock, sheet, tab"
    place = lines.index('error   two: columns: "nam" not found in row 1')
    assert lines[place + 1] == '        hint: did you mean "name"?'
    assert verdict.startswith("a pull would fail for two: ")
    world.configure({name: {"output": f"{name}.csv", "columns": ["nam"]} for name in ("one", "two")})
    assert "\na pull would fail for every job: " in world.run("check", "--config", world.path).out


def test_a_sample_of_the_first_rows_is_enough(world: World) -> None:
    """A check of a large sheet tries its first fifty rows."""
    public_key = public_key_of(world.survey)
    rows = [[str(number), *sealing.seal(["a", "b", "c"], public_key), "free"] for number in range(120)]
    world.google.replace_rows(world.spreadsheet, "data", [list(HEADER), *rows])
    _, checks = _check(world)
    assert checks["key fits"]["message"] == f"{50 * len(ENCRYPTED)} cells of the first 50 rows decrypt"
