"""`keygen` and the backup of a private key: made, lost, typed back from the page, and proven."""

import stat
from importlib.util import find_spec
from pathlib import Path

import pytest

from sheets_decrypt.decryption.ciphers import backup_text, sealed_box, sealing
from sheets_decrypt.table import Secret
from tests import mounts, require, systems
from tests.pseudo_terminal import on_a_terminal
from tests.survey import World, public_key_of
from tests.unattended_parts import KEYRING


def _public_key(out: str) -> bytes:
    lines = out.splitlines()
    place = next(place for place, line in enumerate(lines) if "ENCRYPTION_PUBLIC_KEY" in line)
    key = sealed_box.decode_key(lines[place + 1].strip())
    assert key is not None
    return key


def test_keygen_keeps_the_private_key_in_a_file_of_its_owner(world: World) -> None:
    """The file decrypts what the printed public key encrypts; the private key itself is not printed."""
    path = world.folder / "keys/new"
    done = world.run("keygen", "--file", path)
    assert done.code == 0
    private_key = path.read_bytes().decode().removesuffix("\n")  # one line that ends so on every system
    assert not set("\r\n") & set(private_key)
    assert private_key not in done.out
    assert systems.WINDOWS or stat.S_IMODE(path.stat().st_mode) == 0o600  # Windows has its ACL; see test_access
    cipher = sealed_box.PrivateKey(Secret(private_key))
    assert cipher.public_key == _public_key(done.out)
    assert done.out.splitlines()[-1].endswith(f": {sealed_box.fingerprint(cipher.public_key)}")
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []


def test_keygen_never_overwrites_a_key(world: World) -> None:
    """What was encrypted for it would be lost; only --force does, and a link does not get around it."""
    path = world.folder / "keys/private_keys"
    before = path.read_bytes()
    link = world.folder / "keys/link"
    link.symlink_to(world.folder / "nowhere")
    for place in (path, *([] if systems.WINE else [link])):  # wine makes no link
        done = world.run("keygen", "--file", place)
        assert done.code == 2
        assert "already exists" in done.err
        assert "--force replaces it, and what only it decrypts is lost" in done.err
    assert path.read_bytes() == before
    assert world.run("keygen", "--file", path, "--force").code == 0
    assert path.read_bytes() != before


def test_keygen_prints_the_private_key_only_when_asked(world: World) -> None:
    """`--print` keeps it nowhere."""
    before = sorted(world.folder.rglob("*"))
    done = world.run("keygen", "--print")
    assert done.code == 0
    line = done.out.splitlines()[0]
    assert line.startswith("private key (never put it into Twilio")
    key = sealed_box.PrivateKey(Secret(line.rpartition(": ")[2]))
    assert key.public_key == _public_key(done.out)
    assert sorted(world.folder.rglob("*")) == before


def test_keygen_without_a_keyring_says_what_else_to_do(world: World) -> None:
    """On a server there is none; nothing was made that could be lost."""
    done = world.run("keygen")
    assert (done.code, done.out) == (4, "")
    assert "the keyring cannot be used here" in done.err
    assert "sheets-decrypt keygen --file PATH" in done.err


def test_keygen_takes_one_place(world: World) -> None:
    """Two at once are refused, and a place that cannot be written is reported."""
    assert "exclude each other" in world.run("keygen", "--print", "--file", "x").err
    done = world.run("keygen", "--file", world.path / "below")
    assert done.code == 2
    assert "cannot be written" in done.err


def test_a_key_of_keygen_is_like_any_other() -> None:
    """Its text is what the cipher reads, whichever of the two made it."""
    private_key, public_key = sealing.generate()
    assert sealed_box.PrivateKey(private_key).public_key == public_key
    assert repr(private_key) == "Secret(…)"


# Places that are not good for a key


def test_a_key_on_a_vault_s_drive_needs_no_warning(world: World, tmp_path: Path) -> None:
    """The recommended place is quiet."""
    with mounts.gocryptfs(tmp_path) as drive:
        done = world.run("keygen", "--file", drive.point / "private")
        assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("folder", "marker", "words"),
    [
        ("plain", "", "which is not encrypted"),
        ("OneDrive - Uni", "", "which OneDrive copies to other computers"),
        ("Dropbox/keys", "", "which Dropbox copies to other computers"),
        ("project/keys", "project/sheets_decrypt/__init__.py", "is in the program's own folder"),
        ("repository/keys", "repository/.git", "one commit publishes the key"),
    ],
)
def test_a_key_in_a_place_that_others_see_is_a_warning_with_the_next_step(
    world: World, folder: str, marker: str, words: str
) -> None:
    """The key is made all the same; the warning names the file and the reason, the hint what to do."""
    systems.only_on("linux", "the test's folder is known to be on a disk that is not encrypted")
    if marker:
        (world.folder / marker).parent.mkdir(parents=True)
        (world.folder / marker).touch()
    path = world.folder / folder / "private"
    done = world.run("keygen", "--file", path)
    assert done.code == 0
    assert path.exists()
    warnings = [line for line in done.err.splitlines() if words in line]
    assert [line.startswith(f"warning: {path} holds the private key and ") for line in warnings] == [True]
    assert done.err.splitlines()[-1].startswith("hint: unlock the vault, move private onto its drive")


def test_a_key_never_goes_into_a_locked_vault_s_storage(world: World) -> None:
    """Files put there go to a cloud as they are: refused, also where a plain disk is allowed."""
    for command in (
        ("--file", world.vault_folder / "key"),
        ("--print", "--plain-disk", "--backup", world.vault_folder / "p"),
    ):
        done = world.run("keygen", *command)
        assert (done.code, done.out) == (7, "")
        assert "encrypted storage folder of a locked Cryptomator vault" in done.err
    assert not {"key", "p"} & {path.name for path in world.vault_folder.iterdir()}


# The backup


@pytest.fixture
def keyring(world: World) -> dict[str, str]:
    """Return the environment of a keyring that keeps its entries in a file."""
    require.that(find_spec("keyrings.alt"), "keyrings.alt is not installed")
    data = str(world.folder / "data")
    return KEYRING | {"XDG_DATA_HOME": data, "LOCALAPPDATA": data}


def _lose_every_key(world: World) -> None:
    for file in (world.folder / "data").rglob("*.cfg"):
        file.unlink()


@pytest.mark.parametrize("way", ["the page as a file", "typed with a slip"])
def test_a_lost_key_comes_back_from_the_page(world: World, tmp_path: Path, keyring: dict[str, str], way: str) -> None:
    """A key is made with --backup and lost; `secret set` takes it from the page, and `secret test` proves it."""
    name = "sheets-decrypt/private-key"
    with mounts.gocryptfs(tmp_path) as drive:
        page = drive.point / "backup.txt"
        done = world.run("keygen", "--backup", page, "--survey", "Línea base 2026", environment=keyring)
        assert (done.code, done.err) == (0, "")
        assert f"the backup is in {page}; only you can read it" in done.out
        text = page.read_text(encoding="utf-8")
        assert systems.WINDOWS or stat.S_IMODE(page.stat().st_mode) == 0o600
    fingerprint = done.out.splitlines()[-1].rpartition(": ")[2]
    assert sealed_box.fingerprint(_public_key(done.out)) == fingerprint
    assert "survey:       Línea base 2026" in text
    assert f"fingerprint:  {fingerprint}" in text
    assert f"sheets-decrypt secret set {name}" in text
    assert f"sheets-decrypt secret test {name}" in text
    _lose_every_key(world)
    assert world.run("secret", "test", name, environment=keyring).code == 4
    if way == "the page as a file":
        done = world.run("secret", "set", name, stdin=text, environment=keyring)
        assert done.code == 0
    else:
        key = sealed_box.decode_private_key(text)
        assert key is not None
        first, second, *others = (line.lower() for line in backup_text.write(key))
        slip = second[:-1] + ("a" if second[-1] != "a" else "c")
        shown, code = on_a_terminal(
            world, "secret", "set", name, answers=[first, slip, second.upper(), *others], more=keyring
        )
        assert code == 0
        assert "error: line 2 has a mistake; type it once more" in shown
        assert first not in shown.lower()
    done = world.run("secret", "test", name, environment=keyring)
    assert done.out.splitlines()[1] == f"it is a private key; its fingerprint is {fingerprint}"


def test_a_backup_on_a_plain_disk_must_be_asked_for(world: World, keyring: dict[str, str]) -> None:
    """Without --plain-disk no key is made; with it there is a page to print, and a warning to delete it."""
    systems.only_on("linux", "the test's folder is known to be on a disk that is not encrypted")
    page = world.folder / "page.txt"
    done = world.run("keygen", "--backup", page, environment=keyring)
    assert (done.code, done.out) == (7, "")
    assert "the backup holds the private key" in done.err
    assert "--plain-disk" in done.err
    assert not page.exists()
    assert world.run("secret", "test", "private-key", environment=keyring).code == 4
    done = world.run("keygen", "--backup", page, "--plain-disk", environment=keyring)
    assert done.code == 0
    assert "which is not encrypted" in done.err
    assert done.err.endswith("hint: print page.txt, then delete it; or move it onto the vault's drive\n")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600


def test_a_backup_never_overwrites_anything(world: World, keyring: dict[str, str]) -> None:
    """Not even with --force, which is about the key; and the key that was there stays."""
    page = world.folder / "page.txt"
    page.write_text("another's")
    done = world.run("keygen", "--backup", page, "--plain-disk", "--force", environment=keyring)
    assert (done.code, done.out) == (2, "")
    assert "already exists" in done.err
    assert page.read_text() == "another's"


def test_no_backup_is_left_of_a_key_that_could_not_be_kept(world: World) -> None:
    """Where the keyring does not work, a page of a key that no one uses would mislead."""
    page = world.folder / "page.txt"
    done = world.run("keygen", "--backup", page, "--plain-disk")
    assert done.code == 4
    assert "the keyring cannot be used here" in done.err
    assert not page.exists()


def test_a_key_of_long_ago_gets_its_backup(world: World, keyring: dict[str, str]) -> None:
    """`secret backup` writes the page of a key in the keyring, and of nothing but a key."""
    page = world.folder / "page.txt"
    key = world.survey.private_key
    assert world.run("secret", "set", "old", stdin=key.reveal(), environment=keyring).code == 0
    done = world.run("secret", "backup", "old", page, "--plain-disk", environment=keyring)
    assert done.code == 0
    text = page.read_text(encoding="utf-8")
    assert sealed_box.encode_key(sealed_box.decode_private_key(text) or b"") == key.reveal()
    assert "survey:       ____" in text
    assert "secret set sheets-decrypt/old" in text
    assert world.run("secret", "set", "words", stdin="not a key", environment=keyring).code == 0
    done = world.run("secret", "backup", "words", world.folder / "no.txt", "--plain-disk", environment=keyring)
    assert (done.code, "does not hold a private key" in done.err) == (4, True)
    assert not (world.folder / "no.txt").exists()


def test_a_key_in_a_file_is_tested_and_gets_its_backup(world: World) -> None:
    """Whoever has no keyring needs no new key for that; the page restores the key, also as it is."""
    page, key = world.folder / "page.txt", world.survey.private_key
    source = f"file:{world.folder / 'keys/private_keys'}"
    fingerprint = sealed_box.fingerprint(public_key_of(world.survey))
    done = world.run("secret", "test", source)
    assert (done.code, done.out.splitlines()[-1]) == (0, f"it is a private key; its fingerprint is {fingerprint}")
    assert world.run("secret", "backup", source, page, "--plain-disk").code == 0
    text = page.read_text(encoding="utf-8")
    assert sealed_box.encode_key(sealed_box.decode_private_key(text) or b"") == key.reveal()
    assert "secret set sheets-decrypt/private-key" in text
    assert world.run("secret", "test", f"file:{page}").out.splitlines()[-1].endswith(fingerprint)
    done = world.run("secret", "set", source, stdin=key.reveal())
    assert (done.code, done.out) == (2, "")
    assert "keygen --file" in done.err


def test_a_survey_s_name_that_would_break_the_page_is_refused(world: World) -> None:
    """A line break in the name could put other words into the instructions."""
    done = world.run("keygen", "--print", "--backup", world.folder / "p", "--plain-disk", "--survey", "a\nb")
    assert (done.code, done.out) == (2, "")
