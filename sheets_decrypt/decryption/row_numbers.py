"""Row numbers in words: the first few, and how many more. Pure."""

from dataclasses import dataclass, field
from typing import Final

_NAMED: Final = 10


@dataclass(slots=True)
class RowNumbers:
    """Row numbers of the sheet, added in any order; the first ten are kept."""

    first: list[int] = field(default_factory=list)
    count: int = 0

    def add(self, row: int) -> None:
        """Add one row."""
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(row)

    def words(self) -> str:
        """Return the rows in words, such as `rows 2, 3 and 5 more`."""
        more = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return ("rows " if self.count > 1 else "row ") + ", ".join(map(str, self.first)) + more
