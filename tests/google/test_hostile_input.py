"""Any page of JSON, refusal or key file is read or ends in one of our own errors."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets_decrypt.cells import plain
from sheets_decrypt.errors import CredentialsRefused, NotGoogle, SheetsDecryptError
from sheets_decrypt.google.failures import Transient
from sheets_decrypt.sandbox.google import Sandbox
from tests import systems
from tests.google import entry_points

OURS = (SheetsDecryptError, Transient)
GRID = b'{"properties": {"title": "x"}, "sheets": [{"properties": {"title": "x", "gridProperties": %s}}]}'
DEEP = b"[" * 900 + b"]" * 900

numbers = st.sampled_from(["NaN", "-Infinity", "1e999", "-1e999", "1e99999999999999999999", "9" * 5000, "-0.0", "1E+2"])
texts = st.text() | st.sampled_from(["\ud800", "\udfff", "\x00", "ROWS", "data", "__class__"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts


def _with_numbers(content: object, number: str) -> bytes:
    """Write JSON in which the text `?` is replaced by a number that Python's json would not write."""
    return json.dumps(content).replace('"?"', number).encode()


def _objects(*names: str) -> st.SearchStrategy[Any]:
    """Draw any JSON, most of it objects with the names that matter."""
    return st.recursive(
        leaves | st.just("?"),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(names) | texts, inner, max_size=5),
        max_leaves=20,
    )


pages = st.fixed_dictionaries(
    {"range": leaves},
    optional={"values": st.lists(st.lists(leaves | st.just("?"), max_size=4) | leaves, max_size=5) | leaves},
)
grids = st.fixed_dictionaries({}, optional={"rowCount": leaves | st.just("?"), "columnCount": leaves | st.just("?")})
properties = st.fixed_dictionaries(
    {},
    optional={
        "title": leaves,
        "sheetId": leaves | st.just("?"),
        "index": leaves | st.just("?"),
        "sheetType": leaves | st.just("GRID"),
        "gridProperties": grids | leaves,
    },
)
spreadsheets = st.fixed_dictionaries(
    {
        "properties": st.fixed_dictionaries({"title": leaves}) | leaves,
        "sheets": st.lists(st.fixed_dictionaries({"properties": properties | leaves}) | leaves, max_size=3) | leaves,
    }
)
refusals = st.fixed_dictionaries(
    {
        "error": _objects("message", "status", "details", "reason", "metadata", "links", "description", "url")
        | st.sampled_from(["invalid_grant", "invalid_scope"])
    },
    optional={"error_description": leaves},
)


@given(pages | _objects("range", "values"), numbers)
def test_any_page_of_json_becomes_rows_or_our_error(content: object, number: str) -> None:
    """Wrong types, numbers that no sheet holds and lone surrogates are refused, never partly read."""
    with contextlib.suppress(*OURS):
        entry_points.page_of_json(_with_numbers(content, number))


@given(spreadsheets | _objects("properties", "sheets"), numbers)
def test_any_properties_become_tabs_or_our_error(content: object, number: str) -> None:
    """A grid larger than Google's or of negative size is also refused, because memory is allocated by its size."""
    with contextlib.suppress(*OURS):
        entry_points.properties_of_json(_with_numbers(content, number))


@given(
    st.integers(201, 599),
    st.dictionaries(st.sampled_from(["Retry-After", "Date"]), st.text(max_size=40)),
    refusals | _objects("error"),
    numbers,
)
def test_any_refusal_is_explained(status: int, headers: dict[str, str], content: object, number: str) -> None:
    """The explanation is one printable line, whatever the server wrote."""
    entry_points.refusal(status, headers, _with_numbers(content, number))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(body: bytes) -> None:
    """Bytes that are not JSON are read or refused in the same way."""
    for read in (entry_points.page_of_json, entry_points.properties_of_json):
        with contextlib.suppress(*OURS):
            read(body)
    entry_points.refusal(400, {}, body)


@pytest.mark.parametrize("read", [entry_points.page_of_json, entry_points.properties_of_json])
@pytest.mark.parametrize(
    "body",
    [
        b'{"range": ' + DEEP + b', "values": ' + DEEP + b"}",
        b'{"range": "x", "values": [[' + DEEP + b"]]}",
        b'{"properties": {"title": ' + DEEP + b'}, "sheets": ' + DEEP + b"}",
        b'{"range": "x", "values": [["\\ud83d"]]}',
        b'{"properties": {"title": "\\udc00"}, "sheets": []}',
        GRID % b'{"rowCount": 1000000000000000000, "columnCount": 3}',
        GRID % b'{"rowCount": -5, "columnCount": -3}',
        GRID % b'{"rowCount": 1e999, "columnCount": 3}',
        GRID % b'{"rowCount": "3", "columnCount": 3}',
        GRID % b'{"rowCount": true, "columnCount": 3}',
        b'{"properties": {"title": ["x"]}, "sheets": []}',
    ],
)
def test_json_that_google_never_sends_is_not_taken_for_googles(read: Callable[[bytes], None], body: bytes) -> None:
    """The error says that the answer is not from Google."""
    with pytest.raises(NotGoogle):
        read(body)


def test_an_escaped_backslash_is_not_a_lone_surrogate() -> None:
    r"""A cell that holds the six characters \ud800 is an ordinary cell, and so is a whole emoji."""
    entry_points.page_of_json(b'{"range": "x", "values": [["a"], ["\\\\ud800 \\ud83c\\udf35"]]}')


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1e-99999999999999999999", "0e99999999999999999999"])
def test_a_number_with_a_huge_exponent_is_kept_unchanged(number: str) -> None:
    """No sheet holds such a number, but its digits are kept, and its size takes no memory."""
    entry_points.page_of_json(b'{"range": "x", "values": [["a"], [%s]]}' % number.encode())
    assert plain(number) == number


# Key files


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Read a valid key file."""
    content: dict[str, Any] = json.loads(Sandbox(tmp_path_factory.mktemp("key")).key_file.read_text())
    return content


FIELDS = ("type", "client_email", "private_key", "private_key_id", "token_uri", "universe_domain", "project_id")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(FIELDS), value=_objects("x") | st.sampled_from(["https://[", "https://", "https://a b"]))
def test_any_content_of_a_key_file_gives_credentials_or_our_error(
    key: dict[str, Any], tmp_path: Path, field: str, value: object
) -> None:
    """Any type or content of a field gives credentials or an error that names the file."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key | {field: value}))
    try:
        entry_points.key_file(path)
    except CredentialsRefused as error:
        assert str(path) in error.message  # noqa: PT017  (either outcome is right)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_key_file_or_refused(tmp_path: Path, content: bytes) -> None:
    """Bytes of any kind are accepted, or refused with the file's name."""
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(CredentialsRefused, match=r"key\.json"):
        entry_points.key_file(path)


@pytest.mark.parametrize("size", [16_385, 55_000, 1 << 30])
def test_a_key_file_that_is_too_large_is_not_read(tmp_path: Path, size: int) -> None:
    """A gigabyte does not fill the memory, and an 80,000-bit key is not checked, which would take a minute."""
    path = tmp_path / "key.json"
    with path.open("wb") as file:
        file.truncate(size)  # takes no disk space
    with pytest.raises(CredentialsRefused, match="larger than"):
        entry_points.key_file(path)


def test_a_named_pipe_or_device_does_not_block(tmp_path: Path) -> None:
    """A pipe without a writer and an endless device are refused, and the error says what they are."""
    systems.only_on("posix", "only POSIX has named pipes in folders")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(CredentialsRefused, match="a named pipe"):
        entry_points.key_file(tmp_path / "pipe")
    with pytest.raises(CredentialsRefused, match="a device"):
        entry_points.key_file(tmp_path / "link")
