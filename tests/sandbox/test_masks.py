"""Partial replies and query parameters of the sandbox, held against Google's discovery document."""

from typing import Any

import pytest

from sheets_decrypt.sandbox import masks
from sheets_decrypt.sandbox.masks import ANYTHING, MaskUnreadable, Schema
from sheets_decrypt.sandbox.parameters import COMMON, METHODS, REPLIES, Parameter, Query
from sheets_decrypt.sandbox.refusals import Refusal
from tests.sandbox import discovery

SCHEMA: Schema = {"a": None, "b": {"c": None, "d": {"e": None}}, "f": ANYTHING}


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("a", {"a": {}}),
        ("a,b", {"a": {}, "b": {}}),
        ("b(c,d)", {"b": {"c": {}, "d": {}}}),
        ("b/d/e", {"b": {"d": {"e": {}}}}),
        ("b.d(e),a", {"b": {"d": {"e": {}}}, "a": {}}),
        ("b/c,b/d/e", {"b": {"c": {}, "d": {"e": {}}}}),
        ("b,b/c", {"b": {}}),
        ("b/c,b", {"b": {}}),
        ("*", {"*": {}}),
        ("b/*", {"b": {"*": {}}}),
        ("*/c", {"*": {"c": {}}}),
        ("f/whatever(x,y)", {"f": {"whatever": {"x": {}, "y": {}}}}),
    ],
)
def test_a_mask_is_read(text: str, mask: masks.Mask) -> None:
    """Commas, paths, brackets and stars mean what Google's guide says."""
    assert masks.parse(text, SCHEMA) == mask


@pytest.mark.parametrize("text", ["", ",", "a,", "b(c", "b(c))", "a)", "a b", "b//c", "(a)", "b()", "b(c)d", "a/"])
def test_a_malformed_mask_is_refused(text: str) -> None:
    """What breaks the grammar is named as a whole."""
    with pytest.raises(MaskUnreadable) as caught:
        masks.parse(text, SCHEMA)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("text", "path"), [("x", "x"), ("b/x", "b.x"), ("b(c,d/x)", "b.d.x"), ("a/x", "a.x"), ("*/x", "*.x")]
)
def test_a_mask_that_names_what_there_is_not_is_refused(text: str, path: str) -> None:
    """The path of the unknown field is named, with dots."""
    with pytest.raises(MaskUnreadable) as caught:
        masks.parse(text, {"a": None, "b": SCHEMA["b"]})
    assert str(caught.value) == path


def test_a_mask_selects_a_part_of_a_reply() -> None:
    """Lists are gone through, and what is not selected is not there."""
    reply: Any = {"a": 1, "b": [{"c": 2, "d": {"e": 3}}, {"c": 4}], "f": 5}
    assert masks.apply(reply, masks.parse("b/c", SCHEMA)) == {"b": [{"c": 2}, {"c": 4}]}
    assert masks.apply(reply, masks.parse("*", SCHEMA)) == reply
    assert masks.apply(reply, masks.parse("a,b(d)", SCHEMA)) == {"a": 1, "b": [{"d": {"e": 3}}, {}]}
    assert masks.apply(reply, masks.parse("f/x", SCHEMA)) == {"f": 5}


def test_a_mask_tells_what_it_covers() -> None:
    """A mask covers a path that it selects, one above and one below."""
    assert masks.covers(masks.parse("b/d", SCHEMA), "b", "d", "e")
    assert masks.covers(masks.parse("b/d", SCHEMA), "b")
    assert not masks.covers(masks.parse("b/d", SCHEMA), "b", "c")
    assert masks.covers(masks.parse("*", SCHEMA), "b", "c")


def _parameter(described: dict[str, Any]) -> Parameter:
    """Turn the discovery document's words into ours."""
    return Parameter(described["type"], tuple(described.get("enum", ())), described.get("repeated", False))


def test_the_query_parameters_are_those_of_the_discovery_document() -> None:
    """Each emulated method knows exactly the parameters that Google lists, of the same types and choices."""
    described = dict(discovery.methods())
    tables = {"": COMMON} | {name: dict(table) for name, table in METHODS.items()}
    for name, table in tables.items():
        source = described[name]["parameters"] if name else discovery.document()["parameters"]
        wanted = {key: _parameter(each) for key, each in source.items() if each["location"] == "query"}
        ours = {
            key: Parameter("boolean" if each.kind == "boolean" else "string", each.choices, each.repeated)
            for key, each in table.items()
        }
        assert ours == wanted


def _compare(ours: Schema, name: str) -> None:
    schemas = discovery.document()["schemas"]
    properties = schemas[name]["properties"]
    assert set(ours) == set(properties), name
    for field, below in ours.items():
        item = properties[field]
        while "items" in item:
            item = item["items"]
        if below is None:
            assert "$ref" not in item, (name, field)
        elif below is ANYTHING:
            assert "$ref" in item, (name, field)
        else:
            _compare(below, item["$ref"])


def test_the_fields_of_the_replies_are_those_of_the_discovery_document() -> None:
    """Every field that a mask may name is one that Google's replies have, and none is missing."""
    described = dict(discovery.methods())
    for name, schema in REPLIES.items():
        _compare(schema, described[name]["response"]["$ref"])


def test_a_query_is_checked() -> None:
    """Unknown names and values that do not fit are refused; booleans may be written as gspread does."""
    query = Query("spreadsheets.get", [("includeGridData", "False"), ("ranges", "a"), ("ranges", "b")])
    assert not query.flag("includeGridData")
    assert query.all("ranges") == ["a", "b"]
    for pairs in ([("includeGridData", "maybe")], [("nope", "")], [("alt", "xml")]):
        with pytest.raises(Refusal) as caught:
            Query("spreadsheets.get", pairs)
        assert caught.value.reply.status == 400
