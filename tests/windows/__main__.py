"""Run the tests with Python for Windows under wine: `python -m tests.windows [pytest arguments]`.

This needs Debian and root; the first run takes two minutes and 900 MB. The setup is kept in the folder named by
SHEETS_DECRYPT_TESTS_WINDOWS, by default in the user's cache folder, and is used only by the tests.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import filelock
import platformdirs

from tests.windows import prefix

_ROOT: Final = Path(__file__).parents[2]
# Wine serves all processes of a prefix in one thread, so more test processes would only wait for it.
_ARGUMENTS: Final = ("--numprocesses=2", "-p", "no:cacheprovider")


def main(arguments: Sequence[str]) -> int:
    """Set Windows up if needed, and run pytest there; return its exit code, or 2 if wine is not available."""
    if reason := prefix.unavailable():
        print(f"error: Windows cannot be set up here: {reason}", file=sys.stderr)
        return 2
    default = platformdirs.user_cache_path("sheets-decrypt-tests") / "windows"
    folder = Path(os.environ.get("SHEETS_DECRYPT_TESTS_WINDOWS") or default)
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / "lock"):  # one run at a time: the drives and the registry are shared
        windows = prefix.prepared(folder, _ROOT)
        environment = windows.environment(os.environ)
        command = ["wine", str(windows.python), "-X", "utf8=0", "-m", "pytest", *_ARGUMENTS, *arguments]
        # Pipes, because wine's Python does not start with a file as its output.
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        copying = threading.Thread(target=_copy, args=(process.stdout,))
        copying.start()
        try:
            return process.wait()
        finally:
            windows.stop(environment)  # wine's own processes inherit the pipe and keep it open until they end
            copying.join()


def _copy(pipe: IO[bytes]) -> None:
    while chunk := os.read(pipe.fileno(), 1 << 16):
        sys.stdout.buffer.write(chunk)
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
