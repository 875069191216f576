"""Fuzzing without a tool: valid inputs, changed at random, with a limit on the time and the memory of each."""

import random
import resource
import signal
import time
from pathlib import Path
from typing import Final

from tests.fuzz.targets import Target

SECONDS: Final = 10  # for one input
MEMORY: Final = 2 << 30  # bytes
_ODD: Final = (
    b"", b"\0", b"\xff", b"\n", b'"', b"{", b"[" * 5000, b"9" * 5000, b"-", b"1e999", b"\xed\xa0\x80", b"null",
)  # fmt: skip


class TooSlow(BaseException):
    """One input took longer than `SECONDS`; not an Exception, so that nothing catches it."""


def fuzz(target: Target, seconds: float, seed: int, kept: Path | None = None) -> int:
    """Feed mutated inputs to a target until the time is over, and return how many.

    Args:
        target: What reads them.
        seconds: How long.
        seed: Of the random numbers.
        kept: Where the input is written that breaks the target.

    Raises:
        BaseException: What an input brought about that is not an error of ours.
    """
    chance = random.Random(seed)
    former = signal.signal(signal.SIGALRM, _too_slow)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_memory() + MEMORY, limits[1]))
    end, tried = time.monotonic() + seconds, 0
    try:
        while time.monotonic() < end:
            data = target.seeds[tried] if tried < len(target.seeds) else _mutated(chance, target.seeds)
            signal.alarm(SECONDS)
            _try(target, data, kept)
            signal.alarm(0)
            tried += 1
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
        resource.setrlimit(resource.RLIMIT_AS, limits)
    return tried


def _try(target: Target, data: bytes, kept: Path | None) -> None:
    try:
        target.try_(data)
    except BaseException:
        if kept is not None:
            (kept / "input").write_bytes(data)
        raise


def _too_slow(*_: object) -> None:
    raise TooSlow


def _memory() -> int:
    """Return the address space that this process has now, in bytes."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Return a valid input with up to eight changes: bits, pieces left out, doubled, exchanged, or odd ones put in."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 8)):
        start = chance.randint(0, len(data))
        end = min(len(data), start + int(chance.expovariate(1 / 8)))
        match chance.randint(0, 4):
            case 0 if start < len(data):
                data[start] ^= 1 << chance.randint(0, 7)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end]
            case 3:
                data[start:end] = chance.choice(_ODD)
            case _:
                other = chance.choice(seeds)
                place = chance.randint(0, len(other))
                data[start:end] = other[place : place + end - start]
    return bytes(data)
