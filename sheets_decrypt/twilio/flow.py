"""A job's columns → the Studio flow that asks for them, encrypts the answers and publishes the row.

`studio_flow.json` is the pattern, and itself a flow that can be imported: its one question and the two functions'
parameters are repeated for every column. The shape is Twilio's, https://www.twilio.com/docs/studio/rest-api/v2/schemas.

The functions are called only by address. Studio also has `service_sid`, `environment_sid` and `function_sid`,
which are not known before the functions are deployed; choosing the function in the widget fills them in.
"""

import copy
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

ENCRYPT: Final = "encrypt"
PUBLISH: Final = "publish"
DELIVER: Final = "deliver"
CONTROLS: Final = ("_submission", "_tries", "_deliver", "_round")  # parameters of `publish` that are not columns
PATTERN_DOMAIN: Final = "YOUR-FUNCTIONS-DOMAIN.twil.io"

_PATTERN_QUESTION: Final = "name"
_LONGEST_NAME: Final = 40
_ROW_HEIGHT: Final = 220


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the flow.

    Args:
        column: The column's name in the Sheet, any text.
        widget: The widget's name, which Liquid can read: a letter or `_`, then letters, digits and `_`. It is also
            the name under which the answer goes through the encrypting function.
        encrypted: Whether the answer is encrypted.
    """

    column: str
    widget: str
    encrypted: bool

    @property
    def answer(self) -> str:
        """The answer as the respondent gave it, in Liquid."""
        return f"{{{{widgets.{self.widget}.inbound.Body}}}}"

    @property
    def published(self) -> str:
        """The value that goes into the Sheet, in Liquid."""
        return f"{{{{widgets.{ENCRYPT}.parsed.{self.widget}}}}}" if self.encrypted else self.answer


def questions(columns: Sequence[str], plain: Sequence[str] = ()) -> tuple[Question, ...]:
    """Return a question for every column, each with its own widget name.

    Args:
        columns: The columns whose answers are encrypted.
        plain: The columns whose answers stay readable in the Sheet; they are asked last.
    """
    taken = {state["name"].casefold() for state in pattern()["states"] if state["name"] != _PATTERN_QUESTION}
    made = []
    for number, column in enumerate((*columns, *plain), start=1):
        widget = next(name for name in _candidates(column, number) if name.casefold() not in taken)
        taken.add(widget.casefold())
        made.append(Question(column, widget, encrypted=number <= len(columns)))
    return tuple(made)


def _candidates(column: str, number: int) -> Iterator[str]:
    """Return widget names for a column, the best one first."""
    ascii_only = unicodedata.normalize("NFKD", column).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", ascii_only).strip("_")[:_LONGEST_NAME].strip("_")
    if not name:
        name = f"question_{number}"
    elif name[0].isdigit():
        name = f"q_{name}"
    yield name
    count = 2
    while True:
        yield f"{name}_{count}"
        count += 1


def pattern() -> dict[str, Any]:
    """Read the flow that ships with the package."""
    text = resources.files(__package__).joinpath("studio_flow.json").read_text("utf-8")
    flow: dict[str, Any] = json.loads(text)
    return flow


def build(asked: Sequence[Question], domain: str = PATTERN_DOMAIN) -> dict[str, Any]:
    """Build the flow for the questions.

    Args:
        asked: At least one question; they are asked in this order.
        domain: The host name under which Twilio serves the functions.
    """
    flow = pattern()
    states = flow["states"]
    at = next(index for index, state in enumerate(states) if state["name"] == _PATTERN_QUESTION)
    model, below = states[at], (len(asked) - 1) * _ROW_HEIGHT
    after = [question.widget for question in asked[1:]] + [ENCRYPT]
    for state in states[:at]:
        _lead(state, {_PATTERN_QUESTION: asked[0].widget})
    for state in states[at + 1 :]:
        state["properties"]["offset"]["y"] += below
        _fill(state, asked, domain)
    states[at : at + 1] = [
        _ask(model, question, following, number)
        for number, (question, following) in enumerate(zip(asked, after, strict=True))
    ]
    return flow


def _ask(model: Mapping[str, Any], question: Question, following: str, number: int) -> dict[str, Any]:
    """Build one question's widget. An answer leads to the next step; silence or a failed delivery, to encryption."""
    state = copy.deepcopy(dict(model))
    state["name"] = question.widget
    state["properties"]["body"] = f"Please tell us: {_plain_text(question.column)}"
    state["properties"]["offset"]["y"] += number * _ROW_HEIGHT
    for transition in state["transitions"]:
        if transition["event"] == "incomingMessage":
            transition["next"] = following
    return state


def _lead(state: Mapping[str, Any], renamed: Mapping[str, str]) -> None:
    for transition in state["transitions"]:
        if transition.get("next") in renamed:
            transition["next"] = renamed[transition["next"]]


def _fill(state: Mapping[str, Any], asked: Sequence[Question], domain: str) -> None:
    """Fill in the two functions' addresses and parameters."""
    properties = state["properties"]
    if "url" in properties:
        properties["url"] = properties["url"].replace(PATTERN_DOMAIN, domain)
    if state["name"] == ENCRYPT:
        properties["parameters"] = [{"key": q.widget, "value": q.answer} for q in asked if q.encrypted]
    elif state["name"] == PUBLISH:
        controls = [pair for pair in properties["parameters"] if pair["key"] in CONTROLS]
        properties["parameters"] = [{"key": q.column, "value": q.published} for q in asked] + controls


def _plain_text(column: str) -> str:
    """Turn a column's name into words for a message."""
    return " ".join(column.replace("_", " ").split())
