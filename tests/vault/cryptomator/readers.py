"""Third-party readers and writers of Cryptomator vaults, which must agree with ours byte for byte.

`pycryptomator` (PyPI) supports SIV_GCM, `cryptomator-ts` (npm) supports SIV_CTRMAC. Each runs in its own process.
"""

import functools
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import platformdirs
from filelock import FileLock

from sheets_decrypt.table import Secret
from tests import require

_NODE: Final = Path(__file__).parents[2] / "node"
_CACHE: Final = platformdirs.user_cache_path("sheets-decrypt-tests")  # the real user's: each test has a new home
_SECONDS: Final = 300
_PASSED_OVER: Final = re.compile(r"ERROR: could not decrypt name \.sheets-decrypt-[0-9a-f]{8}-[0-9a-f]{16}\.tmp")

_PYCRYPTOMATOR = """
import builtins, hashlib, json, os, sys
from pycryptomator.cryptomator import Vault

answers, complaints = sys.stdout, []
builtins.print = lambda *words, **_: complaints.append(" ".join(map(str, words)))
vault = Vault(sys.argv[1], sys.stdin.readline().removesuffix("\\n"))


class Digest:
    def __init__(self):
        self.sha256 = hashlib.sha256()

    def write(self, data):
        self.sha256.update(data)

    def close(self):
        pass


def listing():
    # A new object each time, so that nothing is cached.
    fresh, found = Vault(sys.argv[1], pk=vault.pk, hk=vault.hk), {}
    for root, folders, files in fresh.walk("/"):
        for name in folders:
            found[os.path.join(root, name)[1:] + "/"] = ""
        for name in files:
            path, digest = os.path.join(root, name), Digest()
            fresh.decryptFile(path, digest)
            found[path[1:]] = digest.sha256.hexdigest()
    return found


for line in sys.stdin:
    request, complaints[:] = json.loads(line), []
    try:
        if request["do"] == "list":
            result = listing()
        elif request["do"] == "folder":
            result = vault.mkdir(request["name"])
        else:
            result = vault.encryptFile(request["source"], request["name"], True)
    except BaseException as error:
        result = None
        complaints.append(f"{type(error).__name__}: {error}")
    answers.write(json.dumps({"result": result, "complaints": complaints}) + "\\n")
    answers.flush()
"""


class Pycryptomator:
    """A running pycryptomator with one vault open, so that scrypt runs only once.

    Args:
        process: Answers each line of JSON with a line of JSON.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def listing(self) -> dict[str, str]:
        """Decrypt everything: path → SHA-256 of the content; a folder's path ends in `/` and has no digest."""
        found: dict[str, str] = self._ask(do="list")
        return found

    def make_folder(self, name: str) -> None:
        """Create a folder and its parents."""
        self._ask(do="folder", name=f"/{name}")

    def put(self, name: str, source: Path) -> None:
        """Encrypt a file into the vault."""
        self._ask(do="put", name=f"/{name}", source=str(source))

    def _ask(self, **request: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        # Like every reader, pycryptomator skips a temporary file, and complains about it.
        complaints = [text for text in answer["complaints"] if not _PASSED_OVER.fullmatch(text)]
        assert complaints == [], complaints
        return answer["result"]


@contextmanager
def pycryptomator(vault: Path, passphrase: Secret) -> Iterator[Pycryptomator]:
    """Open a vault with pycryptomator."""
    require.that(importlib.util.find_spec("pycryptomator"), "the package pycryptomator is not installed")
    with subprocess.Popen(
        [sys.executable, "-c", _PYCRYPTOMATOR, str(vault)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
    ) as process:
        assert process.stdin is not None
        process.stdin.write(passphrase.reveal() + "\n")
        try:
            yield Pycryptomator(process)
        finally:
            process.stdin.close()
            process.wait(_SECONDS)


def pycryptomator_command(vault: Path, passphrase: Secret, *words: str) -> str:
    """Run pycryptomator's command as a user would, and return its output."""
    require.that(importlib.util.find_spec("pycryptomator"), "the package pycryptomator is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "pycryptomator", "--password", passphrase.reveal(), str(vault), *words],
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=_SECONDS,
        env=os.environ | {"PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"},
    )
    return done.stdout


class CryptomatorTs:
    """cryptomator-ts, which runs once per call.

    Args:
        program: cryptomator-ts and its dependencies, bundled into one file.
    """

    def __init__(self, program: Path) -> None:
        self._program = program

    def create(self, vault: Path, passphrase: Secret) -> None:
        """Create a vault in an empty folder."""
        self._run(passphrase, "create", str(vault))

    def read(self, vault: Path, passphrase: Secret, target: Path) -> None:
        """Decrypt the whole vault into a folder."""
        self._run(passphrase, "read", str(vault), str(target))

    def write(self, vault: Path, passphrase: Secret, source: Path) -> None:
        """Copy a whole folder into the vault."""
        self._run(passphrase, "write", str(vault), str(source))

    def _run(self, passphrase: Secret, *words: str) -> None:
        done = subprocess.run(
            [require.program("node"), self._program, *words],
            check=False,
            input=passphrase.reveal() + "\n",
            capture_output=True,
            encoding="utf-8",
            timeout=_SECONDS,
        )
        assert done.returncode == 0, done.stderr


def cryptomator_ts() -> CryptomatorTs:
    """Find cryptomator-ts in `tests/node`, or install it once into the user's cache; skip the test if neither works."""
    require.program("node")
    if (_NODE / "node_modules" / "cryptomator-ts").is_dir():
        return CryptomatorTs(_bundle(_NODE))
    npm = require.program("npm")
    package = (_NODE / "package.json").read_bytes()
    folder = _CACHE / hashlib.sha256(package).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "install.lock"):
        shutil.copy(_NODE / "cryptomator.ts", folder)
        if not (folder / "installed").exists():
            shutil.copy(_NODE / "package.json", folder)
            done = subprocess.run(
                [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"],
                check=False,
                cwd=folder,
                capture_output=True,
                encoding="utf-8",
                timeout=_SECONDS,
            )
            require.that(done.returncode == 0, f"npm could not install cryptomator-ts: {done.stderr[-200:]}")
            (folder / "installed").touch()
    return CryptomatorTs(_bundle(folder))


@functools.cache
def _bundle(folder: Path) -> Path:
    """Bundle everything into one JavaScript file, once per process: the translation takes longer than most runs."""
    program = platformdirs.user_cache_path("sheets-decrypt-tests", ensure_exists=True) / "cryptomator.js"
    options = ("--bundle", "--platform=node", "--log-level=warning", f"--outfile={program}")
    subprocess.run([folder / "node_modules/.bin/esbuild", "cryptomator.ts", *options], cwd=folder, check=True)
    return program


def digests(folder: Path) -> Mapping[str, str]:
    """Return what a folder contains: path → SHA-256 of its content; a folder's path ends in `/` and has no digest."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            found[name + "/"] = ""
        else:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
