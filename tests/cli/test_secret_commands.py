"""`sheets-decrypt secret set|test|show` with a keyring that keeps its entries in a file; only `show` shows a secret."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from sheets_decrypt.decryption.ciphers import backup_text, sealed_box
from tests import require
from tests.pseudo_terminal import at_a_terminal, on_a_terminal
from tests.survey import (
    PROGRAM,
    Done,
    World,
    assert_nothing_leaked,
    call,
    clean_environment,
    public_key_of,
)
from tests.survey import make as make_survey
from tests.unattended_parts import KEYRING

SECRET = "Übergeheim & 'quoted' #42"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return a user's environment with a keyring of its own."""
    require.that(find_spec("keyrings.alt"), "keyrings.alt is not installed")
    data = str(tmp_path / "data")
    return clean_environment(tmp_path) | KEYRING | {"XDG_DATA_HOME": data, "LOCALAPPDATA": data}


def _secret(environment: dict[str, str], folder: Path, *arguments: str, stdin: str = "") -> Done:
    done = call(("secret", *arguments), environment, folder=folder, stdin=stdin)
    for line in stdin.splitlines():
        assert not line or line not in done.out + done.err
    assert SECRET not in done.out + done.err
    assert "Traceback" not in done.err
    return done


def _typed(environment: dict[str, str], *arguments: str, keys: bytes) -> tuple[int, str]:
    """Type at a terminal, and give the exit code and what was to be seen."""
    code, seen = at_a_terminal([*PROGRAM, "secret", *arguments], environment, after=b": ", keys=keys)
    return code, seen.decode()


def test_a_secret_from_standard_input_is_stored_and_read_unseen(environment: dict[str, str], tmp_path: Path) -> None:
    """The first line is the secret, whatever is in it; `test` says that it can be read, and `[keys]` reads it."""
    note = "it is not a private key; it may be another secret, such as an older survey's"
    done = _secret(environment, tmp_path, "set", "sheets-decrypt/legacy", stdin=SECRET + "\r\n")
    assert done == Done(0, f"the keyring has sheets-decrypt/legacy\n{note}\n", "")
    done = _secret(environment, tmp_path, "test", "legacy")
    assert done == Done(0, f"the keyring's sheets-decrypt/legacy can be read\n{note}\n", "")
    code = (
        "import sys; from sheets_decrypt import config, secret_sources as secrets; "
        "found = secrets.resolve(config.SecretSource(keyring='sheets-decrypt/legacy')); "
        "sys.exit(found.reveal() != sys.argv[1])"
    )
    subprocess.run([PROGRAM[0], "-c", code, SECRET], env=environment, check=True)


def test_a_byte_order_mark_is_no_part_of_a_secret(environment: dict[str, str], tmp_path: Path) -> None:
    """A shell on Windows may send one before what it pipes."""
    survey = make_survey(1)
    _secret(environment, tmp_path, "set", "key", stdin="\ufeff" + survey.private_key.reveal() + "\n")
    done = _secret(environment, tmp_path, "test", "key")
    fingerprint = sealed_box.fingerprint(public_key_of(survey))
    assert done.out.splitlines()[1] == f"it is a private key; its fingerprint is {fingerprint}"
    assert survey.private_key.reveal() not in done.out


def test_a_secret_in_another_encoding_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    """A letter of a code page is not guessed at: another secret would be stored in silence."""
    for wrong in (SECRET.encode("cp1252"), SECRET.encode("utf-16")):
        command = [*PROGRAM, "secret", "set", "key"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, input=wrong, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.startswith(b"error: standard input is not text in UTF-8")
        assert b"geheim" not in done.stderr
    assert _secret(environment, tmp_path, "test", "key").code == 4


def test_a_secret_that_is_there_is_replaced_only_with_force(environment: dict[str, str], tmp_path: Path) -> None:
    """A key that tokens need is not lost by a slip."""
    first, second = (make_survey(1) for _ in range(2))
    _secret(environment, tmp_path, "set", "key", stdin=first.private_key.reveal())
    done = _secret(environment, tmp_path, "set", "key", stdin=second.private_key.reveal())
    assert (done.code, done.out) == (2, "")
    assert "already has sheets-decrypt/key" in done.err
    assert "--force" in done.err
    assert sealed_box.fingerprint(public_key_of(first)) in _secret(environment, tmp_path, "test", "key").out
    assert _secret(environment, tmp_path, "set", "key", "--force", stdin=second.private_key.reveal()).code == 0
    assert sealed_box.fingerprint(public_key_of(second)) in _secret(environment, tmp_path, "test", "key").out


def test_a_secret_is_typed_unseen(environment: dict[str, str], tmp_path: Path) -> None:
    """On a terminal nothing of it is echoed."""
    code, seen = _typed(environment, "set", "typed", keys=(SECRET + "\n").encode())
    assert code == 0
    assert "secret for sheets-decrypt/typed: " in seen
    assert "geheim" not in seen
    assert "the keyring has sheets-decrypt/typed" in seen
    assert _secret(environment, tmp_path, "test", "typed").code == 0


def test_nothing_typed_stores_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    """An end of input at the prompt is an interruption; an empty line is an empty secret."""
    code, seen = _typed(environment, "set", "typed", keys=b"\x04")
    assert (code, "error: interrupted" in seen) == (130, True)
    code, seen = _typed(environment, "set", "typed", keys=b"\n")
    assert (code, "the secret is empty" in seen) == (4, True)
    for stdin in ("", "\n", "\nsecond line\n"):
        done = _secret(environment, tmp_path, "set", "typed", stdin=stdin)
        assert (done.code, done.out) == (4, "")
    done = _secret(environment, tmp_path, "test", "typed")
    assert (done.code, done.out) == (4, "")
    assert "hint: sheets-decrypt secret set sheets-decrypt/typed" in done.err


@pytest.mark.parametrize("name", ["service/", "/name", "/", ""])
@pytest.mark.parametrize("command", ["set", "test"])
def test_a_name_that_is_none_is_refused(environment: dict[str, str], tmp_path: Path, command: str, name: str) -> None:
    """The error says how a name is written, before anything is asked for or stored."""
    done = _secret(environment, tmp_path, command, name, stdin=SECRET)
    assert (done.code, done.out) == (2, "")
    assert 'a keyring entry is written "service/name"' in done.err
    assert not (tmp_path / "data").exists()


def test_without_a_keyring_the_hint_names_other_sources(tmp_path: Path) -> None:
    """Under cron or on a server there is no keyring: the error says so, and what to use instead."""
    environment = clean_environment(tmp_path)
    for command in ("set", "test"):
        done = _secret(environment, tmp_path, command, "key", stdin=SECRET)
        assert (done.code, done.out) == (4, "")
        assert "the keyring cannot be used here" in done.err
        assert '{ file = "PATH" }, a command or a systemd credential' in done.err


# Showing it again


def _keyring_of(environment: dict[str, str]) -> dict[str, str]:
    return KEYRING | {"XDG_DATA_HOME": environment["XDG_DATA_HOME"]}


@pytest.mark.parametrize("kind", ["private key", "legacy secret"])
def test_a_secret_is_shown_on_a_screen_of_its_own_until_enter_is_pressed(
    environment: dict[str, str], world: World, kind: str
) -> None:
    """After a warning and a question; the screen's history does not keep it, and a private key has its four lines."""
    text = world.survey.private_key.reveal() if kind == "private key" else world.survey.legacy_secret.reveal()
    assert call(("secret", "set", "key"), environment, folder=world.folder, stdin=text).code == 0
    shown, code = on_a_terminal(world, "secret", "show", "key", answers=["y", ""], more=_keyring_of(environment))
    assert code == 0
    before, _, rest = shown.partition("\x1b[?1049h")
    on_screen, _, after = rest.partition("\x1b[?1049l")
    assert text in on_screen
    assert text not in before + after
    assert "warning: whoever sees this screen" in before
    lines = backup_text.write(sealed_box.decode_key(text) or b"")
    assert len(lines) == (4 if kind == "private key" else 0)
    assert all(line in on_screen for line in lines)


def test_a_secret_is_not_shown_without_a_yes(environment: dict[str, str], world: World) -> None:
    """Enter alone is a no, and so is Ctrl-C."""
    text = world.survey.private_key.reveal()
    assert call(("secret", "set", "key"), environment, folder=world.folder, stdin=text).code == 0
    for answer, expected in (("", 0), ("\x03", 130)):
        shown, code = on_a_terminal(world, "secret", "show", "key", answers=[answer], more=_keyring_of(environment))
        assert code == expected
        assert_nothing_leaked(shown, world.survey)


@pytest.mark.parametrize("kind", [{"TERM": "dumb"}, {"TERM": "unknown"}, {"TTY_COMPATIBLE": "0"}])
def test_a_secret_is_not_shown_where_it_could_not_be_hidden_again(
    environment: dict[str, str], world: World, kind: dict[str, str]
) -> None:
    """Some terminals have neither a second screen nor a way to be cleared: the secret would stay."""
    text = world.survey.private_key.reveal()
    assert call(("secret", "set", "key"), environment, folder=world.folder, stdin=text).code == 0
    shown, code = on_a_terminal(world, "secret", "show", "key", answers=["y", ""], more=_keyring_of(environment) | kind)
    assert code == 2
    assert "error: this terminal cannot hide the secret again" in shown
    assert_nothing_leaked(shown, world.survey)


def test_a_secret_is_never_shown_off_a_terminal(environment: dict[str, str], world: World) -> None:
    """Neither into a file or pipe, nor to a question that no one sees; the hint names the test that shows nothing."""
    text = world.survey.private_key.reveal()
    assert call(("secret", "set", "key"), environment, folder=world.folder, stdin=text).code == 0
    done = call(("secret", "show", "key"), environment, folder=world.folder, stdin="y\n\n")
    assert (done.code, done.out) == (2, "")
    assert "a secret is shown on a terminal only" in done.err
    assert "`sheets-decrypt secret test sheets-decrypt/key` tests it unseen" in done.err
    for redirection in (">seen", "<answers"):
        (world.folder / "answers").write_text("y\n\n")
        command = f'"{PROGRAM[0]}" -m sheets_decrypt secret show key {redirection}'
        code, seen = at_a_terminal(["sh", "-c", command], environment, folder=world.folder, after=b": ", keys=b"y\n")
        assert code == 2
        assert_nothing_leaked(seen, world.survey)
    assert (world.folder / "seen").read_bytes() == b""


@pytest.mark.parametrize(("first", "says"), [(b"\x00", "your shell's history holds it"), (b"\xf8", "unknown option")])
def test_a_key_in_the_place_of_its_name_is_not_repeated(tmp_path: Path, first: bytes, says: str) -> None:
    """Its owner hears that the shell keeps it; a key that begins with a hyphen is taken for an option, unseen."""
    key = sealed_box.encode_key(first + bytes(31))
    for command in ("set", "test", "show"):
        done = _secret(clean_environment(tmp_path), tmp_path, command, key)
        assert (done.code, key in done.out + done.err) == (2, False)
        assert says in done.err


def test_a_slip_in_the_first_line_of_a_backup_is_noticed(environment: dict[str, str], world: World) -> None:
    """A secret that only looks like such a line is stored all the same, after a question."""
    first, *rest = backup_text.write(sealed_box.decode_key(world.survey.private_key.reveal()) or b"")
    slip = first[:-1] + ("A" if first[-1] != "A" else "B")
    more = _keyring_of(environment)
    shown, code = on_a_terminal(world, "secret", "set", "key", answers=[slip, "n", first, *rest], more=more)
    assert (code, "with a mistake in it" in shown) == (0, True)
    fingerprint = sealed_box.fingerprint(public_key_of(world.survey))
    assert fingerprint in _secret(environment, world.folder, "test", "key").out
    shown, code = on_a_terminal(world, "secret", "set", "odd", answers=["abcd efgh ijkl mnop", "y"], more=more)
    assert (code, "the keyring has sheets-decrypt/odd" in shown) == (0, True)


def test_a_backup_may_be_pasted_at_once_and_nothing_of_a_paste_reaches_the_shell(environment: dict[str, str]) -> None:
    """Four lines that arrive together are the key; lines behind a secret are discarded, and not run by the shell."""
    survey = make_survey(1)
    lines = backup_text.write(sealed_box.decode_key(survey.private_key.reveal()) or b"")
    code, seen = _typed(environment, "set", "pasted", keys="".join(f"{line}\n" for line in lines).encode())
    assert (code, sealed_box.fingerprint(public_key_of(survey)) in seen) == (0, True)
    assert not any(line in seen for line in lines)
    program = f"'{PROGRAM[0]}' -m sheets_decrypt secret set other; read -t 0.3 rest; echo \"left: <$rest>\""
    code, shown = at_a_terminal(["bash", "-c", program], environment, after=b": ", keys=b"not a key\nof a paste\n")
    assert b"the keyring has sheets-decrypt/other" in shown
    assert b"left: <>" in shown
