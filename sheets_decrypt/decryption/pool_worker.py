"""One worker process: it gets the private keys when it starts, then pieces of pages.

A module of its own, which imports little besides the cipher, so that a worker starts fast.
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

    Ctrl-C is the parent's to handle, and a worker never outlives its parent. It prints nothing: Python prints what goes
    wrong in a worker as a traceback with its text, which may hold a key. The parent gets the exception, and reports it.
    """
    global _cipher  # noqa: PLW0603  (a process pool hands over state in no other way)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _cipher = SealedBox([Secret(key) for key in keys])


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    with suppress(OSError):  # a parent that cannot be watched is as good as gone
        wait([parent.sentinel])
    os._exit(1)  # noqa: TID251  (the parent was killed: no one waits for a result)


def decrypt(bodies: Sequence[bytes]) -> Column:
    """Decrypt one piece; see `Cipher.decrypt`."""
    assert _cipher is not None  # noqa: S101  (`prepare` ran before)
    return _cipher.decrypt(bodies)
