"""The encrypting function, in Twilio's own local runtime, called over HTTP as Studio does."""

import base64
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sheets_decrypt.twilio.export import export, write
from tests import require
from tests.twilio.runtime import Runtime, running

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sealed_box.json").read_text("utf-8"))["vectors"]
PRIVATE_KEY, PUBLIC_KEY = VECTORS[0]["private_key"], VECTORS[0]["public_key"]
ANSWERS = [vector["plaintext"] for vector in VECTORS if vector["plaintext"]] + [
    *(
        "x" * 4000,
        "🌾é\n" * 1300,
        "first line\r\nsecond line",
        "שלום עולם",
        "مرحبا\u200f!",
        '=HYPERLINK("http://x.example")',
    ),
    *("v2:abc", "0", " ", "null", "undefined", "%41+&=#", "\x00\x01", "\ufeff", "{{widgets.name.inbound.Body}}"),
]
INFO = b"requests-to-twilio/v2"


def decrypted(token: str, private_key: str = PRIVATE_KEY) -> str:
    """Decrypt a token by itself, with nothing of the product and nothing kept from another token."""
    raw = base64.b64decode(token.removeprefix("v2:"), validate=True)
    ephemeral, nonce, sealed = raw[:32], raw[32:44], raw[44:]
    private = X25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(private_key + "="))
    shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    salt = ephemeral + private.public_key().public_bytes_raw()
    key = HKDF(SHA256(), 32, salt, INFO).derive(shared)
    return AESGCM(key).decrypt(nonce, sealed, INFO).decode()


def encrypt(runtime: Runtime, parameters: Mapping[str, str]) -> dict[str, str]:
    """Call the function and return the tokens."""
    answer = runtime.call("encrypt_fields", parameters)
    assert answer.status == 200
    assert re.fullmatch(r"\d{13}-[0-9a-f]{16}", answer.body.pop("_submission"))
    return answer.body


def test_every_answer_comes_back_as_a_token_that_an_independent_reader_decrypts(runtime: Runtime) -> None:
    """Whatever a respondent may say goes through Twilio, the encryption and back without a change."""
    parameters = {f"question_{number}": answer for number, answer in enumerate(ANSWERS)}
    tokens = encrypt(runtime, parameters)
    assert {name: decrypted(token) for name, token in tokens.items()} == parameters


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: repr(vector["plaintext"][:12]))
def test_tokens_of_the_older_function_decrypt_in_the_same_way(vector: dict[str, str]) -> None:
    """One reader is enough for both generations of tokens."""
    assert decrypted(vector["token"], vector["private_key"]) == vector["plaintext"]


def test_a_token_is_written_as_the_format_says(runtime: Runtime) -> None:
    """`v2:`, then standard base64 with its padding, of exactly 60 bytes more than the text has."""
    token = encrypt(runtime, {"name": "Ana María"})["name"]
    raw = base64.b64decode(token.removeprefix("v2:"), validate=True)
    assert token == "v2:" + base64.b64encode(raw).decode()
    assert len(raw) == 32 + 12 + len("Ana María".encode()) + 16


def test_the_fields_of_one_call_share_their_ephemeral_key_and_no_nonce(runtime: Runtime) -> None:
    """A row costs one key exchange, and equal answers still make different tokens."""
    tokens = encrypt(runtime, {f"question_{number}": "the same" for number in range(50)}).values()
    raw = [base64.b64decode(token.removeprefix("v2:")) for token in tokens]
    assert len({token[:32] for token in raw}) == 1
    assert len({token[32:44] for token in raw}) == len({token[44:] for token in raw}) == 50


def test_every_call_has_an_ephemeral_key_of_its_own(runtime: Runtime) -> None:
    """No key is kept from one respondent to the next."""
    keys = {base64.b64decode(encrypt(runtime, {"name": "x"})["name"][3:])[:32] for _ in range(10)}
    assert len(keys) == 10


def test_another_private_key_does_not_decrypt(runtime: Runtime) -> None:
    """The reader of this test is able to fail."""
    token = encrypt(runtime, {"name": "x"})["name"]
    with pytest.raises(InvalidTag):
        decrypted(token, base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("="))


def test_an_unanswered_question_stays_empty(runtime: Runtime) -> None:
    """An empty parameter is not an answer, and hides nothing."""
    tokens = encrypt(runtime, {"name": "Ana", "phone": ""})
    assert tokens["phone"] == ""
    assert decrypted(tokens["name"]) == "Ana"


def test_a_call_with_nothing_but_unanswered_questions_succeeds(runtime: Runtime) -> None:
    """That a respondent never answered does not make the function fail."""
    assert encrypt(runtime, {"name": "", "phone": ""}) == {"name": "", "phone": ""}


@pytest.mark.parametrize(
    "name",
    ["Full name", "நகரம்", "__proto__", "constructor", "toString", "request", "status", "a.b[c]", "1", "", "a=b&c"],
)
def test_any_name_comes_back_as_it_was_given(runtime: Runtime, name: str) -> None:
    """A column may be called anything, also what means something to JavaScript or to Twilio."""
    tokens = encrypt(runtime, {name: "Ana", "other": "x"})
    assert set(tokens) == {name, "other"}
    assert decrypted(tokens[name]) == "Ana"


def test_each_call_names_its_answers_by_the_time_and_chance(runtime: Runtime) -> None:
    """`publish_to_sheet` recognises answers that it was given twice by it, and knows how old they are."""
    before = time.time() * 1000
    names = [runtime.call("encrypt_fields", {"name": "the same"}).body["_submission"] for _ in range(20)]
    assert len(set(names)) == 20
    assert all(before - 1000 < int(name[:13]) < time.time() * 1000 + 1000 for name in names)


def test_a_parameter_of_that_name_fails(runtime: Runtime) -> None:
    """The answer would be lost in silence."""
    answer = runtime.call("encrypt_fields", {"name": "Ana", "_submission": "x"})
    assert answer.status == 500
    assert '"_submission" has a meaning of its own' in answer.body["error"]


def test_twilios_own_entry_is_not_returned(runtime: Runtime) -> None:
    """The request's headers and cookies are no answer."""
    assert set(encrypt(runtime, {"name": "Ana"})) == {"name"}


def test_a_parameter_given_twice_fails_and_is_named(runtime: Runtime) -> None:
    """The widget has the same key twice; one of the answers would be lost."""
    answer = runtime.call("encrypt_fields", [("name", "Ana"), ("name", "Berta"), ("phone", "1")])
    assert answer.status == 500
    assert answer.body == {"status": "failed", "error": 'the parameter "name" is given more than once'}


def test_numbers_and_booleans_are_encrypted_as_text_and_null_is_no_answer(runtime: Runtime) -> None:
    """A caller that sends JSON gets tokens too, and nothing goes through unencrypted."""
    answer = runtime.call_json("encrypt_fields", {"age": 0, "adult": False, "income": 1.5, "name": None})
    assert answer.body.pop("name") == ""
    assert answer.body.pop("_submission")
    assert {name: decrypted(token) for name, token in answer.body.items()} == {
        "age": "0",
        "adult": "false",
        "income": "1.5",
    }


def test_a_parameter_that_holds_several_values_fails_and_is_named(runtime: Runtime) -> None:
    """It cannot be any text."""
    answer = runtime.call_json("encrypt_fields", {"name": {"first": "Ana"}})
    assert answer.status == 500
    assert answer.body["error"] == 'the parameter "name" is not a single value'


def test_a_call_without_parameters_fails(runtime: Runtime) -> None:
    """A widget whose parameters were lost would else publish an empty row."""
    assert runtime.call("encrypt_fields", {}).status == 500


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "   ",
        PUBLIC_KEY[:-1],
        PUBLIC_KEY + "AAAA",
        PUBLIC_KEY[:-1] + "1",
        "!" + PUBLIC_KEY,
        "A" * 43,
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_a_wrong_or_missing_key_fails_loudly_and_shows_neither_key_nor_answer(
    runtime: Runtime, key: str | None
) -> None:
    """The flow's failure path is taken, the log says why, and neither contains anything that could be secret."""
    before = len(runtime.log)
    answer = runtime.with_settings(ENCRYPTION_PUBLIC_KEY=key).call("encrypt_fields", {"name": "Ana Rodríguez"})
    assert answer.status == 500
    assert answer.body["status"] == "failed"
    assert "ENCRYPTION_PUBLIC_KEY" in answer.body["error"]
    log = runtime.log[before:]
    assert f"encrypt_fields: {answer.body['error']}" in log
    assert "Rodr" not in log + str(answer.body)
    assert not key or not key.strip() or key not in log + str(answer.body)


@pytest.mark.parametrize("key", [PUBLIC_KEY, f"{PUBLIC_KEY}=", f"  {PUBLIC_KEY} "])
def test_a_key_may_have_its_padding_and_blanks_around_it(runtime: Runtime, key: str) -> None:
    """A key that was copied with a little too much is the same key."""
    tokens = encrypt(runtime.with_settings(ENCRYPTION_PUBLIC_KEY=key), {"name": "Ana"})
    assert decrypted(tokens["name"]) == "Ana"


def test_nothing_that_a_respondent_said_is_logged(runtime: Runtime) -> None:
    """Neither where all goes well nor where it fails; the failures are logged by name alone."""
    runtime.call("encrypt_fields", {"first": "Rosalind-said-this"})
    runtime.call("encrypt_fields", [("second", "Rosalind-said-this"), ("second", "Rosalind-said-that")])
    runtime.call_json("encrypt_fields", {"third": {"deep": "Rosalind-said-this"}})
    runtime.call_json("encrypt_fields", {"third": ["Rosalind-said-this"]})
    assert '"second" is given more than once' in runtime.log
    assert "Rosalind" not in runtime.log


def test_a_process_for_each_call_gives_the_same(tmp_path: Path) -> None:
    """The runtime's other way to run a function, closer to Twilio's own; test_publish_queue has its short form."""
    require.patience("a process of Node starts for each call")
    write(tmp_path, export(["name"]))
    with running(tmp_path, {"ENCRYPTION_PUBLIC_KEY": PUBLIC_KEY}, fork=True) as runtime:
        parameters = {f"question_{number}": answer for number, answer in enumerate(ANSWERS)} | {"__proto__": "Ana"}
        tokens = encrypt(runtime, parameters)
        assert {name: decrypted(token) for name, token in tokens.items()} == parameters
        assert runtime.call("encrypt_fields", [("a", "1"), ("a", "2")]).status == 500
