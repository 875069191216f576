"""Google's error messages, in its own words.

Sources: the recorded replies (not shared, unknown id, bad range, bad mask, bad value, API off, quota);
google.rpc.ErrorInfo and BadRequest for the shapes; public issue threads for the wording of the others (unknown
query parameter, grid limits, Office file, scope, missing and invalid credentials, refusals of the token endpoint).
"""

from typing import Any, Final

from sheets_decrypt.sandbox.replies import Reply, document, page

PROJECT: Final = "1234567890"
SHEETS: Final = "sheets.googleapis.com"

_TYPE: Final = "type.googleapis.com/google.rpc."


class Refusal(Exception):
    """The request is to be answered with an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def error(
    code: int, message: str, status: str, *details: dict[str, Any], headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    """Return an error in the shape of google.rpc.Status."""
    body: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        body["details"] = list(details)
    return Reply(code, document({"error": body}), headers=headers)


def invalid(message: str, *, field: str | None = None, description: str | None = None) -> Reply:
    """400, with the details of the violation if a field or a description is given."""
    if field is None and description is None:
        return error(400, message, "INVALID_ARGUMENT")
    violation = {"field": field} if field is not None else {}
    return error(
        400,
        message,
        "INVALID_ARGUMENT",
        {"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation | {"description": description or message}]},
    )


def invalid_value(field: str, kind: str, value: str) -> Reply:
    """400 for a value that does not fit the field's type."""
    message = f"Invalid value at '{field}' ({kind}), {value}"
    return invalid(message, field=field, description=message)


def unknown_parameter(name: str) -> Reply:
    """400 for a query parameter that the method does not have."""
    message = (
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{name}' could not be found in request message."
    )
    return invalid(message, description=message)


def bad_mask(path: str) -> Reply:
    """400 for a `fields` mask that names an unknown field."""
    return invalid(
        "Request contains an invalid argument.",
        field=path,
        description=f"Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.",
    )


def unreadable_range(text: str) -> Reply:
    """400 for a range that is not A1 notation or names no tab."""
    return invalid(f"Unable to parse range: {text}")


def beyond_grid(area: object, rows: int, columns: int) -> Reply:
    """400 for a range that begins outside the grid."""
    return invalid(f"Range ({area}) exceeds grid limits. Max rows: {rows}, max columns: {columns}")


def unsupported() -> Reply:
    """400 for an Excel file in Drive."""
    return error(
        400,
        "This operation is not supported for this document. The document must not be an Office file.",
        "FAILED_PRECONDITION",
    )


def unauthenticated() -> Reply:
    """401 for a token that is unknown or no longer valid."""
    return error(
        401,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        "UNAUTHENTICATED",
        _info("ACCESS_TOKEN_TYPE_UNSUPPORTED", {"service": SHEETS}),
        headers=(("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/", error="invalid_token"'),),
    )


def unregistered() -> Reply:
    """403 for a request without any credentials."""
    return error(
        403,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or "
        "other form of API consumer identity to call this API.",
        "PERMISSION_DENIED",
    )


def scope_insufficient(method: str) -> Reply:
    """403 for a token whose scope does not cover the method."""
    return error(
        403,
        "Request had insufficient authentication scopes.",
        "PERMISSION_DENIED",
        _info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", {"service": SHEETS, "method": method}),
        headers=(("WWW-Authenticate", 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'),),
    )


def not_shared() -> Reply:
    """403 for a spreadsheet that the account may not see, or may not change."""
    return error(403, "The caller does not have permission", "PERMISSION_DENIED")


def not_found() -> Reply:
    """404 for an id that no spreadsheet has."""
    return error(404, "Requested entity was not found.", "NOT_FOUND")


def service_disabled() -> Reply:
    """403 if the Sheets API is off in the account's project."""
    url = f"https://console.developers.google.com/apis/api/{SHEETS}/overview?project={PROJECT}"
    message = (
        f"Google Sheets API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting "
        f"{url} then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our "
        "systems and retry."
    )
    metadata = {
        "serviceTitle": "Google Sheets API",
        "consumer": f"projects/{PROJECT}",
        "activationUrl": url,
        "containerInfo": PROJECT,
        "service": SHEETS,
    }
    return error(
        403,
        message,
        "PERMISSION_DENIED",
        _info("SERVICE_DISABLED", metadata),
        {"@type": f"{_TYPE}LocalizedMessage", "locale": "en-US", "message": message},
        _help("Google developers console API activation", url),
    )


def quota_exceeded(*, per: str = "user", limit: int = 60, reads: bool = True) -> Reply:
    """429 for a quota of requests per minute.

    Args:
        per: `user` or `project`.
        limit: How many requests a minute it allows.
        reads: Whether it is the quota for reads or the one for writes.
    """
    what = "Read" if reads else "Write"
    name = f"{what} requests per minute" + (" per user" if per == "user" else "")
    metadata = {
        "quota_limit_value": str(limit),
        "service": SHEETS,
        "consumer": f"projects/{PROJECT}",
        "quota_unit": "1/min/{project}/{user}" if per == "user" else "1/min/{project}",
        "quota_location": "global",
        "quota_metric": f"{SHEETS}/{what.lower()}_requests",
        "quota_limit": f"{what}RequestsPerMinutePer{'User' if per == 'user' else 'Project'}",
    }
    return error(
        429,
        f"Quota exceeded for quota metric '{what} requests' and limit '{name}' of service '{SHEETS}' for consumer "
        f"'project_number:{PROJECT}'.",
        "RESOURCE_EXHAUSTED",
        _info("RATE_LIMIT_EXCEEDED", metadata),
        _help("Request a higher quota limit.", "https://cloud.google.com/docs/quotas/help/request_increase"),
    )


def token_error(name: str, description: str, status: int = 400) -> Reply:
    """An error of the token endpoint, in the shape of RFC 6749."""
    return Reply(status, document({"error": name, "error_description": description}))


def of_status(status: int) -> Reply:
    """Return Google's usual answer with this status."""
    match status:
        case 401:
            return unauthenticated()
        case 403:
            return not_shared()
        case 404:
            return not_found()
        case 429:
            return quota_exceeded()
        case _ if status in _USUAL:
            return error(status, *_USUAL[status])
        case _:
            return page(status)


_USUAL: Final = {
    400: ("Request contains an invalid argument.", "INVALID_ARGUMENT"),
    408: ("The request timed out.", "DEADLINE_EXCEEDED"),
    409: ("The operation was aborted.", "ABORTED"),
    500: ("Internal error encountered.", "INTERNAL"),
    501: ("The sandbox does not emulate this method.", "UNIMPLEMENTED"),
    503: ("The service is currently unavailable.", "UNAVAILABLE"),
    504: ("Deadline expired before operation could complete.", "DEADLINE_EXCEEDED"),
}


def _info(reason: str, metadata: dict[str, str]) -> dict[str, Any]:
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "googleapis.com", "metadata": metadata}


def _help(description: str, url: str) -> dict[str, Any]:
    return {"@type": f"{_TYPE}Help", "links": [{"description": description, "url": url}]}
