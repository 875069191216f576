"""The query parameters of each method and the fields of each reply, from Google's discovery document.

Source: the discovery document of `sheets.v4`; a test compares these tables with it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sheets_decrypt.sandbox import refusals
from sheets_decrypt.sandbox.masks import ANYTHING, Schema

_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_RENDER: Final = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
_DATES: Final = ("SERIAL_NUMBER", "FORMATTED_STRING")
_DIMENSIONS: Final = ("DIMENSION_UNSPECIFIED", "ROWS", "COLUMNS")
_INPUT: Final = ("INPUT_VALUE_OPTION_UNSPECIFIED", "RAW", "USER_ENTERED")
_COMMENTS: Final = tuple(
    f"COMMENTS_VIEW_MODE_{name}" for name in ("UNSPECIFIED", "DEFAULT_FOR_CURRENT_ACCESS", "OMITTED", "INCLUDED")
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter.

    Args:
        kind: `string`, `boolean`, or the name of an enumeration.
        choices: The enumeration's names.
        repeated: Whether it may occur several times.
    """

    kind: str = "string"
    choices: tuple[str, ...] = ()
    repeated: bool = False


_STRING: Final = Parameter()
_BOOLEAN: Final = Parameter("boolean")
_RENDERING: Final = Parameter("ValueRenderOption", _RENDER)
_DATING: Final = Parameter("DateTimeRenderOption", _DATES)

COMMON: Final[Mapping[str, Parameter]] = {
    "$.xgafv": Parameter("string", ("1", "2")),
    "access_token": _STRING,
    "alt": Parameter("string", ("json", "media", "proto")),
    "callback": _STRING,
    "fields": _STRING,
    "key": _STRING,
    "oauth_token": _STRING,
    "prettyPrint": _BOOLEAN,
    "quotaUser": _STRING,
    "uploadType": _STRING,
    "upload_protocol": _STRING,
}
_READING: Final = {
    "dateTimeRenderOption": _DATING,
    "majorDimension": Parameter("Dimension", _DIMENSIONS),
    "valueRenderOption": _RENDERING,
}
_WRITING: Final = {
    "includeValuesInResponse": _BOOLEAN,
    "responseDateTimeRenderOption": _DATING,
    "responseValueRenderOption": _RENDERING,
    "valueInputOption": Parameter("ValueInputOption", _INPUT),
}
METHODS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "spreadsheets.get": {
        "commentsViewMode": Parameter("CommentsViewMode", _COMMENTS),
        "excludeTablesInBandedRanges": _BOOLEAN,
        "includeGridData": _BOOLEAN,
        "ranges": Parameter(repeated=True),
    },
    "spreadsheets.values.get": _READING,
    "spreadsheets.values.batchGet": _READING | {"ranges": Parameter(repeated=True)},
    "spreadsheets.values.update": _WRITING,
    "spreadsheets.values.append": _WRITING
    | {"insertDataOption": Parameter("InsertDataOption", ("OVERWRITE", "INSERT_ROWS"))},
}


class Query:
    """A request's validated query.

    Args:
        method: The method's name in the discovery document.
        pairs: Names and values, decoded, in order.

    Raises:
        Refusal: A parameter is unknown, or its value is not valid.
    """

    def __init__(self, method: str, pairs: Sequence[tuple[str, str]]) -> None:
        known = {**COMMON, **METHODS[method]}
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if name not in known:
                raise refusals.Refusal(refusals.unknown_parameter(name))
            _check(name, known[name], value)
            self._values.setdefault(name, []).append(value)

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter's value, the last one if there are several."""
        return self._values.get(name, [default])[-1]

    def all(self, name: str) -> list[str]:
        """Return every value of a repeated parameter."""
        return self._values.get(name, [])

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean parameter."""
        return _BOOLEANS[self.text(name, str(default)).lower()]


def _check(name: str, parameter: Parameter, value: str) -> None:
    field = re.sub(r"(?=[A-Z])", "_", name).lower()
    if parameter.kind == "boolean" and value.lower() not in _BOOLEANS:
        raise refusals.Refusal(refusals.invalid_value(field, "TYPE_BOOL", f'"{value}"'))
    if parameter.choices and value not in parameter.choices:
        kind = f"type.googleapis.com/google.apps.sheets.v4.{parameter.kind}"
        raise refusals.Refusal(refusals.invalid_value(field, kind, f'"{value}"'))


_GRID_PROPERTIES: Final[Schema] = dict.fromkeys(
    (
        "columnCount",
        "columnGroupControlAfter",
        "frozenColumnCount",
        "frozenRowCount",
        "hideGridlines",
        "rowCount",
        "rowGroupControlAfter",
    )
)
_SHEET_PROPERTIES: Final[Schema] = {
    "dataSourceSheetProperties": ANYTHING,
    "gridProperties": _GRID_PROPERTIES,
    "hidden": None,
    "index": None,
    "rightToLeft": None,
    "sheetId": None,
    "sheetType": None,
    "tabColor": ANYTHING,
    "tabColorStyle": ANYTHING,
    "title": None,
}
_SHEET: Final[Schema] = {
    "bandedRanges": ANYTHING,
    "basicFilter": ANYTHING,
    "charts": ANYTHING,
    "columnGroups": ANYTHING,
    "commentAnchors": ANYTHING,
    "conditionalFormats": ANYTHING,
    "data": ANYTHING,
    "developerMetadata": ANYTHING,
    "filterViews": ANYTHING,
    "merges": ANYTHING,
    "properties": _SHEET_PROPERTIES,
    "protectedRanges": ANYTHING,
    "rowGroups": ANYTHING,
    "slicers": ANYTHING,
    "tables": ANYTHING,
}
_PROPERTIES: Final[Schema] = {
    "autoRecalc": None,
    "defaultFormat": ANYTHING,
    "importFunctionsExternalUrlAccessAllowed": None,
    "iterativeCalculationSettings": ANYTHING,
    "locale": None,
    "spreadsheetTheme": ANYTHING,
    "timeZone": None,
    "title": None,
}
_VALUE_RANGE: Final[Schema] = {"majorDimension": None, "range": None, "values": None}
_UPDATED: Final[Schema] = {
    "spreadsheetId": None,
    "updatedCells": None,
    "updatedColumns": None,
    "updatedData": _VALUE_RANGE,
    "updatedRange": None,
    "updatedRows": None,
}
REPLIES: Final[Mapping[str, Schema]] = {
    "spreadsheets.get": {
        "comments": ANYTHING,
        "commentsViewMode": None,
        "dataSourceSchedules": ANYTHING,
        "dataSources": ANYTHING,
        "developerMetadata": ANYTHING,
        "namedRanges": ANYTHING,
        "properties": _PROPERTIES,
        "sheets": _SHEET,
        "spreadsheetId": None,
        "spreadsheetUrl": None,
    },
    "spreadsheets.values.get": _VALUE_RANGE,
    "spreadsheets.values.batchGet": {"spreadsheetId": None, "valueRanges": _VALUE_RANGE},
    "spreadsheets.values.update": _UPDATED,
    "spreadsheets.values.append": {"spreadsheetId": None, "tableRange": None, "updates": _UPDATED},
}
