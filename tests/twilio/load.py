"""The simulation of a crowd: the exported functions and flow in Node, with a clock of its own (`tests/node/load`)."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sheets_decrypt.twilio.export import export, write
from tests import require

_PROGRAM: Final = Path(__file__).parents[1] / "node" / "load" / "simulate.js"
_PUBLIC_KEY: Final = "EBumbsbzDAFjHWueUTb2Rngy0PC9SxEEZ-k5iRVOcyA"
_HEADER: Final = ("name", "phone", "address", "number")
_SECONDS: Final = 500
_COLUMNS: Final = (
    *("respondents", "rows", "twice", "not_saved", "first_word", "longest_wait"),
    *("reads_a_minute", "writes_a_minute", "refused_by_google", "last_row", "calls"),
)


@dataclass(frozen=True)
class Crowd:
    """What became of one crowd.

    Args:
        scenario: What was simulated; see `simulate.js`.
        figures: What came out.
    """

    scenario: Mapping[str, Any]
    figures: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.figures[name]

    @property
    def line(self) -> str:
        """The figures that the closing note shows."""
        shown = [self.figures[name] for name in _COLUMNS]
        cells = (f"{value:.1f}" if isinstance(value, float) else str(value) for value in shown)
        return " | ".join((*cells, json.dumps(self.scenario)))


def simulate(folder: Path, *scenarios: Mapping[str, Any]) -> Sequence[Crowd]:
    """Export a survey with three encrypted columns and a plain one, simulate its crowds, and print their figures.

    Args:
        folder: Where the export goes.
        scenarios: See `simulate.js`; seed, header and public key need not be named.
    """
    node = require.program("node")
    write(folder, export(_HEADER[:-1], plain=_HEADER[-1:]))
    given = [{"seed": 1, "header": _HEADER, "publicKey": _PUBLIC_KEY, **scenario} for scenario in scenarios]
    done = subprocess.run(
        [node, _PROGRAM, folder],
        input=json.dumps({"scenarios": given}),
        check=True,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    crowds = [Crowd(scenario, figures) for scenario, figures in zip(scenarios, json.loads(done.stdout), strict=True)]
    print(" | ".join(_COLUMNS))
    for crowd in crowds:
        print(crowd.line)
    return crowds
