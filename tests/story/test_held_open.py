"""Files and folders that another program holds open, on Windows: with real handles."""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import opening
from sheets_decrypt.vault.cryptomator.names import NameCipher
from tests import mounts
from tests.survey import CSV, HEADER, VAULT_PASSPHRASE, World, csv_of

pytestmark = pytest.mark.system("windows", "elsewhere a file that is open can be replaced")

NAME = "a.csv"
FILE_AND_FOLDER = [
    "file",
    pytest.param("folder", marks=pytest.mark.wine_cannot("a folder in which a file is open is renamed")),
]
FORMER = csv_of([HEADER, ["1", "the former csv", "", "", ""]])
_before_renames: list[Callable[[Path, Path], None]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "os.rename":
        for look in _before_renames:
            look(Path(arguments[0]), Path(arguments[1]))


@pytest.fixture(scope="module", autouse=True)
def _renames_are_seen() -> None:
    sys.addaudithook(_audit)  # for good: Python removes none


@contextlib.contextmanager
def _scanner(wanted: Callable[[Path], bool], *, times: int | None) -> Iterator[None]:
    """Be a virus scanner: open what is about to be renamed, and let it go when that was refused so many times."""
    held: list[BinaryIO] = []
    attempts = itertools.count()

    def look(source: Path, _target: Path) -> None:
        if not (source.name.startswith(".sheets-decrypt-") and wanted(source)):
            return
        if not held:
            file = next(path for path in [source, *source.rglob("*")] if path.is_file())
            held.append(file.open("rb"))
        if times is not None and next(attempts) == times:
            held[0].close()

    _before_renames.append(look)
    try:
        yield
    finally:
        _before_renames.remove(look)
        for file in held:
            file.close()


def _on_disk(world: World, name: str) -> Path:
    opened = opening.unlock(world.vault_folder, lambda: Secret(VAULT_PASSPHRASE))
    names = NameCipher(opened.keys.siv(), opened.threshold)
    return world.vault_folder / names.address("") / names.on_disk(names.encrypt(name, ""))


@pytest.fixture
def former(world: World) -> World:
    """Provide a world whose vault holds a CSV of an earlier run in its root."""
    world.settings["output"] = NAME
    world.configure(max_shrink=1)
    with world.vault.replace(NAME) as file:
        file.write(FORMER)
    return world


def test_a_csv_that_is_held_open_for_a_moment_is_replaced(former: World) -> None:
    """A sync client that reads it is waited for."""
    path = _on_disk(former, NAME)
    attempts = []

    def let_go(_source: Path, target: Path) -> None:
        if target.name == path.name:
            attempts.append(target)
            if len(attempts) == 3:
                file.close()

    with path.open("rb") as file:
        _before_renames.append(let_go)
        try:
            done = former.pull()
        finally:
            _before_renames.remove(let_go)
    assert (done.code, len(attempts)) == (0, 3)
    assert former.csv(NAME) == former.whole()
    assert set(former.vault.names("")) == {NAME, f"{NAME}.runs.jsonl", "a.report.txt"}


def test_a_csv_that_stays_held_open_gets_a_neighbour_which_is_reported(former: World) -> None:
    """The new CSV lies beside the former one, the run says where, and the next run replaces the former one."""
    with _on_disk(former, NAME).open("rb"):
        done = former.pull()
        assert former.csv(NAME) == FORMER
    [beside] = set(former.vault.names("")) - {NAME, f"{NAME}.runs.jsonl", "a.report.txt"}
    assert done.code == 0
    assert f"is held open by another program: it is unchanged, and the new content is {beside}" in done.err
    assert former.csv(beside) == former.whole()
    assert former.pull().code == 0
    assert former.csv(NAME) == former.whole()


def test_a_history_that_is_held_open_is_a_warning(former: World) -> None:
    """The CSV is written, and the run's result does not change."""
    assert former.pull().code == 0
    former.configure(encoding="utf-8")
    with _on_disk(former, f"{NAME}.runs.jsonl").open("rb"):
        done = former.pull()
    assert done.code == 0
    assert "the history could not be written: " in done.err
    assert "held open by another program" in done.err


def test_a_dated_copy_that_is_held_open_is_removed_by_a_later_run(former: World) -> None:
    """A person looks at an old copy: the CSV is written, the run says what stays, and the next one removes it."""
    os.utime(_on_disk(former, NAME), (1_700_000_000, 1_700_000_000))  # copies are named by the second
    former.configure(max_shrink=1, keep=1)
    assert former.pull().code == 0
    [copy] = [name for name in former.vault.names("") if ".kept-" in name]
    former.configure(max_shrink=1, keep=1, encoding="utf-8")
    with _on_disk(former, copy).open("rb"):
        done = former.pull()
        assert len([name for name in former.vault.names("") if ".kept-" in name]) == 2
    assert done.code == 0
    assert f"the old copy {copy} was not removed: " in done.err
    former.configure(max_shrink=1, keep=1)
    assert former.pull().code == 0
    assert len([name for name in former.vault.names("") if ".kept-" in name]) == 1


def test_a_csv_on_a_drive_that_stays_held_open_gets_a_neighbour(world: World, tmp_path: Path) -> None:
    """Excel has the CSV open on the vault's drive: the new one lies beside it, and the run says where."""
    del world.settings["vault"]
    with mounts.gocryptfs(tmp_path) as drive:
        csv = drive.point / NAME
        csv.write_bytes(FORMER)
        world.configure(output=str(csv), max_shrink=1)
        with csv.open("rb"):
            done = world.pull()
        [beside] = [path.name for path in drive.point.glob("a.*.csv")]
        assert done.code == 0
        assert f"a.csv is held open by another program, so the new file is {beside} beside it" in done.err
        assert (csv.read_bytes(), (drive.point / beside).read_bytes()) == (FORMER, world.whole())
        assert world.pull().code == 0
        assert csv.read_bytes() == world.whole()


@pytest.mark.parametrize("what", FILE_AND_FOLDER)
def test_what_a_scanner_holds_for_a_moment_gets_its_name(world: World, what: str) -> None:
    """The new file, or the new folder with its id, is looked at by a virus scanner before it has its name."""
    with _scanner(lambda path: path.is_dir() == (what == "folder"), times=2):
        done = world.pull()
    assert done.code == 0
    assert world.csv() == world.whole()


@pytest.mark.parametrize("what", FILE_AND_FOLDER)
def test_what_a_scanner_never_lets_go_fails_the_run(world: World, what: str) -> None:
    """It is exit code 7 with a hint, never a bug; nothing is left under a name, and the next run works."""
    with _scanner(lambda path: path.is_dir() == (what == "folder"), times=None):
        done = world.pull()
    assert done.code == 7
    assert "held open by another program" in done.err
    assert "hint: close the file in other programs" in done.err
    assert "bug" not in done.err
    assert world.csv() is None
    assert world.pull().code == 0
    assert world.csv(CSV) == world.whole()
