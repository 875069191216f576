"""The functions' settings in `.env.example`, and the checks that keep private keys out of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from sheets_decrypt.decryption.ciphers import public_key as public_keys
from sheets_decrypt.decryption.ciphers.sealed_box import PrivateKey, decode_private_key
from sheets_decrypt.errors import ConfigurationError, KeyWrong
from sheets_decrypt.table import Secret

# Twilio's tools read the file with dotenv, which strips quotes in version 8, and comments too since version 15.
_QUOTES: Final = frozenset("'\"`")


def check_public_key(text: str, private_keys: Sequence[Secret]) -> None:
    """Make sure that no private key goes to Twilio, and that the answers can be decrypted.

    Args:
        text: The configured public key; empty if there is none.
        private_keys: Those of the job's private keys that can be read on this computer.

    Raises:
        KeyWrong: See `public_key.check`; or none of the private keys belongs to it.
    """
    if not text:
        return
    key = public_keys.check(text, private_keys)
    readable = [PrivateKey(secret) for secret in private_keys if decode_private_key(secret.reveal())]
    if readable and key not in {private.public_key for private in readable}:
        raise KeyWrong(
            "public_key belongs to none of private_keys: the answers could not be decrypted",
            hint="copy both keys from the same run of `sheets-decrypt keygen`",
        )


def lines(settings: Mapping[str, str]) -> str:
    """Return the settings as lines of a dotenv file, one line each.

    Raises:
        ConfigurationError: A value would take more than one line, or cannot be quoted.
    """
    return "".join(f"{name}={_value(name, text)}\n" for name, text in settings.items())


def _value(name: str, text: str) -> str:
    if not text.isprintable():
        raise ConfigurationError(
            f"{name} would contain a line break or another invisible character",
            hint="rename the tab in Google Sheets, or correct the configuration",
        )
    plain = "#" not in text and not set(text[:1] + text[-1:]) & _QUOTES
    quote = "" if plain else next((mark for mark in "'\"" if mark not in text and "\\" not in text), None)
    if quote is None or text != text.strip():
        raise ConfigurationError(
            f"{name} cannot be written into .env.example: Twilio's tools would read another value",
            hint="rename the tab in Google Sheets: no blank at its ends, no quotes, no #",
        )
    return f"{quote}{text}{quote}"
