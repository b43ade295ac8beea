"""Management on the data port, as ATOM: what Azure's SDKs ask about a hybrid connection (protocol reference §12.1).

``GET`` describes one, ``PUT`` makes it (with ``If-Match`` it changes it), ``DELETE`` deletes it. Any right is enough to
read, for listeners and senders ask with their own tokens; the rest needs Manage. Keys are never shown here.
"""

from __future__ import annotations

import html
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from hyco.addresses import RequestTarget, canonical_path
from hyco.errors import InvalidAddressError
from hyco.fields import Fields
from hyco.sas import Right, Rule
from hyco.tracking import guid_of, traced, tracking_id

from ..authorization import ANY_RIGHT, Authorizer
from ..directory import ContentionError, Directory
from ..editor import Editor, EntityExistsError, EntityNotFoundError, QuotaError
from ..entities import HybridConnection, InvalidEntityError, Namespace, generate_key
from ..errors import BadRequestError, RefusalError
from ..fabric.interface import RelayKey
from ..store.interface import StoreUnavailableError, Unavailable
from . import xml_tree
from .resources import iso_time

#: The longest body of a PUT.
MAX_BODY_BYTES = 65_536

ENTRY = "application/atom+xml;type=entry;charset=utf-8"
FEED = "application/atom+xml;type=feed;charset=utf-8"
ERROR = "application/xml;charset=utf-8"

#: What a front door's handler needs: status, content type, body.
AtomAnswer = tuple[int, str, bytes]

_ATOM = "http://www.w3.org/2005/Atom"
_CONNECT = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_DESCRIPTION = "HybridConnectionDescription"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_RIGHTS = {"listen": Right.LISTEN, "send": Right.SEND, "manage": Right.MANAGE}


async def handle(  # noqa: PLR0917 - what a request consists of
    directory: Directory,
    authorizer: Authorizer,
    namespace: Namespace,
    method: str,
    target: RequestTarget,
    fields: Fields,
    body: bytes = b"",
    *,
    listener_count: Callable[[RelayKey], int],
) -> AtomAnswer:
    """Answer a request with the header ``X-PROCESS-AT: ServiceBus``. Errors are answers too, in XML."""
    host = next(iter(fields.get("host", ())), namespace.name)
    try:
        # Exactly this name: what is managed is the entity itself, never one that the path merely begins with.
        canonical = _canonical(target)
        connection = directory.connection(namespace.key, canonical)
        right = ANY_RIGHT if method in ("GET", "HEAD") else Right.MANAGE
        await authorizer.authorize(namespace, connection, target, fields, right)
        match method:
            case "GET" | "HEAD":
                if connection is None:
                    return 200, FEED, feed_xml(host, target.path)
                return _entry(200, host, connection, listener_count)
            case "PUT":
                is_update = "if-match" in fields
                name = unquote(target.path).strip("/")
                settings = parse_entry(body)
                made, is_new = await Editor(directory).put_connection(
                    namespace.name, name, must_be_new=not is_update, **settings
                )
                return _entry(201 if is_new else 200, host, made, listener_count)
            case "DELETE":
                await Editor(directory).delete_connection(namespace.name, canonical)
                return 200, ERROR, b""
            case _:
                raise RefusalError(405, "The method is not allowed: GET, PUT and DELETE are.", code="")
    except RefusalError as error:
        status, text = error.status, error.message
    except InvalidEntityError as error:
        status, text = 400, str(error)
    except EntityNotFoundError:
        status, text = 404, "Endpoint does not exist."
    except (EntityExistsError, ContentionError) as error:
        status, text = 409, str(error)
    except QuotaError as error:
        status, text = 403, str(error)
    except StoreUnavailableError as error:
        status, text = (
            507 if error.reason is Unavailable.FULL else 503,
            "The store cannot be used at the moment.",
        )
    guid = guid_of(target.parameters.get("sb-hc-id", "")) or str(uuid.uuid4())
    detail = traced(text, tracking_id=tracking_id(guid), host=host, path=target.path, now=time.time())
    return status, ERROR, error_xml(status, detail)


def _canonical(target: RequestTarget) -> str:
    """The name that the whole path is; empty for the namespace itself."""
    try:
        return canonical_path(target.path) if target.path.strip("/") else ""
    except InvalidAddressError as error:
        raise BadRequestError(f"The path is no name: {error}.") from error


# --- out -----------------------------------------------------------------------------------------------------------------


def entry_xml(host: str, connection: HybridConnection, listener_count: int) -> bytes:
    """A hybrid connection. The order of members is part of the format (a .NET data contract)."""
    requires = "true" if connection.requires_client_authorization else "false"
    metadata = (
        f"<UserMetadata>{_text(connection.user_metadata)}</UserMetadata>" if connection.user_metadata else ""
    )
    return (
        f'<entry xmlns="{_ATOM}"><id>{_text(_id(host, connection.name))}</id>'
        f'<title type="text">{_text(connection.name)}</title>'
        f"<published>{iso_time(connection.created_at)}</published><updated>{iso_time(connection.updated_at)}</updated>"
        f'<content type="application/xml"><{_DESCRIPTION} xmlns="{_CONNECT}" xmlns:i="{_INSTANCE}">'
        f"<CreatedAt>{iso_time(connection.created_at)}</CreatedAt>"
        f"<UpdatedAt>{iso_time(connection.updated_at)}</UpdatedAt>"
        f"<RequiresClientAuthorization>{requires}</RequiresClientAuthorization>{metadata}"
        f"<ListenerCount>{listener_count}</ListenerCount></{_DESCRIPTION}></content></entry>"
    ).encode()


def feed_xml(host: str, path: str) -> bytes:
    """What the service says about a name that does not exist: an empty list of entities. SDKs turn it into their error."""
    return (
        f'<feed xmlns="{_ATOM}"><id>{_text(_id(host, path))}</id><title type="text">Publicly Listed Services</title>'
        "</feed>"
    ).encode()


def error_xml(status: int, detail: str) -> bytes:
    """An error."""
    return f"<Error><Code>{status}</Code><Detail>{_text(detail)}</Detail></Error>".encode()


def _entry(
    status: int, host: str, connection: HybridConnection, listener_count: Callable[[RelayKey], int]
) -> AtomAnswer:
    return status, ENTRY, entry_xml(host, connection, listener_count(connection.key))


def _id(host: str, path: str) -> str:
    return f"https://{host}/{path.strip('/')}?api-version=2016-07"


def _text(text: str) -> str:
    """*text* inside an element. A bare carriage return would come back as a line feed; what XML cannot hold is "?"."""
    clean = "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else "?" for c in text)
    return html.escape(clean.encode("utf-8", "replace").decode()).replace("\r", "&#13;")


# --- in ------------------------------------------------------------------------------------------------------------------


def parse_entry(body: bytes) -> dict[str, Any]:
    """What the entry of a PUT sets, as arguments of Editor.put_connection.

    Raises:
        InvalidEntityError: It is no entry with a description of a hybrid connection, or a value cannot be.
    """
    if len(body) > MAX_BODY_BYTES:
        raise InvalidEntityError(f"the body has more than {MAX_BODY_BYTES} bytes")
    root = xml_tree.parse(body)
    content = root.child("content") if root.name == "entry" else None
    description = content.child(_DESCRIPTION) if content is not None else None
    if description is None:
        raise InvalidEntityError(f"the body is no entry whose content is a {_DESCRIPTION}")
    settings: dict[str, Any] = {}
    if (requires := description.text_of("RequiresClientAuthorization")) is not None:
        if requires.strip() not in _BOOLEANS:
            raise InvalidEntityError("RequiresClientAuthorization is true or false")
        settings["requires_client_authorization"] = _BOOLEANS[requires.strip()]
    if (metadata := description.text_of("UserMetadata")) is not None:
        settings["user_metadata"] = metadata
    if (rules := description.child("AuthorizationRules")) is not None:
        settings["rules"] = tuple(_rule(element) for element in rules.children)
    return settings


def _rule(element: xml_tree.Element) -> Rule:
    """One rule. Keys that are not given are made."""
    if element.name != "AuthorizationRule":
        raise InvalidEntityError("AuthorizationRules holds something else than AuthorizationRule")
    kind = element.attributes.get("type", "").rpartition(":")[2]
    if kind not in ("", "SharedAccessAuthorizationRule"):
        raise InvalidEntityError("an authorization rule can only be a SharedAccessAuthorizationRule")
    rights = Right(0)
    listed = element.child("Rights")
    for word in listed.children if listed is not None else ():
        right = _RIGHTS.get(word.text.strip().lower())
        if right is None:
            raise InvalidEntityError("a right is Listen, Send or Manage")
        rights |= right
    return Rule(
        name=(element.text_of("KeyName") or "").strip(),
        rights=rights,
        primary_key=(element.text_of("PrimaryKey") or "").strip() or generate_key(),
        secondary_key=(element.text_of("SecondaryKey") or "").strip() or generate_key(),
    )
