"""One worker process: it gets the private keys when it starts, then pieces of pages.

This is a separate module that imports little besides the cipher, so that a worker starts fast.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import wait

from sheets_decrypt.decryption.ciphers.sealed_box import SealedBox
from sheets_decrypt.table import Column, Secret

_cipher: SealedBox | None = None  # set once, when the process starts


def prepare(keys: tuple[str, ...]) -> None:
    """Make a worker's cipher.

    The parent handles Ctrl-C, and a worker never outlives its parent. A worker prints nothing, because Python would
    print an error as a traceback with its text, which may contain a key. The parent gets the exception and reports it.
    """
    global _cipher  # noqa: PLW0603  (a process pool offers no other way to keep state)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _cipher = SealedBox([Secret(key) for key in keys])


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    with suppress(OSError):  # a parent that cannot be watched counts as gone
        wait([parent.sentinel])
    os._exit(1)  # noqa: TID251  (the parent was killed: no one waits for a result)


def decrypt(bodies: Sequence[bytes]) -> Column:
    """Decrypt one piece; see `Cipher.decrypt`."""
    assert _cipher is not None  # noqa: S101  (`prepare` ran before)
    return _cipher.decrypt(bodies)
