"""`sheets-decrypt vault ls|cat|put`: read and change files of a Cryptomator vault without a mounted drive."""

import subprocess
from pathlib import Path

import pytest

from sheets_decrypt.table import Secret
from sheets_decrypt.vault.cryptomator import CryptomatorVault
from tests import quick_vault
from tests.pseudo_terminal import at_a_terminal
from tests.survey import CSV, PROGRAM, VAULT_PASSPHRASE, Done, World, assert_nothing_leaked

# Bytes that must pass through unchanged: invalid UTF-8, every kind of line break, NUL, an escape; more than one piece.
BYTES = bytes(range(256)) + b"\r\n\n\r\x1b[31m\x00" + b"piece " * 200_000
PREVIOUS = b"the former content\r\n"


def _vault(world: World, command: str, *arguments: object, stdin: str = "") -> Done:
    return world.run("vault", command, "--config", world.path, *arguments, stdin=stdin)


def _store(world: World, name: str, content: bytes, vault: CryptomatorVault | None = None) -> None:
    with (vault or world.vault).replace(name) as file:
        file.write(content)


def _piped(world: World, *arguments: object, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """Run in a separate process with binary pipes for input and output."""
    done = subprocess.run(
        [*PROGRAM, "vault", *map(str, arguments), "--config", str(world.path)],
        env=world.environment(),
        cwd=world.folder,
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert_nothing_leaked(done.stdout + done.stderr, world.survey)
    return done.returncode, done.stdout, done.stderr


def _at_a_terminal(world: World, *arguments: object, answer: bytes = b"") -> tuple[int, bytes]:
    """Run at a terminal, answer its first question, and return the exit code and the output."""
    command = [*PROGRAM, "vault", *map(str, arguments), "--config", str(world.path)]
    code, seen = at_a_terminal(command, world.environment(), folder=world.folder, after=b"[y/N]: ", keys=answer)
    assert_nothing_leaked(seen, world.survey)
    return code, seen


def _failed(done: Done, code: int, *words: str) -> None:
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("error: ")
    for word in words:
        assert word in done.err


@pytest.fixture
def two(world: World) -> CryptomatorVault:
    """Add a second vault under [vaults], used by the job `second`, and return it."""
    vault = quick_vault.create(world.folder / "other", Secret(VAULT_PASSPHRASE))
    world.configure({"baseline": {}, "second": {"vault": "shared"}})
    section = '[vaults.shared]\ncryptomator = "other"\npassphrase = {file = "keys/vault"}\n'
    world.path.write_text(world.path.read_text("utf-8") + section, "utf-8")
    return vault


# ls


def test_the_root_is_listed_by_default_and_folders_end_in_a_slash(world: World) -> None:
    """The names are sorted, one per line."""
    _store(world, "notes.txt", b"x")
    _store(world, CSV, b"x")
    _store(world, "a.csv", b"x")
    assert _vault(world, "ls") == Done(0, "a.csv\nnotes.txt\nsurveys/\n", "")
    assert _vault(world, "ls", "/") == _vault(world, "ls")


@pytest.mark.parametrize("path", ["surveys", "surveys/", "/surveys"])
def test_a_folder_is_listed_however_its_slashes_are_written(world: World, path: str) -> None:
    """A path is inside the vault, with or without slashes around it."""
    _store(world, CSV, b"x")
    assert _vault(world, "ls", path) == Done(0, "baseline.csv\n", "")


def test_an_empty_vault_lists_nothing(world: World) -> None:
    """An empty vault is not an error."""
    assert _vault(world, "ls") == Done(0, "", "")


def test_control_characters_in_a_name_are_escaped(world: World) -> None:
    """A name written by another program can neither colour the terminal nor break a line or a column."""
    _store(world, "red\x1b[31m\nline\ttab\u202e.csv", b"x")
    assert _vault(world, "ls") == Done(0, "red\\u001b[31m\\u000aline\\u0009tab\\u202e.csv\n", "")


def test_a_missing_folder_is_an_error(world: World) -> None:
    """A missing folder is not reported as an empty one."""
    _failed(_vault(world, "ls", "nowhere"), 7, "folder not found: nowhere in the Cryptomator vault")


# cat


@pytest.mark.parametrize("path", ["data.bin", "/data.bin"])
def test_a_file_goes_into_a_pipe_unchanged(world: World, path: str) -> None:
    """The output has exactly the file's bytes, and nothing is asked."""
    _store(world, "data.bin", BYTES)
    assert _piped(world, "cat", path) == (0, BYTES, b"")


def test_a_terminal_asks_before_it_shows_a_file(world: World) -> None:
    """Others may see the screen, so the default answer is no, which prints nothing."""
    _store(world, "a.txt", PREVIOUS)
    for answer in (b"n\n", b"\n"):
        code, seen = _at_a_terminal(world, "cat", "a.txt", answer=answer)
        assert code == 0
        assert b"print a.txt to this screen? [y/N]: " in seen
        assert PREVIOUS.strip() not in seen
    code, seen = _at_a_terminal(world, "cat", "a.txt", answer=b"y\n")
    assert code == 0
    assert PREVIOUS.strip() in seen


def test_yes_prints_to_a_terminal_without_a_question(world: World) -> None:
    """With --yes, nothing is asked."""
    _store(world, "a.txt", PREVIOUS)
    code, seen = _at_a_terminal(world, "cat", "--yes", "a.txt")
    assert code == 0
    assert b"[y/N]" not in seen
    assert PREVIOUS.strip() in seen


def test_a_terminal_gets_no_control_characters_from_a_file(world: World) -> None:
    """Control characters are escaped so that a file cannot control the terminal; line breaks and tabs stay."""
    _store(world, "a.csv", "name\tx\r\nred\x1b]0;title\x07\x1b[2J\x9b31m\u202e é\rover\n".encode() + b"\xff\x85 end")
    code, seen = _at_a_terminal(world, "cat", "--yes", "a.csv")
    assert code == 0
    assert not {0x1B, 0x07} & set(seen)
    assert seen.decode().splitlines() == [
        "name\tx",
        r"red\u001b]0;title\u0007\u001b[2J\u009b31m\u202e é",
        "over",
        r"\xff\x85 end",
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere.csv", "file not found: nowhere.csv"),
        ("../a.csv", "is not a path inside a vault"),
        ("/", "is not a path"),
    ],
)
def test_a_missing_file_is_exit_code_7(world: World, path: str, words: str) -> None:
    """A name that points outside the vault fails in the same way."""
    _failed(_vault(world, "cat", path), 7, words)


def test_a_damaged_file_is_not_taken_for_a_whole_one(world: World) -> None:
    """Only verified content is printed, and the exit code shows that the rest is missing."""
    _store(world, "data.bin", BYTES)
    [encrypted] = [path for path in world.vault_folder.rglob("*.c9r") if path.is_file() and path.stat().st_size > 10**6]
    content = bytearray(encrypted.read_bytes())
    content[-1] ^= 1
    encrypted.write_bytes(content)
    code, out, err = _piped(world, "cat", "data.bin")
    assert code == 7
    assert BYTES.startswith(out)
    assert len(out) < len(BYTES)
    assert b"data.bin" in err


# put


def test_a_file_is_put_into_the_vault(world: World, tmp_path: Path) -> None:
    """Missing folders are created, and the command says where the file is."""
    (tmp_path / "local.bin").write_bytes(BYTES)
    done = _vault(world, "put", "/new/folder/data.bin", tmp_path / "local.bin")
    where = f"new/folder/data.bin in the Cryptomator vault {world.vault_folder}"
    assert done == Done(0, f"wrote {where}\n", "")
    assert world.csv("new/folder/data.bin") == BYTES
    assert not any(BYTES[-1000:] in content for content, _ in world.encrypted_files().values())


@pytest.mark.parametrize("content", [BYTES, b""], ids=["bytes", "nothing"])
def test_standard_input_is_put_into_the_vault(world: World, content: bytes) -> None:
    """Another program's output needs no plaintext file in between."""
    code, out, err = _piped(world, "put", "data.bin", stdin=content)
    assert (code, err) == (0, b"")
    assert out.startswith(b"wrote data.bin in the Cryptomator vault")
    assert world.csv("data.bin") == content


def test_an_existing_file_is_replaced_only_with_force(world: World, tmp_path: Path) -> None:
    """A mistyped name loses nothing: no encrypted file is changed."""
    (tmp_path / "local").write_bytes(b"new")
    _store(world, "a.csv", PREVIOUS)
    before = world.encrypted_files()
    _failed(_vault(world, "put", "a.csv", tmp_path / "local"), 2, "a.csv in the", "already exists", "--force")
    assert world.encrypted_files() == before
    assert _vault(world, "put", "--force", "a.csv", tmp_path / "local").code == 0
    assert world.csv("a.csv") == b"new"
    assert world.vault.names("") == ["a.csv"]


@pytest.mark.parametrize("local", ["nowhere", "a folder"])
def test_an_unreadable_local_file_changes_nothing(world: World, tmp_path: Path, local: str) -> None:
    """The exit code is 2, the message names the file, and even with `--force` the previous file stays."""
    (tmp_path / "a folder").mkdir()
    _store(world, "a.csv", PREVIOUS)
    before = world.encrypted_files()
    _failed(_vault(world, "put", "--force", "a.csv", tmp_path / local), 2, f"{tmp_path / local} cannot be read: ")
    assert world.encrypted_files() == before


def test_a_file_does_not_replace_a_folder(world: World, tmp_path: Path) -> None:
    """The folder's files stay, even with `--force`."""
    (tmp_path / "local").write_bytes(b"new")
    _store(world, CSV, PREVIOUS)
    before = world.encrypted_files()
    _failed(_vault(world, "put", "--force", "surveys", tmp_path / "local"), 7, "surveys")
    assert world.encrypted_files() == before


# Choosing the vault


def test_several_vaults_require_a_choice(world: World, two: CryptomatorVault) -> None:
    """A vault is chosen by its name under [vaults] or by a job that writes into it; the hint lists both."""
    _store(world, "first.csv", b"x")
    _store(world, "second.csv", b"x", two)
    _failed(
        _vault(world, "ls"),
        2,
        "the configuration has 2 Cryptomator vaults",
        "--vault: choose from baseline, second, shared",
    )
    assert _vault(world, "ls", "--vault", "baseline").out == "first.csv\n"
    assert _vault(world, "ls", "--vault", "shared").out == "second.csv\n"
    assert _vault(world, "ls", "--vault", "second").out == "second.csv\n"
    assert _vault(world, "cat", "second.csv", "--vault", "shared").out == "x"


def test_a_vault_that_several_jobs_share_is_one(world: World) -> None:
    """No choice is needed between two names for the same vault."""
    world.configure({"baseline": {}, "endline": {"output": "surveys/endline.csv"}})
    _store(world, "a.csv", b"x")
    assert _vault(world, "ls").out == "a.csv\n"


@pytest.mark.parametrize("command", [("ls",), ("cat", "a.csv"), ("put", "a.csv", "sheets-decrypt.toml")])
def test_an_unknown_vault_name_is_refused(world: World, two: CryptomatorVault, command: tuple[str, ...]) -> None:
    """The hint lists the available names, and nothing is written."""
    before = world.encrypted_files()
    done = _vault(world, *command, "--vault", "thrid")
    _failed(done, 2, 'no Cryptomator vault is called "thrid"', "--vault: choose from baseline, second, shared")
    assert world.encrypted_files() == before


def test_a_configuration_without_vaults_is_reported(world: World) -> None:
    """A job that writes to a mounted drive has no vault to choose, not even by the job's name."""
    del world.settings["vault"]
    world.configure(output=str(world.folder / "drive/a.csv"))
    _failed(_vault(world, "ls"), 2, "the configuration has no Cryptomator vaults", "add a vault to the configuration")
    _failed(_vault(world, "ls", "--vault", "baseline"), 2, 'no Cryptomator vault is called "baseline"')


# Protection


@pytest.mark.parametrize("command", [("ls",), ("cat", "a.csv"), ("put", "--force", "a.csv", "sheets-decrypt.toml")])
def test_a_wrong_passphrase_opens_nothing(world: World, command: tuple[str, ...]) -> None:
    """The exit code is 7, nothing changes, and the passphrase is not shown."""
    _store(world, "a.csv", PREVIOUS)
    before = world.encrypted_files()
    world.keep("vault", "a wrong guess 5512")
    done = _vault(world, *command)
    _failed(done, 7, "passphrase")
    assert "a wrong guess 5512" not in done.err
    assert world.encrypted_files() == before


def test_a_folder_that_is_not_a_vault_is_exit_code_7(world: World) -> None:
    """The message names the folder."""
    (world.vault_folder / "vault.cryptomator").unlink()
    _failed(_vault(world, "ls"), 7, str(world.vault_folder))
