"""`sheets-decrypt demo` shows the whole job, and `sheets-decrypt sandbox` lends its Google to others."""

import os
import shlex
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from sheets_decrypt.config import load
from sheets_decrypt.decryption.ciphers import FORMATS
from sheets_decrypt.sandbox import sample
from sheets_decrypt.secret_sources import resolve
from sheets_decrypt.vault import open_vault
from tests import survey, systems
from tests.survey import Done, World, clean_environment, csv_of


def _run(folder: Path, *arguments: object) -> Done:
    return survey.run(arguments, clean_environment(folder), folder=folder)


def test_the_demo_shows_the_whole_job(tmp_path: Path) -> None:
    """A sheet of all three formats is pulled into a vault that really opens, and the CSV says what was answered."""
    folder = tmp_path / "a demo's folder"
    done = _run(tmp_path, "demo", "--folder", folder)
    assert (done.code, "Traceback" in done.err) == (0, False)
    for words in ("1. What the Google Sheet holds", "demo: wrote 18 rows to", "3. What the vault holds", "Ana María"):
        assert words in done.out
    config = load(folder / "sheets-decrypt.toml")
    vault, name = open_vault(config.jobs["demo"], config.vault_of(config.jobs["demo"]), resolve)
    with vault.read(name) as file:
        content = file.read()
    answers = [list(row) for row in sample._ANSWERS * 3]
    assert content == csv_of([sample.HEADER, *answers])
    for secret in (folder / "keys").iterdir():
        assert secret.read_text().strip() not in done.out.replace(_passphrase(folder), "") + done.err
        assert os.name == "nt" or stat.S_IMODE(secret.stat().st_mode) == 0o600
    again = _run(tmp_path, *shlex.split(done.out.splitlines()[-1])[1:])
    assert (again.code, again.out.encode()) == (0, content.replace(b"\r\n", b"\n"))  # as text comes through a pipe


def _passphrase(folder: Path) -> str:
    return (folder / "keys/vault").read_text().strip()


def test_the_demo_asks_its_own_google_whatever_the_environment_says(tmp_path: Path) -> None:
    """A proxy, certificates and exceptions of the machine's own do not lead the demonstration elsewhere."""
    environment = {"NO_PROXY": "*", "HTTPS_PROXY": "http://127.0.0.1:9", "REQUESTS_CA_BUNDLE": os.devnull}
    variables = clean_environment(tmp_path) | environment
    assert survey.call(("demo", "--folder", tmp_path / "demo"), variables, folder=tmp_path).code == 0


def test_the_demo_makes_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --folder it is a new temporary one."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert survey.call(("demo",), clean_environment(tmp_path), folder=tmp_path).code == 0
    assert list(tmp_path.glob("sheets-decrypt-demo-*/vault/vault.cryptomator"))


def test_the_demo_touches_nothing_that_is_there(world: World) -> None:
    """A folder that is not empty, and a file, are refused."""
    for place in (world.folder, world.path, world.path / "below"):
        done = world.run("demo", "--folder", place)
        assert done.code == 2
        assert "hint: name a new folder" in done.err


def test_the_sample_holds_every_format() -> None:
    """Each third of the survey has tokens of its own, with fresh keys each time."""
    made = sample.make()
    columns = [sample.HEADER.index(name) for name in sample.ENCRYPTED]
    found = {
        wire.format
        for row in made.sheet[1:]
        for place in columns
        for wire in FORMATS
        if wire.read(row[place]) is not None
    }
    assert found == {wire.format for wire in FORMATS}
    assert made.private_key != sample.make().private_key


@pytest.mark.system("posix", "Windows sends a Ctrl-C to every program of a console at once")
def test_the_sandbox_serves_a_csv_until_ctrl_c(world: World) -> None:
    """What it prints is enough to pull from it; Ctrl-C ends it without a complaint."""
    workbook = world.folder / "data.csv"
    workbook.write_bytes(csv_of([[str(cell) for cell in row] for row in world.survey.sheet]))
    with _sandbox(world, "--workbook", workbook) as (process, lines):
        settings = _settings(lines)
        spreadsheet = next(line for line in lines if line.startswith("# id: ")).removeprefix("# id: ")
        world.google_settings = {}
        world.configure(spreadsheet=spreadsheet)
        done = world.pull(environment=settings)
        assert done.code == 0
        assert world.csv() == world.whole()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err == "the sandbox runs until ctrl-c\n"


def test_the_sandbox_lets_things_go_wrong_as_it_is_told(world: World) -> None:
    """`--fault` takes the script of the tests."""
    workbook = world.folder / "data.csv"
    workbook.write_bytes(csv_of([["name"], ["x"]]))
    options = ["--workbook", workbook, "--folder", world.folder / "sb", "--fault", "spreadsheet:403*", "--powershell"]
    with _sandbox(world, *options) as (process, lines):
        assert any(line.startswith("$env:HTTPS_PROXY = '") for line in lines)
        settings = {
            line.partition(" ")[0].removeprefix("$env:"): line.partition("'")[2].rstrip("'")
            for line in lines
            if line.startswith("$env:")
        }
        world.google_settings = {}
        world.configure()
        assert world.pull(environment=settings).code == 5
        process.terminate()
        assert process.wait(60) == (1 if systems.WINDOWS else 0)  # which ends a process without asking it


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--workbook"),
        (["--workbook", "nowhere.csv"], "cannot be served: no such file"),
        (["--workbook", "a.csv", "--fault", "nonsense"], "not a valid fault"),
        (["--workbook", "a.csv", "b/a.csv"], "two files would become the tab a"),
    ],
)
def test_the_sandbox_refuses_what_it_cannot_serve(world: World, options: list[str], words: str) -> None:
    """A usage error, and nothing is started."""
    (world.folder / "b").mkdir()
    for name in ("a.csv", "b/a.csv"):
        (world.folder / name).write_bytes(b"a\r\n")
    done = world.run("sandbox", *options)
    assert done.code == 2
    assert words in done.err


class _sandbox:  # noqa: N801  (reads as a function: a sandbox that runs, and what it printed)
    def __init__(self, world: World, *options: object) -> None:
        self._world = world
        self._options = options

    def __enter__(self) -> tuple["subprocess.Popen[str]", list[str]]:
        self._process = subprocess.Popen(
            [*survey.PROGRAM, "sandbox", *map(str, self._options)],
            env=self._world.environment(),
            cwd=self._world.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self._process.stdout is not None
        lines = [self._process.stdout.readline().rstrip("\n") for _ in range(11)]
        return self._process, lines

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        self._process.wait(60)


def _settings(lines: list[str]) -> dict[str, str]:
    exports = [shlex.split(line)[1] for line in lines if line.startswith("export ")]
    assert len(exports) == 8
    return dict(line.split("=", 1) for line in exports)
