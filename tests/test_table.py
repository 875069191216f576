"""The values shared by the rooms: a secret never reveals itself, and every reason has an explanation."""

import copy
import pickle
import traceback
from dataclasses import FrozenInstanceError, asdict, dataclass

import pytest

from sheets_decrypt.table import CellFailure, Header, Page, Reason, Secret

HIDDEN = "correct horse battery staple"


def test_a_secret_is_revealed_only_by_reveal() -> None:
    """However a secret is converted to text, the result is `Secret(…)`."""
    secret = Secret(HIDDEN)
    assert secret.reveal() == HIDDEN
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{secret!s}", "%s" % secret, format(secret)]  # noqa: UP031  (each way of making text is tried)
    assert set(shown) == {"Secret(…)"}
    for holder in ([secret], {"secret": secret}, (secret,), {secret}):
        assert HIDDEN not in repr(holder)


def test_a_secret_accepts_no_format() -> None:
    """A format with a width is refused, with an error that does not contain the secret."""
    with pytest.raises(TypeError) as caught:
        f"{Secret(HIDDEN):>40}"
    assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    """Pickling is refused, alone and inside a container."""
    for holder in (Secret(HIDDEN), [Secret(HIDDEN)]):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(holder, protocol)


def test_a_secret_is_not_copied_into_records() -> None:
    """A dataclass that contains a secret cannot be converted to a dictionary, and a copy is refused."""

    @dataclass(frozen=True)
    class Holder:
        secret: Secret

    assert HIDDEN not in repr(Holder(Secret(HIDDEN)))
    with pytest.raises(TypeError, match="not pickled"):
        asdict(Holder(Secret(HIDDEN)))
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(Secret(HIDDEN))


def test_a_traceback_with_locals_does_not_show_a_secret() -> None:
    """A traceback that prints every local variable shows `Secret(…)`."""

    def fails(secret: Secret) -> None:
        raise ValueError(secret)

    try:
        fails(Secret(HIDDEN))
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    else:
        pytest.fail("nothing was raised")
    assert "secret = Secret(…)" in shown
    assert HIDDEN not in shown.replace(f"HIDDEN = {HIDDEN!r}", "")


def test_a_secret_has_no_other_access() -> None:
    """A secret has no `__dict__`, and accepts no new attribute."""
    secret = Secret(HIDDEN)
    assert not hasattr(secret, "__dict__")
    with pytest.raises(AttributeError):
        secret.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        vars(secret)


def test_secrets_compare_by_content() -> None:
    """Two secrets with the same text are the same dictionary key, but a secret is not equal to its text."""
    assert Secret(HIDDEN) == Secret(HIDDEN) != Secret("other")
    assert len({Secret(HIDDEN), Secret(HIDDEN), Secret("other")}) == 2
    assert Secret(HIDDEN) != HIDDEN


def test_every_reason_has_an_explanation() -> None:
    """Each reason has its own explanation."""
    explanations = [reason.explanation for reason in Reason]
    assert all(explanations)
    assert len(set(explanations)) == len(explanations)


def test_values_passed_between_rooms_are_frozen() -> None:
    """No room can change a value that it received from another."""
    with pytest.raises(FrozenInstanceError):
        CellFailure(2, "a", Reason.DAMAGED).row = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Header(("a",)).names = ()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        Page(2, []).first_row = 3  # type: ignore[misc]
