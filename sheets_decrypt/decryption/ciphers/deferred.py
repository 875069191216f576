"""A cipher that does its work when the result is asked for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from sheets_decrypt.table import Column


class Deferred(ABC):
    """Gives a cipher its `begin`: nothing is done before the result is asked for."""

    @abstractmethod
    def decrypt(self, bodies: Sequence[bytes]) -> Column:
        """See `Cipher.decrypt`."""

    def begin(self, bodies: Sequence[bytes]) -> Callable[[], Column]:
        """See `Cipher.begin`."""
        return partial(self.decrypt, bodies)
