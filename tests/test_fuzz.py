"""Foreign input ends in an answer or an error of ours, in bounded time and memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import systems
from tests.fuzz.targets import Target, all_targets
from tests.long import scaled

NAMES = (
    "cell", "csv", "workbook", "worksheet", "page", "configuration", "key-file", "mountinfo", "vault.cryptomator",
    "masterkey.cryptomator", "encrypted-file",
)  # fmt: skip


def test_every_target_is_fuzzed(tmp_path: Path) -> None:
    """NAMES lists all targets."""
    assert tuple(all_targets(tmp_path)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_odd_input_ends_in_an_answer_or_an_error_of_ours(
    tmp_path: Path, count: Callable[[str, int], None], name: str
) -> None:
    """Mutated valid input has no other result, and takes at most ten seconds and two gigabytes each."""
    systems.only_on("posix", "Windows cannot limit a process's memory and time")
    from tests.fuzz.mutation import fuzz

    count(
        f"fuzzing: inputs to {name}",
        fuzz(all_targets(tmp_path)[name], scaled(0.25, 20.0), seed=len(name), kept=tmp_path),
    )


@pytest.mark.parametrize("code", ["raise ValueError", "[0] * 10**10", "while True: pass"])
def test_the_fuzzer_notices_failures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Another error, too much memory and too much time are failures, and the input is kept."""
    systems.only_on("posix", "Windows cannot limit a process's memory and time")
    from tests.fuzz import mutation

    monkeypatch.setattr(mutation, "SECONDS", 1)
    with pytest.raises((ValueError, MemoryError, mutation.TooSlow)):
        mutation.fuzz(Target([b"broken"], lambda _: exec(code)), 5, seed=1, kept=tmp_path)
    assert (tmp_path / "input").read_bytes() == b"broken"
