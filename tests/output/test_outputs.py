"""Several outputs of one run: all of them are replaced, or none, as far as a file system allows."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from sheets_decrypt.errors import ConfigurationError, SheetRefused, SheetShrunk, VaultError
from sheets_decrypt.output.outputs import Destination, Form, Outputs, deliveries, refuse_elsewhere
from sheets_decrypt.output.shrinking import ReplacePolicy
from sheets_decrypt.table import FormerCounts, Secret
from sheets_decrypt.vault.folder import OpenFolder
from sheets_decrypt.vault.plain_folder import PlainFolder
from sheets_decrypt.vault.replacement import RenamePolicy
from tests import quick_vault, systems

NAMES: Final = ("a.csv", "a.xlsx", "a.dta")
FORM: Final = Form("utf-8", "smart")
COUNTED: Final = FormerCounts("", 0, {})  # by the previous run, so that no copy is kept
Rows = Sequence[Sequence[str]]


def _write(
    folder: PlainFolder,
    rows: Rows,
    names: Sequence[str] = NAMES,
    *,
    policy: ReplacePolicy | None = None,
    former: FormerCounts | None = COUNTED,
) -> Outputs:
    destinations = [Destination(folder, name) for name in names]
    with deliveries(destinations, FORM, policy or ReplacePolicy(), former) as outputs:
        outputs.begin(["id", "name"])
        outputs.write(list(zip(*rows, strict=True)))
        outputs.commit(len(rows), {})
    return outputs


def _rows(count: int, name: str = "somebody") -> list[list[str]]:
    return [[str(number), f"{name} {number}"] for number in range(count)]


def _files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_every_output_is_left_alone_where_nothing_changed(tmp_path: Path) -> None:
    """A second run with the same rows writes none of them, and a lost output is written again."""
    folder = PlainFolder(tmp_path)
    assert _write(folder, _rows(3)).changed
    before = {file.name: file.stat().st_ino for file in tmp_path.iterdir()}
    assert sorted(before) == sorted(NAMES)
    assert not _write(folder, _rows(3)).changed
    assert {file.name: file.stat().st_ino for file in tmp_path.iterdir()} == before
    (tmp_path / "a.dta").unlink()
    again = _write(folder, _rows(3))
    assert [file.changed for file in again.delivered] == [False, False, True]
    assert {file.name: file.stat().st_ino for file in tmp_path.iterdir() if file.suffix != ".dta"} == {
        name: node for name, node in before.items() if name != "a.dta"
    }


def test_a_dry_run_writes_none_and_says_what_would_change(tmp_path: Path) -> None:
    """The digests are those of the real run."""
    folder = PlainFolder(tmp_path)
    dry = _write(folder, _rows(3), policy=ReplacePolicy(dry_run=True))
    assert _files(tmp_path) == {}
    real = _write(folder, _rows(3))
    assert [file.sha256 for file in dry.delivered] == [file.sha256 for file in real.delivered]


def test_a_cell_that_one_file_cannot_hold_leaves_all_files_unchanged(tmp_path: Path) -> None:
    """A cell that is too long for the workbook holds back the other files too."""
    folder = PlainFolder(tmp_path)
    _write(folder, _rows(3))
    before = _files(tmp_path)
    with pytest.raises(SheetRefused, match='row 2 of column "name" is longer'):
        _write(folder, [["1", "x" * 40_000]])
    assert _files(tmp_path) == before


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    """Make the system refuse to write more, as a full disk does."""
    import resource  # not on Windows

    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


def test_a_disk_that_is_full_for_the_last_file_leaves_all_unchanged(tmp_path: Path) -> None:
    """Every file is on the disk before the first is renamed, and not even a temporary file remains."""
    systems.only_on("posix", "the system's limit of a file's size")
    folder, names = PlainFolder(tmp_path), ("a.csv", "a.dta", "a.xlsx")
    _write(folder, _rows(3), names)
    before = _files(tmp_path)
    largest = len(before["a.xlsx"])
    assert largest > max(len(before["a.csv"]), len(before["a.dta"])) + 300
    with _no_file_larger_than(largest - 100), pytest.raises(VaultError):
        _write(folder, _rows(3, "someone!"), names)
    assert _files(tmp_path) == before


def _refusing(name: str) -> RenamePolicy:
    """Return a policy under which the rename to `name` fails."""

    def rename(folder: OpenFolder, old: str, new: str) -> None:
        if new == name:
            raise OSError(5, "the disk is broken")
        folder.rename(old, new)

    return RenamePolicy(rename=rename)


def test_a_failed_rename_is_reported_and_the_next_run_completes_it(tmp_path: Path) -> None:
    """The files that already have their new content are named, and no temporary file remains."""
    folder = PlainFolder(tmp_path)
    _write(folder, _rows(3))
    before = _files(tmp_path)
    with pytest.raises(VaultError, match=r"already replaced: .*a\.csv") as failure:
        _write(PlainFolder(tmp_path, policy=_refusing("a.xlsx")), _rows(4))
    assert failure.value.hint.endswith("; then run again")
    after = _files(tmp_path)
    assert sorted(after) == sorted(NAMES)
    assert [name for name in NAMES if after[name] != before[name]] == ["a.csv"]
    assert [file.changed for file in _write(folder, _rows(4)).delivered] == [False, True, True]


def test_every_file_that_was_already_replaced_is_named(tmp_path: Path) -> None:
    """The error names the files that already have their new content, and no other."""
    names = ("a.csv", "b.csv", "c.csv")
    _write(PlainFolder(tmp_path), _rows(4), ["b.csv"])
    (tmp_path / "b.csv").rename(tmp_path / "same.csv")
    with pytest.raises(VaultError) as failure:
        _write(PlainFolder(tmp_path, policy=_refusing("c.csv")), _rows(4), ["same.csv", *names])
    assert failure.value.message.endswith(f"; already replaced: {tmp_path / 'a.csv'}, {tmp_path / 'b.csv'}")


def test_the_next_run_completes_after_a_power_cut_between_two_renames(tmp_path: Path) -> None:
    """The process dies right before the second rename, and each file is complete, either old or new."""
    systems.only_on("posix", "a process is forked")
    folder = PlainFolder(tmp_path)
    _write(folder, _rows(3))
    before = _files(tmp_path)

    def rename(place: OpenFolder, old: str, new: str) -> None:
        if new == "a.xlsx":
            os._exit(9)
        place.rename(old, new)

    child = os.fork()
    if child == 0:  # pragma: no cover  (this process ends before it can report its coverage)
        _write(PlainFolder(tmp_path, policy=RenamePolicy(rename=rename)), _rows(4))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    after = _files(tmp_path)
    assert (after["a.xlsx"], after["a.dta"]) == (before["a.xlsx"], before["a.dta"])
    assert b"somebody 3" in after["a.csv"]
    _write(folder, _rows(4))
    other = tmp_path / "other"
    other.mkdir()
    _write(PlainFolder(other), _rows(4))
    assert dict(_files_of(tmp_path)) == _files(other)


def _files_of(path: Path) -> Iterator[tuple[str, bytes]]:
    return ((file.name, file.read_bytes()) for file in path.iterdir() if file.is_file())


@pytest.mark.parametrize("name", NAMES)
def test_a_shrunken_output_of_any_kind_is_refused(tmp_path: Path, name: str) -> None:
    """It is refused even where only the file itself says how many rows it had."""
    folder = PlainFolder(tmp_path)
    _write(folder, _rows(10), [name])
    before = _files(tmp_path)
    with pytest.raises(SheetShrunk, match="has 8 rows, and the file that it would replace has 10"):
        _write(folder, _rows(8), [name])
    assert _files(tmp_path) == before
    assert _write(folder, _rows(9), [name]).changed


def test_only_the_first_output_that_exists_judges_what_may_be_gone(tmp_path: Path) -> None:
    """A workbook that a person has filled does not hold back a main output that lost nothing."""
    folder = PlainFolder(tmp_path)
    _write(folder, _rows(100), ["a.xlsx"])
    _write(folder, _rows(3), ["a.csv"])
    assert _write(folder, _rows(3), ["a.csv", "a.xlsx"]).changed


@pytest.mark.parametrize("name", NAMES)
def test_a_new_main_output_lets_no_shrunken_one_replace_another(tmp_path: Path, name: str) -> None:
    """Where the main output was renamed or moved to `also`, the other file may be the only copy of the answers."""
    folder = PlainFolder(tmp_path)
    _write(folder, _rows(100), [name])
    before = _files(tmp_path)
    with pytest.raises(SheetShrunk, match="has 3 rows, and the file that it would replace has 100"):
        _write(folder, _rows(3), ["new.csv", "new.dta", name])
    assert _files(tmp_path) == before


def test_the_rows_of_a_known_workbook_are_not_counted_again(tmp_path: Path) -> None:
    """The history recognises the workbook by its digest."""
    folder = PlainFolder(tmp_path)
    first = _write(folder, _rows(10), ["a.xlsx"])
    counted = FormerCounts(first.delivered[0].sha256, 100, {})
    with pytest.raises(SheetShrunk, match="has 100"):
        _write(folder, _rows(11), ["a.xlsx"], former=counted)


def test_copies_of_every_output_are_kept(tmp_path: Path) -> None:
    """`keep` applies to each of them."""
    folder = PlainFolder(tmp_path)
    policy = ReplacePolicy(keep=1)
    _write(folder, _rows(3), policy=policy)
    _write(folder, _rows(4), policy=policy)
    assert sorted(file.suffix for file in tmp_path.glob("a.kept-*")) == [".csv", ".dta", ".xlsx"]


def test_cells_that_excel_cuts_are_reported_once(tmp_path: Path) -> None:
    """The warning has the column's name, and is not repeated for each file that holds the cell."""
    outputs = _write(PlainFolder(tmp_path), [["1", "x" * 40_000]], ["a.csv", "b.csv"])
    [warning] = outputs.warnings()
    assert "(row 2 of 'name')" in warning


def test_further_outputs_are_files_of_their_own_beside_the_main_one(tmp_path: Path) -> None:
    """They are in the same vault; the error for a refused output names it, with the next step."""
    vault, other = (quick_vault.create(tmp_path / name, Secret("x")) for name in ("one", "two"))
    place, main = vault.check(), (vault, "a.csv")
    found = refuse_elsewhere([(vault, "a.xlsx"), (vault, "b.csv")], main, place)
    assert found == [Destination(vault, "a.xlsx"), Destination(vault, "b.csv")]
    for also in ([(vault, "a.csv")], [(vault, "b.csv"), (vault, "b.csv")]):
        with pytest.raises(ConfigurationError) as twice:
            refuse_elsewhere(also, main, place)
        assert twice.value.message == f"also: {vault.path(also[-1][1])} is written twice"
        assert twice.value.hint == "name another file"
    there = other.check()
    with pytest.raises(ConfigurationError) as elsewhere:
        refuse_elsewhere([(other, "a.xlsx")], main, place)
    assert elsewhere.value.message == (
        f"also: {other.path('a.xlsx')} is on {there.where} ({there.what}), and the output on {place.where}"
    )
    assert elsewhere.value.hint == "put all outputs of a job into one vault"
