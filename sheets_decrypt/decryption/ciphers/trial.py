"""Several keys without authentication: every key is tried, and a token that two keys fit is ambiguous."""

from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sheets_decrypt.table import NO_KEY_FITTED, Column, Reason

_SALT: Final = b"sheets-decrypt/fingerprint/v1"


def fingerprint(kind: str, secret: bytes) -> str:
    """Return a name for a shared secret that does not reveal it: 8 hexadecimal digits.

    People choose weak secrets, so the name comes from a slow hash (scrypt, RFC 7914, 16 MiB): a guess costs as much as
    with a password hash, and many guesses have the same 32 bits.
    """
    slow = Scrypt(salt=_SALT + kind.encode(), length=4, n=2**14, r=8, p=1)
    return slow.derive(secret).hex()


def settle(results: Sequence[Sequence[str | Reason]]) -> Column:
    """Decide which key fitted each token.

    Args:
        results: keys × tokens: the result of each key for each token; at least one key.

    Returns:
        The plaintext if exactly one key passed the strict checks; `AMBIGUOUS` if several did.
    """
    if len(results) == 1:
        return Column(results[0], _keys(results[0]))
    settled = [_settle_one(attempts) for attempts in zip(*results, strict=True)]
    return Column([value for value, _ in settled], bytes(key for _, key in settled))


def _keys(values: Sequence[str | Reason]) -> bytes:
    """Return the key that fitted each token if only one key exists; most columns have no failures."""
    if Reason not in set(map(type, values)):
        return bytes(len(values))
    return bytes(NO_KEY_FITTED if type(value) is Reason else 0 for value in values)


def _settle_one(attempts: tuple[str | Reason, ...]) -> tuple[str | Reason, int]:
    fitting = [key for key, value in enumerate(attempts) if type(value) is not Reason]
    if not fitting:
        return attempts[0], NO_KEY_FITTED
    if len(fitting) > 1:
        return Reason.AMBIGUOUS, NO_KEY_FITTED
    return attempts[fitting[0]], fitting[0]
