"""Fuzz what reads someone else's bytes: `python -m tests.fuzz --minutes 10 [--target cell]`.

Each target runs in a process of its own, with a limit on memory and on the time of a single input. With atheris
(`pip install -e ".[fuzz]"`) the inputs follow what the code has not yet done; without it they are mutations of valid
ones. An input that ends in anything but an error of ours is kept in the folder that is named, and the exit code is 1.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.fuzz.mutation import MEMORY, SECONDS, fuzz

_DONE: Final = re.compile(r"(?:Done |tried )(\d+)")


def main() -> int:
    """Fuzz every target, or one, and print how many inputs each was given."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target")
    parser.add_argument("--target", action="append", help="only this one; may be given several times")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _inside(options.target[0], options.minutes * 60, options.seed)
        return 0
    from tests.fuzz.targets import all_targets

    with tempfile.TemporaryDirectory() as folder:
        names = options.target or list(all_targets(Path(folder)))
    return max(_outside(name, options) for name in names)


def _outside(name: str, options: argparse.Namespace) -> int:
    """Run one target, and print what came of it."""
    command = [sys.executable, "-m", "tests.fuzz", "--inside", "--target", name]
    command += ["--minutes", str(options.minutes), "--seed", str(options.seed)]
    kept = Path(tempfile.mkdtemp(prefix=f"sheets-decrypt-fuzz-{name}-"))
    environment = os.environ | {"SHEETS_DECRYPT_FUZZ_KEPT": str(kept)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    tried = _DONE.findall(done.stderr)
    print(
        f"{name}: {int(tried[-1]) if tried else 0:,} inputs, {'no error' if not done.returncode else 'FAILED'}",
        flush=True,
    )
    if done.returncode:
        print(done.stdout[-2000:] + done.stderr[-6000:], f"the input is in {kept}", sep="\n", flush=True)
        return 1
    kept.rmdir()
    return 0


def _inside(name: str, seconds: float, seed: int) -> None:
    """Fuzz one target in this process, until the time is over or an input breaks it."""
    kept = Path(os.environ["SHEETS_DECRYPT_FUZZ_KEPT"])
    with tempfile.TemporaryDirectory() as folder:
        if find_spec("atheris") is None:
            from tests.fuzz.targets import all_targets

            print(f"tried {fuzz(all_targets(Path(folder))[name], seconds, seed, kept)}", file=sys.stderr)
            return
        import atheris  # type: ignore[import-untyped]  # without types

        with atheris.instrument_imports(include=["sheets_decrypt"]):
            from tests.fuzz.targets import all_targets
        target = all_targets(Path(folder))[name]
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed_input in enumerate(target.seeds):
            (corpus / str(number)).write_bytes(seed_input)
        limits = (
            f"-timeout={SECONDS}",
            f"-rss_limit_mb={MEMORY >> 20}",
            f"-max_total_time={int(seconds)}",
            f"-seed={seed}",
        )
        atheris.Setup([sys.argv[0], *limits, "-max_len=100000", f"-artifact_prefix={kept}/", str(corpus)], target.try_)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
