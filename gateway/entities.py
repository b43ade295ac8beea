"""Namespaces, hybrid connections and their SAS rules: what the gateway keeps of each, and what may be kept.

Rules belong to the document of their owner, so that a namespace and its first rule appear at once, and a key is
replaced by one write. Two letter cases of one name are one entity (protocol reference §1.1); the spelling of the first
one is kept to show.
"""

from __future__ import annotations

import base64
import binascii
import enum
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hyco import limits
from hyco.errors import InvalidAddressError
from hyco.names import canonical_host, check_name, lower
from hyco.sas import Right, Rule, check_rule_name, parse_rights

from .config import is_namespace_name
from .errors import GatewayError
from .fabric.interface import RelayKey, relay_key

#: The rule that a new namespace gets, with all rights. Source: protocol reference §2.2.
ROOT_RULE = "RootManageSharedAccessKey"

#: The longest userMetadata, in characters. Ours: what App Service puts there has some fifty.
MAX_USER_METADATA_LENGTH = 1_024

#: The longest response deadline of a hybrid connection. Ours: a day; who waits longer has lost the answer.
MAX_RESPONSE_TIMEOUT_S = 86_400.0

#: The most names a namespace may have besides its own. Ours.
MAX_HOSTS = 32

#: The most origins whose pages a hybrid connection may be open to. Ours.
MAX_ORIGINS = 32

# As browsers serialise one (RFC 6454 §6.2): scheme, host and, where it is not the scheme's own, port.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class InvalidEntityError(GatewayError):
    """A value that an entity cannot have."""


class Kind(enum.Enum):
    """What a hybrid connection carries. The values are the resource API's."""

    STREAM = "stream"
    """Connections and requests, each to one listener: what Azure's hybrid connections carry."""
    EVENT = "event"
    """Messages, each to every subscriber."""
    ONE_WAY = "one-way"
    """Messages, each to one subscriber."""


class KeyType(enum.Enum):
    """Which of a rule's two keys. The values are the resource API's."""

    PRIMARY = "PrimaryKey"
    SECONDARY = "SecondaryKey"


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """Where hybrid connections live.

    Attributes:
        name: As it was first spelled.
        hosts: Canonical host names under which it is reached, besides its own.
        rules: For every hybrid connection in it. Their keys stay out of reprs.
        created_at, updated_at: POSIX seconds.
        rev: The revision of the store's document.
    """

    KIND: ClassVar[str] = "namespace"

    name: str
    hosts: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = field(default=(), repr=False)
    created_at: float
    updated_at: float
    rev: int = 0

    @property
    def key(self) -> str:
        """The one name by which it is looked up."""
        return lower(self.name)

    def document(self) -> dict[str, Any]:
        """What the store keeps."""
        return {
            "name": self.name,
            "hosts": list(self.hosts),
            "rules": _rules_document(self.rules),
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], rev: int) -> Namespace:
        """Read what the store kept."""
        return cls(
            name=document["name"],
            hosts=tuple(document["hosts"]),
            rules=_rules(document["rules"]),
            created_at=document["createdAt"],
            updated_at=document["updatedAt"],
            rev=rev,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridConnection:
    """A named meeting place.

    Attributes:
        namespace: The key of its namespace.
        name: As it was first spelled.
        canonical: The one name by which it is looked up and authorised.
        kind: What it carries, for as long as it exists.
        requires_client_authorization: Whether senders need a token. Listeners always do.
        user_metadata: Any text; Hybrid Connection Manager keeps its target there.
        response_timeout_s: How long a listener may take to answer a request; None: as the gateway says.
        allowed_origins: Whose pages may open WebSockets as senders; empty: everybody's.
        rules: For this hybrid connection alone. Their keys stay out of reprs.
        created_at, updated_at: POSIX seconds.
        rev: The revision of the store's document.
    """

    KIND: ClassVar[str] = "hybridConnection"

    namespace: str
    name: str
    canonical: str
    kind: Kind = Kind.STREAM
    requires_client_authorization: bool = True
    user_metadata: str = ""
    response_timeout_s: float | None = None
    allowed_origins: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = field(default=(), repr=False)
    created_at: float
    updated_at: float
    rev: int = 0

    @property
    def key(self) -> RelayKey:
        """The one name by which it, and who listens on it, is looked up."""
        return relay_key(self.namespace, self.canonical)

    def document(self) -> dict[str, Any]:
        """What the store keeps."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "kind": self.kind.value,
            "requiresClientAuthorization": self.requires_client_authorization,
            "userMetadata": self.user_metadata,
            "responseTimeoutS": self.response_timeout_s,
            "allowedOrigins": list(self.allowed_origins),
            "rules": _rules_document(self.rules),
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], rev: int) -> HybridConnection:
        """Read what the store kept."""
        return cls(
            namespace=document["namespace"],
            name=document["name"],
            canonical=check_name(document["name"]),
            kind=Kind(document.get("kind", Kind.STREAM.value)),  # younger than the first documents
            requires_client_authorization=document["requiresClientAuthorization"],
            user_metadata=document["userMetadata"],
            response_timeout_s=document["responseTimeoutS"],
            allowed_origins=tuple(document.get("allowedOrigins", ())),  # as young
            rules=_rules(document["rules"]),
            created_at=document["createdAt"],
            updated_at=document["updatedAt"],
            rev=rev,
        )


def find_rule(rules: Iterable[Rule], name: str) -> Rule | None:
    """The rule of that name; letter case does not matter (protocol reference §2.2)."""
    wanted = lower(name)
    return next((rule for rule in rules if lower(rule.name) == wanted), None)


def new_rule(name: str, rights: Right) -> Rule:
    """A rule with two new keys.

    Raises:
        InvalidEntityError: The name or the rights are not allowed.
    """
    check_rule(name, rights)
    return Rule(name=name, rights=rights, primary_key=generate_key(), secondary_key=generate_key())


def check_rule(name: str, rights: Right) -> None:
    """Check what a rule is called and allows.

    Raises:
        InvalidEntityError: The name or the rights are not allowed.
    """
    if not rights or (Right.MANAGE in rights and rights != Right.ALL):
        raise InvalidEntityError("a rule has Listen, Send or both; with Manage it has all three")
    try:
        check_rule_name(name)
    except ValueError as error:
        raise InvalidEntityError(str(error)) from error


def generate_key() -> str:
    """A new key: base64 of 256 random bits."""
    return base64.b64encode(secrets.token_bytes(limits.GENERATED_KEY_BYTES)).decode()


def check_key(key: str) -> str:
    """Return *key* if somebody may bring it along: base64 of exactly as many bits as a generated one.

    Raises:
        InvalidEntityError: It is anything else. The text does not repeat it.
    """
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidEntityError("a key is base64 text") from error
    if size != limits.GENERATED_KEY_BYTES:
        raise InvalidEntityError(f"a key is base64 of {limits.GENERATED_KEY_BYTES} bytes, this one of {size}")
    return key


def check_namespace_name(name: str) -> str:
    """Return the key of a namespace that may be created under *name*.

    Raises:
        InvalidEntityError: It may not.
    """
    if not is_namespace_name(name):
        raise InvalidEntityError(
            f"a namespace's name has {limits.MIN_NAMESPACE_NAME_LENGTH} to {limits.MAX_NAMESPACE_NAME_LENGTH} letters,"
            " digits and hyphens; it begins with a letter and ends with a letter or digit"
        )
    return lower(name)


def check_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Return *hosts* in canonical form, each once.

    Raises:
        InvalidEntityError: One is no host name, or there are too many.
    """
    try:
        canonical = tuple(dict.fromkeys(canonical_host(host) for host in hosts))
    except InvalidAddressError as error:
        raise InvalidEntityError(f"hostNames: {error}") from error
    if len(canonical) > MAX_HOSTS:
        raise InvalidEntityError(f"hostNames: at most {MAX_HOSTS}")
    return canonical


def canonical_origin(text: str) -> str:
    """Return an origin as browsers write it, for comparison; what is none stays what it is."""
    origin = text.strip().lower()
    scheme, separator, _ = origin.partition("://")
    return origin.removesuffix(_DEFAULT_PORTS.get(scheme, "")) if separator else origin


def check_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """Return *origins* as browsers write them, each once.

    Raises:
        InvalidEntityError: One is no origin, or there are too many.
    """
    canonical = tuple(dict.fromkeys(canonical_origin(origin) for origin in origins))
    for origin in canonical:
        if _ORIGIN.fullmatch(origin) is None:
            raise InvalidEntityError(
                f"allowedOrigins: {origin[:60]!r} is not SCHEME://HOST[:PORT], as https://app.example.org"
            )
    if len(canonical) > MAX_ORIGINS:
        raise InvalidEntityError(f"allowedOrigins: at most {MAX_ORIGINS}")
    return canonical


def check_connection_name(name: str) -> str:
    """Return the canonical form of a name under which a hybrid connection may be created.

    Raises:
        InvalidEntityError: It may not.
    """
    try:
        return check_name(name)
    except InvalidAddressError as error:
        raise InvalidEntityError(str(error)) from error


def check_user_metadata(text: str) -> str:
    """Return *text* if it may be a hybrid connection's metadata.

    Raises:
        InvalidEntityError: It is too long, or holds what XML cannot say (the ATOM interface must).
    """
    if len(text) > MAX_USER_METADATA_LENGTH:
        raise InvalidEntityError(f"userMetadata has at most {MAX_USER_METADATA_LENGTH} characters")
    if not all(is_xml_character(character) for character in text):
        raise InvalidEntityError("userMetadata has a control character")
    return text


def is_xml_character(character: str) -> bool:
    """Whether XML 1.0 can hold it (section 2.2 there)."""
    return character in "\t\n\r" or (
        character >= " " and not "\ud800" <= character <= "\udfff" and character not in "\ufffe\uffff"
    )


def check_response_timeout(seconds: float | None) -> float | None:
    """Return *seconds* if a hybrid connection may have this response deadline.

    Raises:
        InvalidEntityError: It may not.
    """
    if seconds is None:
        return None
    if (
        not 0 < seconds <= MAX_RESPONSE_TIMEOUT_S
    ):  # nor is it when that is no number: NaN compares with nothing
        raise InvalidEntityError(
            f"responseTimeoutSeconds is more than 0 and at most {MAX_RESPONSE_TIMEOUT_S:g}"
        )
    return float(seconds)


def rights_words(rights: Right) -> list[str]:
    """The resource API's words for *rights*, in its order."""
    words = {"Listen": Right.LISTEN, "Send": Right.SEND, "Manage": Right.MANAGE}
    return [word for word, right in words.items() if right in rights]


def _rules_document(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    return [
        {
            "name": rule.name,
            "rights": rights_words(rule.rights),
            "primaryKey": rule.primary_key,
            "secondaryKey": rule.secondary_key,
        }
        for rule in rules
    ]


def _rules(documents: Iterable[Mapping[str, Any]]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            name=document["name"],
            rights=parse_rights(",".join(document["rights"])),
            primary_key=document["primaryKey"],
            secondary_key=document["secondaryKey"],
        )
        for document in documents
    )
