"""Asking a gateway, with the key at hand, about a hybrid connection, and making it where it is missing.

It is the management that Azure's own SDKs use, on the port that everything else uses: so it works with Azure too.

Source: protocol reference §12.1.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from html import escape, unescape

from .clock import Clock
from .config import Deadlines
from .credentials import Access
from .errors import GatewayRejectedError, RelayCutError
from .network import Network
from .sender import SentResponse, send_request
from .transport import readable_reason

_API_VERSION = "api-version=2016-07"
_ENTRY_TYPE = "application/atom+xml;type=entry;charset=utf-8"
_ATOM = "http://www.w3.org/2005/Atom"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_CONNECT = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"

#: A description has about one; more than this is something else.
_MAX_ANSWER_BYTES = 65_536

# One boolean of a document whose form is fixed: not worth an XML parser, with all that one can be made to do.
_DESCRIPTION = b"HybridConnectionDescription"
_SOMETHING_ELSE = "with something else than a description"
_DETAIL = re.compile(rb"<Detail>([^<]*)</Detail>")
_MAX_DETAIL = 300
_LISTENERS = re.compile(rb"<(?:\w+:)?ListenerCount>\s*([0-9]{1,9})\s*</")
_REQUIRES = re.compile(rb"<(?:\w+:)?RequiresClientAuthorization>\s*(true|false|1|0)\s*</")


@dataclass(frozen=True, slots=True)
class Description:
    """A hybrid connection, as its gateway describes it."""

    is_anonymous: bool
    listener_count: int | None = None
    """How many listen at this moment; None where the gateway does not say."""


@dataclass(frozen=True, slots=True)
class SendRule:
    """A SAS rule for those who may only send. Its keys are made by whoever makes the rule."""

    name: str
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)

    def to_xml(self) -> str:
        """The rule inside a description (protocol reference §12.1)."""
        return (
            f'<AuthorizationRules><AuthorizationRule xmlns:i="{_INSTANCE}" i:type="SharedAccessAuthorizationRule">'
            "<ClaimType>SharedAccessKey</ClaimType><ClaimValue>None</ClaimValue>"
            "<Rights><AccessRights>Send</AccessRights></Rights>"
            f"<KeyName>{escape(self.name)}</KeyName><PrimaryKey>{escape(self.primary_key)}</PrimaryKey>"
            f"<SecondaryKey>{escape(self.secondary_key)}</SecondaryKey></AuthorizationRule></AuthorizationRules>"
        )


class Management:
    """Asks about the hybrid connection of *access*."""

    def __init__(
        self, access: Access, network: Network, deadlines: Deadlines, clock: Clock | None = None
    ) -> None:
        self._access = access
        self._network = network
        self._deadlines = deadlines
        self._clock = clock or Clock()

    @property
    def gateway(self) -> str:
        """Whom it asks, for people."""
        return self._access.endpoint.authority

    async def describe(self) -> Description | None:
        """What it is; None when there is none.

        Raises:
            GatewayRejectedError: The key allows nothing there, or whoever answers has no such management.
            GatewayUnreachableError: There was no answer.
        """
        try:
            content_type, body = await self._ask("GET")
        except GatewayRejectedError as error:
            if error.status == 404:
                return None
            raise
        # Azure says "there is none" with an empty list
        if "type=feed" in content_type.replace(" ", ""):
            return None
        if _DESCRIPTION not in body:
            raise GatewayRejectedError(200, _SOMETHING_ELSE)
        return _description(body)

    async def put(
        self, *, is_anonymous: bool, is_new: bool, send_rule: SendRule | None = None
    ) -> Description:
        """Make it, or change it.

        Args:
            is_anonymous: Whether its senders need no token.
            is_new: Whether it is to be made; otherwise it is there.
            send_rule: A SAS rule of its own that may send and nothing else. Rules that it has already are replaced.

        Raises:
            GatewayRejectedError: The key lacks Manage, or the name cannot be.
            GatewayUnreachableError: There was no answer.
        """
        requires = "false" if is_anonymous else "true"
        entry = (
            f'<entry xmlns="{_ATOM}"><content type="application/xml">'
            f'<HybridConnectionDescription xmlns="{_CONNECT}">'
            f"<RequiresClientAuthorization>{requires}</RequiresClientAuthorization>"
            f"{'' if send_rule is None else send_rule.to_xml()}"
            "</HybridConnectionDescription></content></entry>"
        )
        _, body = await self._ask("PUT", entry.encode(), [] if is_new else [("If-Match", "*")])
        return _description(body)

    async def _ask(
        self, method: str, body: bytes | None = None, more: list[tuple[str, str]] | None = None
    ) -> tuple[str, bytes]:
        token = self._access.token(self._clock.now())
        headers = [("X-PROCESS-AT", "ServiceBus"), ("Content-Type", _ENTRY_TYPE), *(more or [])]
        if token is not None:
            headers.append(("Authorization", token.text))
        async with send_request(
            self._access,
            self._network,
            self._deadlines,
            self._clock,
            method=method,
            query=_API_VERSION,
            headers=headers,
            body=body,
            is_for_relay=True,
        ) as response:
            if response.status >= 400:
                raise GatewayRejectedError(response.status, await _refusal(response))
            return _content_type(response), await _read(response)


async def _read(response: SentResponse) -> bytes:
    body = bytearray()
    async for piece in response:
        body += piece
        if len(body) > _MAX_ANSWER_BYTES:
            raise GatewayRejectedError(response.status, _SOMETHING_ELSE)
    return bytes(body)


async def _refusal(response: SentResponse) -> str:
    """Why it said no: here, the reason phrase is a word, and the document explains it."""
    body = b""
    with contextlib.suppress(GatewayRejectedError, RelayCutError):
        body = await _read(response)
    found = _DETAIL.search(body)
    if found is None:
        return readable_reason(response.reason)
    return readable_reason(unescape(found[1].decode("utf-8", "replace")).strip()[:_MAX_DETAIL])


def _content_type(response: SentResponse) -> str:
    return next((value for name, value in response.headers if name.lower() == "content-type"), "")


def _description(body: bytes) -> Description:
    found, counted = _REQUIRES.search(body), _LISTENERS.search(body)
    return Description(
        is_anonymous=found is not None and found[1] in (b"false", b"0"),
        listener_count=None if counted is None else int(counted[1]),
    )
