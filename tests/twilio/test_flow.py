"""The Studio flow: whatever the columns are, it can be imported, and it thanks only where the answers are safe."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets_decrypt.errors import ConfigurationError
from sheets_decrypt.twilio import flow
from sheets_decrypt.twilio.export import export

ODD: Final = ("name", "Full name", "full_name", "2nd phone", "நகரம்", "encrypt", "publish", "Trigger", "x" * 200)
COLUMNS: Final = [(("name",), ()), (("name", "phone"), ("village",)), (ODD, ("thank you", "नाम"))]

# The properties that Twilio's schema knows of the widgets that are used, all text but for these lists.
# Source: https://www.twilio.com/docs/studio/rest-api/v2/schemas
_TEXT: Final = {"type": "string"}
_OFFSET: Final = {"type": "object", "required": ["x", "y"], "additionalProperties": {"type": "number"}}
_PAIRS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"key": {"type": "string", "minLength": 1}, "value": _TEXT},
        "required": ["key", "value"],
        "additionalProperties": False,
    },
}
_WIDGETS: Final[dict[str, tuple[dict[str, object], list[str], set[str]]]] = {
    "trigger": (
        {},
        [],
        {"incomingMessage", "incomingCall", "incomingConversationMessage", "incomingRequest", "incomingParent"},
    ),
    "send-and-wait-for-reply": (
        dict.fromkeys(("body", "from", "timeout", "service", "channel", "media_url", "attributes"), _TEXT),
        ["from", "body", "timeout"],
        {"incomingMessage", "timeout", "deliveryFailure"},
    ),
    "send-message": (
        dict.fromkeys(("body", "from", "to", "service", "channel", "media_url", "attributes"), _TEXT),
        ["from", "body"],
        {"sent", "failed"},
    ),
    "run-function": (
        {
            **dict.fromkeys(("url", "service_sid", "environment_sid", "function_sid"), _TEXT),
            "parameters": _PAIRS,
        },
        ["url"],
        {"success", "fail"},
    ),
    "split-based-on": ({"input": _TEXT}, ["input"], {"match", "noMatch"}),
    "set-variables": ({"variables": _PAIRS}, ["variables"], {"next"}),
}
_CONDITION: Final = {
    "type": "object",
    "properties": {
        "friendly_name": _TEXT,
        "arguments": {"type": "array", "items": _TEXT},
        "type": {"enum": ["equal_to", "is_blank"]},
        "value": _TEXT,
    },
    "required": ["friendly_name", "arguments", "type", "value"],
    "additionalProperties": False,
}


def _widget_schema(kind: str) -> dict[str, object]:
    properties, required, events = _WIDGETS[kind]
    transition = {
        "type": "object",
        "properties": {
            "event": {"enum": sorted(events)},
            "next": {"type": "string", "minLength": 1},
            "conditions": {"type": "array", "items": _CONDITION},
        },
        "required": ["event"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "type": {"const": kind},
            "name": {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"},
            "transitions": {"type": "array", "items": transition},
            "properties": {
                "type": "object",
                "properties": {**properties, "offset": _OFFSET},
                "required": required,
                "additionalProperties": False,
            },
        },
        "required": ["type", "name", "transitions", "properties"],
        "additionalProperties": False,
    }


_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "description": _TEXT,
        "initial_state": {"type": "string", "minLength": 1},
        "flags": {
            "type": "object",
            "properties": {"allow_concurrent_calls": {"type": "boolean"}},
            "required": ["allow_concurrent_calls"],
            "additionalProperties": False,
        },
        "states": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": {"anyOf": [_widget_schema(kind) for kind in _WIDGETS]},
        },
    },
    "required": ["initial_state", "states"],
    "additionalProperties": False,
}


class Flow:
    """An exported flow, for questions about its paths."""

    def __init__(self, columns: Sequence[str], plain: Sequence[str] = ()) -> None:
        self.definition = json.loads(export(columns, plain=plain)["studio_flow.json"])
        self.states: dict[str, dict[str, Any]] = {state["name"]: state for state in self.definition["states"]}

    def leads(self, name: str) -> dict[str, str]:
        """Outcome → the widget that follows; a match is named by its value."""
        return {
            step["conditions"][0]["value"] if step.get("conditions") else step["event"]: step["next"]
            for step in self.states[name]["transitions"]
            if "next" in step
        }

    def reachable(self, start: str, *without: tuple[str, str]) -> set[str]:
        """The widgets that can be reached from `start` where some outcomes of widgets never happen."""
        found, open_ends = set(), [start]
        while open_ends:
            name = open_ends.pop()
            if name not in found:
                found.add(name)
                open_ends += [to for outcome, to in self.leads(name).items() if (name, outcome) not in without]
        return found

    def parameters(self, name: str) -> dict[str, str]:
        """A function's parameters."""
        return {pair["key"]: pair["value"] for pair in self.states[name]["properties"]["parameters"]}

    def questions(self) -> Iterator[str]:
        """The questions, in the order in which they are asked."""
        name = self.leads("Trigger")["incomingMessage"]
        while name != "encrypt":
            yield name
            name = self.leads(name)["incomingMessage"]


@pytest.fixture(params=COLUMNS, ids=["one", "two and a plain one", "odd names"])
def exported(request: pytest.FixtureRequest) -> tuple[Flow, tuple[str, ...], tuple[str, ...]]:
    """A flow with its columns and plain columns."""
    columns, plain = request.param
    return Flow(columns, plain), columns, plain


Exported = tuple[Flow, tuple[str, ...], tuple[str, ...]]


def test_the_flow_has_the_shape_that_studio_accepts(exported: Exported) -> None:
    """Widgets, properties and outcomes are those of Twilio's schema, and names are unique."""
    definition = exported[0].definition
    jsonschema.validate(definition, _SCHEMA)
    names = [state["name"].casefold() for state in definition["states"]]
    assert len(set(names)) == len(names)
    assert definition["initial_state"] == "Trigger"


def test_every_outcome_leads_to_a_widget_that_exists_and_every_widget_is_reached(exported: Exported) -> None:
    """No outcome leads nowhere, and every widget belongs to the flow."""
    made = exported[0]
    assert {to for name in made.states for to in made.leads(name).values()} <= set(made.states)
    assert made.reachable("Trigger") == set(made.states)


@pytest.mark.parametrize("event", ["incomingMessage", "incomingConversationMessage", "incomingRequest"])
def test_a_message_and_a_rest_call_both_begin_with_the_first_question(exported: Exported, event: str) -> None:
    """A respondent may write first, or the team may send the survey out."""
    made = exported[0]
    assert made.leads("Trigger")[event] == next(made.questions())


def test_every_outcome_of_a_question_and_a_function_is_led_on(exported: Exported) -> None:
    """No outcome ends the flow before the respondent knows how it went."""
    made = exported[0]
    for name, state in made.states.items():
        if state["type"] in {"send-and-wait-for-reply", "run-function", "split-based-on", "set-variables"}:
            ends = {"end_watch": {"next"}, "watches_queue": {"noMatch"}}.get(name, set())
            assert {step["event"] for step in state["transitions"] if "next" not in step} == ends, name


def test_each_column_is_asked_once_in_order_and_silence_saves_what_was_said(exported: Exported) -> None:
    """A respondent who stops, or whom a message cannot reach, does not lose the earlier answers."""
    made, columns, plain = exported
    asked = list(made.questions())
    assert len(asked) == len(columns) + len(plain)
    for name in asked:
        assert made.states[name]["type"] == "send-and-wait-for-reply"
        assert made.leads(name)["timeout"] == made.leads(name)["deliveryFailure"] == "encrypt"


def test_each_answer_goes_through_the_encryption_to_its_own_column(exported: Exported) -> None:
    """An encrypted column's value comes from `encrypt` alone; a plain one's from its question."""
    made, columns, plain = exported
    asked = list(made.questions())
    given, published = made.parameters("encrypt"), made.parameters("publish")
    assert list(published) == [*columns, *plain, "_submission", "_tries"]
    assert published["_submission"] == "{{widgets.encrypt.parsed._submission}}"
    assert list(given) == asked[: len(columns)]
    for widget, column in zip(asked, (*columns, *plain), strict=True):
        if column in columns:
            assert given[widget] == f"{{{{widgets.{widget}.inbound.Body}}}}"
            assert published[column] == f"{{{{widgets.encrypt.parsed.{widget}}}}}"
        else:
            assert published[column] == f"{{{{widgets.{widget}.inbound.Body}}}}"


def test_nobody_is_thanked_unless_the_answers_are_safe(exported: Exported) -> None:
    """Without the success of `publish`, or without a status that says written or kept, the thanks cannot be reached."""
    made = exported[0]
    assert "thank_you" in made.reachable("Trigger")
    assert "thank_you" not in made.reachable("Trigger", ("publish", "success"))
    encrypted = (("encrypt", "success"), ("is_encrypted", "noMatch"))  # both need what only `encrypt` returns
    assert "thank_you" not in made.reachable("Trigger", *encrypted)
    assert made.leads("row_written") == {
        "noMatch": "not_saved",
        "written": "thank_you",
        "written_with_missing_columns": "note_missing_columns",
        "kept": "thank_you",
        "kept_watch": "thank_you",
        "again": "count_publish",
    }
    assert "thank_you" not in made.reachable("not_saved")


@pytest.mark.parametrize("function", ["encrypt", "publish"])
def test_a_call_that_died_is_made_again_and_counted(exported: Exported, function: str) -> None:
    """Every ninth time the flow waits; at last the respondent is told so, and the flow ends."""
    made = exported[0]
    count, again = f"count_{function}", f"{function}_again"
    assert made.leads(function)["fail"] == count
    assert made.leads(count) == {"next": again}
    waits = {str(number): "one_moment" for number in range(9, 45, 9)}
    assert made.leads(again) == {"noMatch": function, **waits, "45": "not_saved"}
    assert made.reachable("not_saved") == {"not_saved"}


def test_publish_is_told_whether_it_was_called_before(exported: Exported) -> None:
    """An answer that was kept by a call whose own answer was lost is recognised."""
    made = exported[0]
    (counted,) = made.states["count_publish"]["properties"]["variables"]
    assert made.parameters("publish")["_tries"] == f"{{{{flow.variables.{counted['key']}}}}}"


def test_after_a_wait_the_flow_goes_on_where_it_was(exported: Exported) -> None:
    """Answers that are not encrypted yet go to `encrypt`, others to `publish`, whatever the respondent does."""
    made = exported[0]
    assert set(made.leads("one_moment").values()) == {"is_encrypted"}
    assert made.leads("is_encrypted") == {"noMatch": "publish", "Is Blank": "encrypt"}
    assert int(made.states["one_moment"]["properties"]["timeout"]) == 600


def test_who_watches_the_queue_calls_until_it_is_empty(exported: Exported) -> None:
    """It was thanked before; a call that died is made again; and two widgets take turns, as Studio asks of a loop."""
    made = exported[0]
    assert made.leads("thank_you") == {"sent": "watches_queue", "failed": "watches_queue"}
    assert made.leads("watches_queue") == {"kept_watch": "deliver"}
    assert made.leads("deliver") == {"success": "queue_is_empty", "fail": "queue_is_empty"}
    assert made.leads("queue_is_empty") == {"noMatch": "deliver", "finished": "end_watch"}
    assert made.parameters("deliver")["_deliver"] == "yes"


def test_missing_columns_are_noted_before_the_thanks(exported: Exported) -> None:
    """The row is written, so the respondent is thanked, and the flow's log names what is missing."""
    made = exported[0]
    noted = {pair["key"]: pair["value"] for pair in made.states["note_missing_columns"]["properties"]["variables"]}
    assert noted["missing_columns"] == "{{widgets.publish.parsed.missing_columns}}"
    assert made.leads("note_missing_columns") == {"next": "thank_you"}


def test_no_two_widgets_lie_on_top_of_each_other(exported: Exported) -> None:
    """In Studio's editor every widget can be seen."""
    places = [tuple(state["properties"]["offset"].values()) for state in exported[0].definition["states"]]
    assert len(set(places)) == len(places)


def test_a_column_that_is_a_name_already_gives_its_widget_that_name() -> None:
    """A widget is found in Studio under the name that the configuration has."""
    assert [question.widget for question in flow.questions(["name", "phone_1"], ["Village"])] == [
        *("name", "phone_1", "Village")
    ]


def test_columns_that_would_share_a_widget_get_one_each() -> None:
    """However alike the names are, no answer takes another's place."""
    assert [question.widget for question in flow.questions(["a b", "a-b", "A_B", "a/b"])] == [
        *("a_b", "a_b_2", "A_B_3", "a_b_4")
    ]


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=12, unique=True))
def test_any_columns_make_a_flow_or_are_refused(columns: list[str]) -> None:
    """Whatever a column is called, the flow has the shape that Studio accepts, and the column keeps its name."""
    try:
        made = Flow(columns)
    except ConfigurationError:
        return
    jsonschema.validate(made.definition, _SCHEMA)
    assert list(made.parameters("publish")) == [*columns, "_submission", "_tries"]
    assert len({name.casefold() for name in made.states}) == len(made.definition["states"])
    assert all(
        re.fullmatch(r"\{\{widgets\.\w+\.inbound\.Body\}\}", text) for text in made.parameters("encrypt").values()
    )
