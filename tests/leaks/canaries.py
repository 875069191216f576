"""Texts that may be nowhere, in every form in which they could be, and where they are looked for."""

import base64
import contextlib
import html
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, quote_plus

_SHORTEST: Final = 6  # bytes: a shorter form would be found by chance
_LONG: Final = 24  # characters: of a longer text, the first characters alone count as well
_FIRST: Final = 12
_MARKS: Final = ("v2:", "U2FsdGVkX1")  # what every token of a format begins with says nothing
_LARGEST: Final = 8 * 1024 * 1024  # bytes of a file that are searched


def forms(text: str) -> set[bytes]:
    """Return a text as it could be written: plain, escaped, in base64, hex, percent signs and UTF-16.

    Base64 depends on what comes before: of each of its three alignments, the part that does not.
    """
    marks = sum(len(mark) for mark in _MARKS if text.startswith(mark))
    texts = {text, "".join(text.split()), text[: marks + _FIRST] if len(text) >= _LONG else text}
    escaped = {
        form
        for one in texts
        for form in (
            one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1], repr(one)[1:-1], ascii(one)[1:-1],
            html.escape(one), quote(one), quote(one, safe=""), quote_plus(one), one.replace('"', '""'),
        )
    }  # fmt: skip
    raw = [text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")]
    found = {form.encode() for form in escaped} | {*raw}
    for data in raw:
        found |= {data.hex().encode(), data.hex().upper().encode()}
        for before in range(3):
            # each character is six bits: those that mix with what comes before or after are cut off
            whole = base64.b64encode(b"\0" * before + data)[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
            found |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return {form for form in found if len(form) >= _SHORTEST}


class Canaries:
    """Texts that must not get out, by a name for each that may be shown."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._forms: Final = {name: forms(text) for name, text in texts.items()}

    def __len__(self) -> int:
        return len(self._forms)

    @property
    def form_count(self) -> int:
        """The number of forms that are looked for."""
        return sum(map(len, self._forms.values()))

    def without(self, names: Iterable[str]) -> "Canaries":
        """Return those that are not among `names`."""
        left, apart = Canaries({}), {*names}
        left._forms.update({name: found for name, found in self._forms.items() if name not in apart})
        return left

    def found_in(self, data: bytes) -> set[str]:
        """Return the names of those that are in it."""
        return {name for name, found in self._forms.items() if any(form in data for form in found)}


@dataclass
class Places:
    """What was written or shown anywhere: a place's name → its content."""

    content: dict[str, bytes] = field(default_factory=dict)

    def add_folder(self, folder: Path, *, apart_from: Iterable[Path] = ()) -> None:
        """Add every file's name and content below a folder, and the targets of links."""
        left_out = {*apart_from}
        for path in [*folder.rglob("*")]:
            if path in left_out or left_out & {*path.parents}:
                continue
            with contextlib.suppress(OSError):  # it went away
                content = os.fsencode(path.readlink()) if path.is_symlink() else b""
                if path.is_file() and not path.is_symlink():
                    with path.open("rb") as file:
                        content = file.read(_LARGEST)
                self.content[f"{path} ({len(content)} bytes, {hash(content)})"] = os.fsencode(path) + b"\n" + content

    def leaks(self, canaries: Canaries) -> list[str]:
        """Return where which canary is."""
        found = ((name, canaries.found_in(data)) for name, data in self.content.items())
        return [f"{', '.join(sorted(which))} in {name}" for name, which in found if which]


def _children(pid: int) -> Iterator[int]:
    """Return every process below another, as Linux lists them."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield int(child)
            yield from _children(int(child))


class Watch:
    """Looks at the processes below another, and at the files of a folder, while something runs."""

    def __init__(self, pid: int, folder: Path, places: Places) -> None:
        self._pid: Final = pid
        self._folder: Final = folder
        self._places: Final = places
        self._end: Final = threading.Event()
        self._thread: Final = threading.Thread(target=self._look)
        self.children: Final[set[int]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.005):
            self._places.add_folder(self._folder)
            with contextlib.suppress(OSError):
                for child in [*_children(self._pid)]:
                    self._note(child)

    def _note(self, child: int) -> None:
        """Keep what the system shows of a child, but not before it is the program that it was started for."""
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if command == Path(f"/proc/{self._pid}/cmdline").read_bytes():
                return
            environ = Path(f"/proc/{child}/environ").read_bytes()
            self._places.content[f"arguments of the child {child} ({hash(command)})"] = command
            self._places.content[f"environment of the child {child} ({hash(environ)})"] = environ
            self.children.add(child)
