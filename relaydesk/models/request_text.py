"""A request as a text that is edited: headers a line each, secrets as marks that stand for what was captured."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import QCoreApplication

from agent.captured import CapturedExchange, EditedRequest
from agent.contents import as_text, charset
from agent.masks import masked_headers, masked_target
from hyco.fields import Headers

translate = QCoreApplication.translate

#: A longer body is sent as it was captured, or replaced by another.
MOST_EDITED_BYTES = 1_048_576


class RequestTextError(ValueError):
    """What was typed is no request; the text says which line, and why."""


def target_text(one: CapturedExchange) -> str:
    """Path and query to begin with."""
    return masked_target(one.request_target)


def headers_text(one: CapturedExchange) -> str:
    """Headers to begin with."""
    return "\n".join(f"{name}: {value}" for name, value in masked_headers(one.request_headers))


@dataclasses.dataclass(frozen=True, slots=True)
class BodyText:
    """A body that is edited as a text.

    Attributes:
        text: With plain line ends, as editors have them.
        line_end: What they stand for.
    """

    text: str = ""
    line_end: str = "\n"


def body_text(one: CapturedExchange, body: bytes) -> BodyText | None:
    """A body to begin with; None where it is no text, or too long to be edited."""
    if one.request_body.size > MOST_EDITED_BYTES or len(body) < one.request_body.size:
        return None
    text = as_text(body, one.request_headers)
    if text is None:
        return None
    line_end = "\r\n" if "\r\n" in text else "\n"
    found = BodyText(text.replace("\r\n", "\n"), line_end)
    try:
        # only what comes back the same may be edited: a byte that is no character would be lost
        return found if _encoded(found, one.request_headers) == body and "\r" not in found.text else None
    except RequestTextError:
        return None


def edited_request(*, method: str, target: str, headers: str, body: BodyText | None) -> EditedRequest:
    """What was typed as a request. *body* None: as it was captured.

    Raises:
        RequestTextError: It is none.
    """
    read = _headers(headers)
    return EditedRequest(
        method=method.strip(),
        request_target=target.strip(),
        headers=read,
        body=None if body is None else _encoded(body, read),
    )


def _headers(text: str) -> Headers:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise RequestTextError(
                translate("Replay", "Line {number} of the headers is no “Name: value”.").format(number=number)
            )
        found.append((name.strip(), value.strip()))
    return tuple(found)


def _encoded(body: BodyText, headers: Headers) -> bytes:
    try:
        return body.text.replace("\n", body.line_end).encode(charset(headers) or "utf-8")
    except UnicodeError as error:
        raise RequestTextError(
            translate("Replay", "The body has letters that its charset does not have.")
        ) from error
