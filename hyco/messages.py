"""The messages of the control channel, as data and as JSON.

A message is a JSON object with one member that names it. The service says ``accept`` and ``request``, a listener says
``response`` and ``renewToken``. Either side ignores names it does not know (:class:`Unknown`), and members it does not
know. What is missing or of the wrong type is refused.

Reading is total: any text gives a message or a RemoteProtocolError. It is also more generous than writing, because
SDKs are: Node sends numbers and lists as header values, samples of the documentation give a status in quotes. Writing
gives what the strictest reader takes, Java's: no name it has not heard of, and header values that are strings.

Source: protocol reference §3.2 to §3.6.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import TypeAlias, assert_never

from .close_codes import POLICY_VIOLATION
from .errors import RemoteProtocolError
from .fields import Headers, join_duplicates
from .json_members import MAX_SHOWN, Members, read_object, whole_characters

_SET_COOKIE = "Set-Cookie"
# JSON has one value for each key, and cookies cannot be joined. Header names have no letter case, JSON keys do: so
# every further cookie travels under another spelling. There are 512, of which a browser keeps fewer than 200 a site.
_SET_COOKIE_SPELLINGS = tuple(
    dict.fromkeys(
        (
            _SET_COOKIE,
            *("".join(letters) for letters in itertools.product(*((c, c.upper()) for c in "set-cookie"))),
        )
    )
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RemoteEndpoint:
    """Where a sender is connecting from, as far as its gateway knows; the default says that it does not."""

    address: str = ""
    port: int = 0


_UNKNOWN_ENDPOINT = RemoteEndpoint()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """Service to listener: a WebSocket sender is waiting at *address*.

    Attributes:
        address: The rendezvous, to be connected to as it is. A secret: whoever has it can take the sender.
        id: The tracking id, which begins with a GUID.
        connect_headers: The sender's handshake.
        remote_endpoint: The sender. Written always, because Java drops the control channel without it (§3.3).
    """

    address: str = dataclasses.field(repr=False)
    id: str
    connect_headers: Headers = dataclasses.field(default=(), repr=False)
    remote_endpoint: RemoteEndpoint = _UNKNOWN_ENDPOINT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Service to listener: an HTTP request, or only the address where one is waiting.

    Attributes:
        address: The rendezvous. A secret, like an Accept's.
        id: What a Response repeats.
        request_target: Path, with the name of the hybrid connection, and query. The path is percent-decoded (§6.3).
        method: Any token; empty in the address-only form, which has no other attribute but *address*.
        remote_endpoint: The sender.
        request_headers: Its headers, as far as they cross (§6.2).
        body: Whether a body follows: one binary message, which may be empty.
    """

    address: str = dataclasses.field(repr=False)
    id: str = ""
    request_target: str = dataclasses.field(default="", repr=False)
    method: str = ""
    remote_endpoint: RemoteEndpoint = _UNKNOWN_ENDPOINT
    request_headers: Headers = dataclasses.field(default=(), repr=False)
    body: bool = False

    @property
    def is_address_only(self) -> bool:
        """Whether the listener has to come to *address* for the request itself (§3.4)."""
        return not self.method


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Listener to service: the answer to a Request.

    Attributes:
        request_id: The id of the Request.
        status_code: From 100 to 999. Which of them a sender may see is the gateway's decision.
        status_description: The reason phrase; None stands for the usual one.
        response_headers: Set-Cookie may occur several times.
        body: Whether a body follows: one binary message, which may be empty.
    """

    request_id: str
    status_code: int
    status_description: str | None = None
    response_headers: Headers = dataclasses.field(default=(), repr=False)
    body: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RenewToken:
    """Listener to service: the token that counts from now on."""

    token: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message of a name that means nothing here, to be ignored. *name* is cut to a length that fits into a log."""

    name: str


Message: TypeAlias = Accept | Request | Response | RenewToken


# --- reading ---------------------------------------------------------------------------------------------------------


def parse_from_service(text: str | bytes) -> Accept | Request | Unknown:
    """Read what a service says to a listener, on a control channel or as the first message of a rendezvous.

    Raises:
        RemoteProtocolError: It is not JSON, or not the message that it is named after; 1007 if it is not UTF-8.
    """
    name, members = _read(text, ("accept", "request"))
    if members is None:
        return Unknown(name=name)
    if name == "request":
        return _request(members)
    return Accept(
        address=members.url("address"),
        id=members.text("id"),
        connect_headers=_headers(members, "connectHeaders"),
        remote_endpoint=_endpoint(members, "remoteEndpoint"),
    )


def parse_from_listener(text: str | bytes) -> Response | RenewToken | Unknown:
    """Read what a listener says to the service, on a control channel or as the first message of a rendezvous.

    Raises:
        RemoteProtocolError: It is not JSON, or not the message that it is named after; 1007 if it is not UTF-8.
    """
    name, members = _read(text, ("response", "renewToken"))
    if members is None:
        return Unknown(name=name)
    if name == "renewToken":
        try:
            return RenewToken(token=members.text("token"))
        except RemoteProtocolError as error:
            # no token is like a bad one: 1008, as for every renewal that is refused (§3.6)
            raise RemoteProtocolError(str(error), POLICY_VIOLATION) from error
    return Response(
        request_id=members.text("requestId"),
        status_code=members.status("statusCode"),
        status_description=members.phrase("statusDescription") if members.has("statusDescription") else None,
        response_headers=_headers(members, "responseHeaders"),
        body=members.has("body") and members.flag("body"),
    )


def _read(text: str | bytes, known: tuple[str, ...]) -> tuple[str, Members | None]:
    """The message's name, and its members where the name is one of *known*."""
    message = read_object(text)
    for name in message:
        if name in known:
            return name, Members(name, message[name])
    return whole_characters(next(iter(message), ""))[:MAX_SHOWN], None


def _request(members: Members) -> Request:
    # Node looks for `method`, .NET and Java for `body`: a message with one of them is a whole one, or broken (§3.4)
    if not (members.has("method") or members.has("body")):
        return Request(address=members.url("address"), id=members.text("id") if members.has("id") else "")
    return Request(
        address=members.url("address"),
        id=members.text("id"),
        request_target=members.text("requestTarget"),
        method=members.token("method"),
        remote_endpoint=_endpoint(members, "remoteEndpoint"),
        request_headers=_headers(members, "requestHeaders"),
        body=members.flag("body"),
    )


def _headers(members: Members, key: str) -> Headers:
    if not members.has(key):
        return ()
    return tuple(
        (_SET_COOKIE if name.lower() == "set-cookie" else name, value)
        for name, value in members.inner(key).headers()
    )


def _endpoint(members: Members, key: str) -> RemoteEndpoint:
    """Optional, with optional members: the documentation does not mention it (§3.3)."""
    if not members.has(key):
        return _UNKNOWN_ENDPOINT
    endpoint = members.inner(key)
    return RemoteEndpoint(
        address=endpoint.phrase("address") if endpoint.has("address") else "",
        port=endpoint.port("port") if endpoint.has("port") else 0,
    )


# --- writing ---------------------------------------------------------------------------------------------------------


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(message: Message) -> str:
    """Write *message* as JSON, with its members in the order of the reference. The result can be said in UTF-8.

    Headers of one name become one, but for Set-Cookie: each further cookie travels under another letter case of that
    name, which parsing undoes; after 512 there is none left. (.NET's listener joins cookies, and so breaks them: §3.5.)
    """
    name: str
    members: dict[str, object]
    match message:
        case Accept():
            name = "accept"
            members = {
                "address": message.address,
                "id": message.id,
                "connectHeaders": _header_object(message.connect_headers),
                "remoteEndpoint": _endpoint_object(message.remote_endpoint),
            }
        case Request(is_address_only=True):
            name = "request"
            members = {"address": message.address}
        case Request():
            name = "request"
            members = {
                "address": message.address,
                "id": message.id,
                "requestTarget": message.request_target,
                "method": message.method,
                "remoteEndpoint": _endpoint_object(message.remote_endpoint),
                "requestHeaders": _header_object(message.request_headers),
                "body": message.body,
            }
        case Response():
            name = "response"
            members = {"requestId": message.request_id, "statusCode": message.status_code}
            if message.status_description is not None:
                members["statusDescription"] = message.status_description
            members["responseHeaders"] = _header_object(message.response_headers)
            members["body"] = message.body
        case RenewToken():
            name = "renewToken"
            members = {"token": message.token}
        case _:
            assert_never(message)
    return whole_characters(_JSON.encode({name: members}))


def _endpoint_object(endpoint: RemoteEndpoint) -> dict[str, object]:
    return {"address": endpoint.address, "port": endpoint.port}


def _header_object(headers: Headers) -> dict[str, str]:
    result: dict[str, str] = {}
    spellings = iter(_SET_COOKIE_SPELLINGS)
    for name, value in join_duplicates(headers):
        if name.lower() == "set-cookie":
            if spelled := next(spellings, None):
                result[spelled] = value
        else:
            result[name] = value
    return result
