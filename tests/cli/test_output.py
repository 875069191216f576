"""Standard output and error that cannot be written: the promised exit code, one line, and no job left out."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import systems
from tests.long import LONG, scaled
from tests.survey import PROGRAM, World, assert_nothing_leaked

JOBS: dict[str, dict[str, object]] = {f"job{number}": {"output": f"{number}.csv"} for number in range(3)}


@pytest.fixture(autouse=True)
def _buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python buffer, as it does unless a developer's environment says otherwise."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def _shell(world: World, script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run a line of the shell in which `"$@"` is the program with these arguments."""
    systems.only_on("posix", "the shell is bash")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", script, "bash", *PROGRAM, *map(str, arguments)],
        env=world.environment(), cwd=world.folder, capture_output=True, text=True, check=False, timeout=300,
        preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
    )  # fmt: skip
    assert_nothing_leaked(done.stdout + done.stderr, world.survey)
    return done


# In an ordinary run one of each kind: a pull, a help, a table, and an output that is empty.
COMMANDS: Sequence[tuple[str, ...]] = (
    ("pull",), ("--help",), ("status",), ("history",),
    *((("pull", "--json"), ("pull", "--help"), ("--version",), ("config", "keys"), ("config", "example"),
       ("status", "--json")) if LONG else ()),
)  # fmt: skip
READERS = scaled(["head -1"], ["true", "head -1"])
NOWHERE = [">/dev/full 2>/dev/full", *([">&- 2>&-", ">/dev/full 2>&-", ">/dev/null 2>/dev/full"] if LONG else [])]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_standard_output_costs_the_output_alone(world: World, command: tuple[str, ...]) -> None:
    """The exit code is the command's, one line says what was lost, and the CSV is written."""
    named = [] if command[0] in {"--help", "--version", "config"} or "--help" in command else ["--config", world.path]
    done = _shell(world, '"$@" >/dev/full', *command, *named)
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert lines == ["warning: standard output cannot be written: no space left on device"] or (
        command == ("history",) and lines == ["there are no runs yet"]
    )
    if command[0] == "pull" and "--help" not in command:
        assert world.csv() == world.whole()


def test_a_reader_that_goes_away_stops_no_job(world: World) -> None:
    """`| head -1` and `| true`: every job runs, and the exit code is the pull's."""
    world.configure(JOBS)
    for reader in READERS:
        done = _shell(world, f'"$@" | {reader}', "pull", "--json", "--config", world.path)
        assert done.returncode == 0
        assert [line for line in done.stderr.splitlines() if line.startswith(("warning", "error", "Trace"))] in (
            [],
            ["warning: standard output cannot be written: broken pipe"],
        )
    assert [len(world.history(f"{number}.csv")) for number in range(3)] == [len(READERS)] * 3


def test_a_failing_job_keeps_its_code(world: World) -> None:
    """Where nothing can be written at all, the exit code still says what happened."""
    world.configure({**JOBS, "job1": {"output": "1.csv", "columns": ["nobody"]}})
    for streams in NOWHERE:
        assert _shell(world, f'"$@" {streams}', "pull", "--config", world.path).returncode == 9
    assert [world.csv(f"{number}.csv") is not None for number in range(3)] == [True, False, True]


def test_a_usage_error_keeps_its_code(world: World) -> None:
    """The errors of click itself as well."""
    assert _shell(world, '"$@" 2>/dev/full', "pull", "--nonsense").returncode == 2
    assert _shell(world, '"$@" 2>&-', "nonsense").returncode == 2


@pytest.mark.parametrize(
    ("nowhere", "reason", "command"),
    [
        (">/dev/full", "no space left on device", ("keygen", "--print")),
        (">&-", "it is closed", ("vault", "cat", "notes.txt", "--config", "sheets-decrypt.toml")),
    ],
)
def test_an_output_that_is_all_there_is_must_arrive(
    world: World, nowhere: str, reason: str, command: tuple[str, ...]
) -> None:
    """`vault cat` has no other result than its output, and `keygen --print` keeps the key nowhere else."""
    with world.vault.replace("notes.txt") as file:
        file.write(b"a note")
    done = _shell(world, f'"$@" {nowhere}', *command)
    assert done.returncode == 2
    assert f"error: the output is incomplete: {reason}" in done.stderr


def test_a_closed_standard_input_is_not_an_empty_one(world: World) -> None:
    """Nothing is put into the vault, and the error is ours."""
    done = _shell(world, '"$@" <&-', "vault", "put", "--config", world.path, "empty.txt")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: standard input is closed")
    assert world.csv("empty.txt") is None


def test_what_is_lost_stands_in_the_log(world: World) -> None:
    """Without a terminal the log is where someone looks."""
    log = world.folder / "pull.log"
    done = _shell(world, '"$@" >/dev/full 2>/dev/full', "pull", "--config", world.path, "--log", log)
    assert done.returncode == 0
    text = Path(log).read_text(encoding="utf-8")
    assert "baseline: wrote 6 rows" in text
    assert "standard output cannot be written: no space left on device" in text


def test_windows_says_it_in_another_way() -> None:
    """There a reader that goes away is an invalid argument, and the write counts all the same."""
    from io import BytesIO, TextIOWrapper

    from sheets_decrypt.cli.streams import failure_of, forgiving

    class Gone(BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(22, "Invalid argument")

    reasons: list[str] = []
    stream = forgiving(TextIOWrapper(Gone()), reasons.append)
    assert stream is not None
    print("one", file=stream, flush=True)
    print("two", file=stream, flush=True)
    assert reasons == ["invalid argument"] == [failure_of(stream)]
