"""How fast a Cryptomator vault is written, measured against AES-GCM itself on the same bytes in the same run.

    python -m tests.benchmarks.cryptomator

Two ratios, 1.0 is as fast as the cipher alone: of the encryption (chunks, nonces, numbers, buffers), where both sides
throw the result away, and of a whole replacement in a vault, where the other side writes its chunks to a plain file,
has it on the disk and renames it. Each is the ratio of medians of five runs, the two sides in turn.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from sheets_decrypt.vault.cryptomator.content import GcmContent
from sheets_decrypt.vault.cryptomator.keys import Keys
from sheets_decrypt.vault.cryptomator.stream import Encryptor

SIZE: Final = 100_000_000
RUNS: Final = 5
_CHUNK: Final = 32 * 1024
_PIECE: Final = 1024 * 1024


def encryption_ratio(size: int = SIZE, runs: int = RUNS) -> float:
    """Compare the stream of a vault's chunks with the cipher alone, both without a disk."""
    data, cipher = memoryview(os.urandom(size)), GcmContent(Keys.generate())

    def ours() -> None:
        encryptor = Encryptor(cipher, len)
        for start in range(0, size, _PIECE):
            encryptor.write(data[start : start + _PIECE])
        encryptor.finish()

    return _ratio(ours, lambda: _cipher_alone(data, len), runs)


def replacement_ratio(folder: Path, size: int = SIZE, runs: int = RUNS) -> float:
    """Compare a replacement in a vault with the cipher and a plain file, both until it is on the disk."""
    data = os.urandom(size)
    vault = CryptomatorVault.create(folder / "vault", Secret("benchmark"))

    def ours() -> None:
        with vault.replace("large.bin") as new:
            for start in range(0, size, _PIECE):
                new.write(data[start : start + _PIECE])

    def theirs() -> None:
        with (folder / "plain.tmp").open("wb", buffering=0) as file:
            _cipher_alone(memoryview(data), file.write)
            os.fsync(file.fileno())
        (folder / "plain.tmp").replace(folder / "plain")

    return _ratio(ours, theirs, runs)


def _cipher_alone(data: memoryview, sink: Callable[[bytes], object]) -> None:
    """Encrypt chunk by chunk with the same cipher, key length, nonces and additional data."""
    aes, header = AESGCM(os.urandom(32)), os.urandom(12)
    for number, start in enumerate(range(0, len(data), _CHUNK)):
        bound = number.to_bytes(8, "big") + header
        sink(aes.encrypt(os.urandom(12), data[start : start + _CHUNK], bound))


def _ratio(ours: Callable[[], None], theirs: Callable[[], None], runs: int) -> float:
    """Return our speed as a share of the other side's."""
    ours()
    theirs()
    taken: dict[Callable[[], None], list[float]] = {ours: [], theirs: []}
    for _ in range(runs):
        for side, times in taken.items():
            start = time.perf_counter()
            side()
            times.append(time.perf_counter() - start)
    return statistics.median(taken[theirs]) / statistics.median(taken[ours])


def main() -> None:
    """Print both ratios."""
    print(f"encryption of {SIZE // 1_000_000} MB:  {encryption_ratio():.2f} of AES-GCM alone")
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"replacement of {SIZE // 1_000_000} MB: {replacement_ratio(Path(folder)):.2f} of AES-GCM and a plain file"
        )


if __name__ == "__main__":
    main()
