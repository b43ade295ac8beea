"""Reading JSON that somebody else wrote: every value is checked before it has a type, and every fault has a name.

Reading is total: whatever the text, there is a value or a RemoteProtocolError, whose text names the member at fault
(``response.statusCode is missing``) and repeats no value of it, which may be secret. Of a member that occurs twice the
last one counts, as in every SDK's parser.
"""

from __future__ import annotations

import dataclasses
import json
import re

from .close_codes import INVALID_DATA
from .errors import RemoteProtocolError
from .fields import Headers, is_field_value, is_token

MAX_SHOWN = 40
"""Characters of a peer's text that an error, or a log, repeats."""

_STATUS = re.compile(r"[1-9][0-9]{2}")
_PORT = re.compile(r"[0-9]{1,5}")
_MAX_PORT = 0xFFFF
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, slots=True)
class _Number:
    """A number as it was written: as a header it goes on as text, and a million digits need not become an int."""

    text: str


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def whole_characters(text: str) -> str:
    """Replace halves of characters in *text* (lone surrogates): JSON can say them, UTF-8 cannot."""
    if text.isascii():
        return text
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def read_object(text: str | bytes) -> dict[str, object]:
    """Read a JSON object.

    Raises:
        RemoteProtocolError: The text is none; with close code 1007 if it is not even UTF-8.
    """
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value: object = json.loads(
            decoded, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise RemoteProtocolError("message is not UTF-8", INVALID_DATA) from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # RecursionError: brackets nested deeper than Python's stack
        raise RemoteProtocolError("message is not JSON") from error
    if not isinstance(value, dict):
        raise RemoteProtocolError("message is not a JSON object")
    return value


class Members:
    """The members of one object, read one by one. Every method raises RemoteProtocolError for what does not fit.

    A member that is null is one that is not there.
    """

    __slots__ = ("_members", "_name")

    def __init__(self, name: str, value: object) -> None:
        """*name*: what errors call the object. *value*: what should be one."""
        if not isinstance(value, dict):
            raise RemoteProtocolError(f"{name} is not an object")
        self._name = name
        self._members: dict[str, object] = value

    def has(self, key: str) -> bool:
        """Whether the member is there."""
        return self._members.get(key) is not None

    def text(self, key: str) -> str:
        """A string that is not empty."""
        value = self._present(key)
        if not isinstance(value, str):
            raise self._fault(key, "is not a string")
        if not value:
            raise self._fault(key, "is empty")
        return whole_characters(value)

    def token(self, key: str) -> str:
        """A token of RFC 9110, such as a method."""
        value = self.text(key)
        if not is_token(value):
            raise self._fault(key, "is not a token")
        return value

    def url(self, key: str) -> str:
        """A string that can stand in a request line: no space and no control character."""
        value = self.text(key)
        if _NOT_IN_URL.search(value):
            raise self._fault(key, "has a space or a control character")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._present(key)
        if not isinstance(value, bool):
            raise self._fault(key, "is not true or false")
        return value

    def status(self, key: str) -> int:
        """A number from 100 to 999, or one in quotes as in the documentation's sample (protocol reference §3.5)."""
        status = self._digits(key, _STATUS)
        if status is None:
            raise self._fault(key, "is not a number from 100 to 999")
        return status

    def port(self, key: str) -> int:
        """A port number."""
        port = self._digits(key, _PORT)
        if port is None or port > _MAX_PORT:
            raise self._fault(key, "is not a port number")
        return port

    def phrase(self, key: str) -> str:
        """A string, or what can be written as one, on one line: control characters become spaces."""
        text = _scalar(self._present(key))
        if text is None:
            raise self._fault(key, "is not a string")
        return _CONTROL.sub(" ", text)

    def inner(self, key: str) -> Members:
        """An object."""
        return Members(f"{self._name}.{key}", self._present(key))

    def headers(self) -> Headers:
        """All members, each a header: a string, or what can be written as one. A list is several headers, null none.

        Names and values are checked because they end up in somebody's HTTP message, where a line end would begin a
        header of the peer's own making.
        """
        headers: list[tuple[str, str]] = []
        for name, value in self._members.items():
            if not is_token(name):
                raise RemoteProtocolError(
                    f"{self._name} has a name that no header can have: {name[:MAX_SHOWN]!a}"
                )
            for item in value if isinstance(value, list) else (value,):
                if item is None:
                    continue
                text = _scalar(item)
                if text is None:
                    raise self._fault(name[:MAX_SHOWN], "is not a string")
                if not is_field_value(text):
                    raise self._fault(name[:MAX_SHOWN], "has a control character")
                headers.append((name, text.strip(" \t")))
        return tuple(headers)

    def _present(self, key: str) -> object:
        value = self._members.get(key)
        if value is None:
            raise self._fault(key, "is missing")
        return value

    def _digits(self, key: str, pattern: re.Pattern[str]) -> int | None:
        value = self._present(key)
        text = value.text if isinstance(value, _Number) else value
        return int(text) if isinstance(text, str) and pattern.fullmatch(text) else None

    def _fault(self, key: str, fault: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"{self._name}.{key} {fault}")


def _scalar(value: object) -> str | None:
    """The text of a value, as JSON would write it but without quotes; None for an object, a list and null."""
    match value:
        case str():
            return whole_characters(value)
        case _Number():
            return value.text
        case True:
            return "true"
        case False:
            return "false"
        case _:
            return None
