"""Connection strings: ``Endpoint=sb://ns/;SharedAccessKeyName=R;SharedAccessKey=K;EntityPath=hyco``.

Parts are separated by ``;`` and split at their first ``=``; keys come in any order and letter case. A key that is
unknown, empty or given twice is refused by name, as Azure's SDKs do, for a misspelt ``EntityPath`` would otherwise show
as some other error far away. No error repeats a value.

Source: protocol reference §2.6.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from .addresses import Endpoint, canonical_path, parse_endpoint
from .errors import InvalidAddressError, InvalidConnectionStringError
from .limits import MAX_CONNECTION_STRING_LENGTH, MAX_KEY_LENGTH, MAX_KEY_NAME_LENGTH, OPERATION_TIMEOUT_S

_ENDPOINT = "Endpoint"
_ENTITY_PATH = "EntityPath"
_KEY_NAME = "SharedAccessKeyName"
_KEY = "SharedAccessKey"
_SIGNATURE = "SharedAccessSignature"
_TIMEOUT = "OperationTimeout"
_AUTHENTICATION = "Authentication"
_EMULATOR = "UseDevelopmentEmulator"
_KEYS = {
    key.lower(): key
    for key in (_ENDPOINT, _ENTITY_PATH, _KEY_NAME, _KEY, _SIGNATURE, _TIMEOUT, _AUTHENTICATION, _EMULATOR)
}
MANAGED_IDENTITY = "Managed Identity"

_SECONDS = re.compile(r"[0-9]{1,7}")  # as Java writes it
_TIME_SPAN = re.compile(r"([0-9]{1,3}):([0-5]?[0-9]):([0-5]?[0-9])")  # as .NET does
_WORD = re.compile(r"[A-Za-z]{1,30}")  # a generated key has 44 characters
_BOOLEANS = {"true": True, "false": False}
_SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionString:
    """How to reach a namespace or one of its hybrid connections, and by which right.

    Every value that exists can be formatted, and parsing that gives the same value again.

    Attributes:
        endpoint: Where the namespace is.
        entity_path: The hybrid connection, without outer slashes; None for the whole namespace.
        key_name: The SAS rule; only together with *key*.
        key: The rule's key text. Not shown by repr.
        signature: A ready token, instead of a rule and its key. Not shown by repr.
        operation_timeout_s: How long one operation may take; whole seconds.
        authentication: ``Managed Identity`` instead of the above, or None.
        is_development_emulator: Whether the gateway speaks no TLS, although ``sb`` says so. A word of other Azure
            services' emulators; ours prints it when it serves without TLS.

    Raises:
        InvalidConnectionStringError: The values contradict each other, or cannot be written in a connection string.
    """

    endpoint: Endpoint
    entity_path: str | None = None
    key_name: str | None = None
    key: str | None = dataclasses.field(default=None, repr=False)
    signature: str | None = dataclasses.field(default=None, repr=False)
    operation_timeout_s: int = int(OPERATION_TIMEOUT_S)
    authentication: str | None = None
    is_development_emulator: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not have been parsed."""
        if self.endpoint.is_secure == self.is_development_emulator:
            raise InvalidConnectionStringError(f"TLS is left out exactly with {_EMULATOR}=true", _EMULATOR)
        if self.entity_path is not None:
            _check_entity_path(self.entity_path)
        _check_text(_KEY_NAME, self.key_name, _CONTROL, MAX_KEY_NAME_LENGTH)
        # Spaces in a key would be a copying mistake, and hide_secrets takes the first one for the key's end.
        _check_text(_KEY, self.key, _SPACE_OR_CONTROL, MAX_KEY_LENGTH)
        _check_text(_SIGNATURE, self.signature, _CONTROL, MAX_CONNECTION_STRING_LENGTH)
        if self.operation_timeout_s <= 0:
            raise InvalidConnectionStringError(f"{_TIMEOUT} is not longer than zero", _TIMEOUT)
        if self.authentication not in {None, MANAGED_IDENTITY}:
            raise InvalidConnectionStringError(
                f"{_AUTHENTICATION} can only be {MANAGED_IDENTITY}", _AUTHENTICATION
            )
        self._check_combination()

    def _check_combination(self) -> None:
        if (self.key_name is None) != (self.key is None):
            missing, present = (_KEY_NAME, _KEY) if self.key_name is None else (_KEY, _KEY_NAME)
            raise InvalidConnectionStringError(f"{present} needs {missing} beside it", missing)
        given = [
            name
            for name, value in (
                (_KEY, self.key),
                (_SIGNATURE, self.signature),
                (_AUTHENTICATION, self.authentication),
            )
            if value is not None
        ]
        if len(given) > 1:
            raise InvalidConnectionStringError(f"{given[0]} and {given[1]} exclude each other", given[1])

    def format(self) -> str:
        """Return the connection string. It holds the key: treat it as a secret."""
        parts = [(_ENDPOINT, f"sb://{self.endpoint.authority}/")]
        optional = (
            (_KEY_NAME, self.key_name),
            (_KEY, self.key),
            (_SIGNATURE, self.signature),
            (_AUTHENTICATION, self.authentication),
            (_ENTITY_PATH, self.entity_path),
        )
        parts += [(name, value) for name, value in optional if value is not None]
        if self.operation_timeout_s != OPERATION_TIMEOUT_S:
            parts.append((_TIMEOUT, str(self.operation_timeout_s)))
        if self.is_development_emulator:
            parts.append((_EMULATOR, "true"))
        return ";".join(f"{name}={value}" for name, value in parts)


def parse(text: str) -> ConnectionString:
    """Read a connection string.

    Raises:
        InvalidConnectionStringError: Its *key* attribute names the part at fault.
    """
    values = _split(text)
    emulator = values.get(_EMULATOR, "false").lower()
    if emulator not in _BOOLEANS:
        raise InvalidConnectionStringError(f"{_EMULATOR} is neither true nor false", _EMULATOR)
    authentication = values.get(_AUTHENTICATION)
    if authentication is not None and authentication.replace(" ", "").lower() == "managedidentity":
        authentication = MANAGED_IDENTITY
    entity_path = values.get(_ENTITY_PATH)
    return ConnectionString(
        endpoint=_endpoint(values, is_secure=not _BOOLEANS[emulator]),
        entity_path=None if entity_path is None else entity_path.strip("/"),
        key_name=values.get(_KEY_NAME),
        key=values.get(_KEY),
        signature=values.get(_SIGNATURE),
        operation_timeout_s=_timeout_s(values),
        authentication=authentication,
        is_development_emulator=_BOOLEANS[emulator],
    )


def _split(text: str) -> Mapping[str, str]:
    """Split a connection string into its values, by key as documented."""
    if not text.strip():
        raise InvalidConnectionStringError("the connection string is empty")
    if len(text) > MAX_CONNECTION_STRING_LENGTH:
        raise InvalidConnectionStringError(
            f"the connection string is longer than {MAX_CONNECTION_STRING_LENGTH} characters"
        )
    values: dict[str, str] = {}
    for position, part in enumerate(text.split(";"), start=1):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        key = _KEYS.get(name.strip().lower())
        if key is None:
            raise _unknown(name.strip(), position)
        value = value.strip()
        if not equals or not value:
            raise InvalidConnectionStringError(f"{key} has no value", key)
        if key in values:
            raise InvalidConnectionStringError(f"{key} is given twice", key)
        values[key] = value
    return values


def _unknown(name: str, position: int) -> InvalidConnectionStringError:
    """Name an unknown key, unless it could be a secret that was pasted in its place."""
    if _WORD.fullmatch(name):
        return InvalidConnectionStringError(f"{name} is not a key of connection strings", name)
    return InvalidConnectionStringError(
        f"part {position} of the connection string begins with none of its keys: {', '.join(_KEYS.values())}"
    )


def _endpoint(values: Mapping[str, str], *, is_secure: bool) -> Endpoint:
    text = values.get(_ENDPOINT)
    if text is None:
        raise InvalidConnectionStringError(f"{_ENDPOINT} is missing", _ENDPOINT)
    if not text.lower().startswith("sb://"):
        raise InvalidConnectionStringError(f"{_ENDPOINT} does not begin with sb://", _ENDPOINT)
    try:
        return parse_endpoint(text, is_secure)
    except InvalidAddressError as error:
        raise InvalidConnectionStringError(f"{_ENDPOINT} cannot be used: {error}", _ENDPOINT) from error


def _timeout_s(values: Mapping[str, str]) -> int:
    """Read ``OperationTimeout``: ``hh:mm:ss`` as .NET has it, or whole seconds as Java has it."""
    text = values.get(_TIMEOUT)
    if text is None:
        return int(OPERATION_TIMEOUT_S)
    if _SECONDS.fullmatch(text):
        return int(text)
    match = _TIME_SPAN.fullmatch(text)
    if match is None:
        raise InvalidConnectionStringError(f"{_TIMEOUT} is neither hh:mm:ss nor whole seconds", _TIMEOUT)
    hours, minutes, seconds = (int(number) for number in match.groups())
    return (hours * 60 + minutes) * 60 + seconds


def _check_entity_path(path: str) -> None:
    _check_text(_ENTITY_PATH, path, _CONTROL, MAX_CONNECTION_STRING_LENGTH)
    try:
        canonical_path(path)
    except InvalidAddressError as error:
        raise InvalidConnectionStringError(f"{_ENTITY_PATH} cannot be used: {error}", _ENTITY_PATH) from error
    if path.startswith("/") or path.endswith("/"):
        raise InvalidConnectionStringError(f"{_ENTITY_PATH} has a slash around it", _ENTITY_PATH)


def _check_text(name: str, value: str | None, forbidden: re.Pattern[str], max_length: int) -> None:
    """Refuse a value that would not come out of a formatted connection string as it went in."""
    if value is None:
        return
    if not value or value != value.strip():
        raise InvalidConnectionStringError(f"{name} is empty or has spaces around it", name)
    if len(value) > max_length:
        raise InvalidConnectionStringError(f"{name} is longer than {max_length} characters", name)
    if ";" in value or forbidden.search(value) or _SURROGATE.search(value):
        raise InvalidConnectionStringError(f"{name} has a character that it cannot have", name)
