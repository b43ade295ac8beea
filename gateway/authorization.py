"""Who may do what: finding the credential in a request, and checking it.

The order in which places are looked at decides, and the first that holds anything is the only one that is judged: two
readings of one request are how others were entered (reliability reference §3). Whether there is such a hybrid connection
does not show: a name that does not exist needs a token as well, and gets the same answers (protocol reference §2.4).
"""

from __future__ import annotations

import collections
import enum
import hashlib
import math
import time
from dataclasses import dataclass, field

from hyco.addresses import RequestTarget
from hyco.errors import InvalidAddressError, TokenError
from hyco.fields import Fields
from hyco.names import canonical_host
from hyco.sas import Right, looks_like_jwt, missing_token, parse_token, verify

from .config import GatewayConfig
from .directory import Directory
from .entities import HybridConnection, Namespace
from .errors import UnauthorizedError

#: Tokens that are known to be good, each with a right, a path and a host: some 600 bytes.
MAX_VERIFIED = 4_096

#: Never crosses to a listener, whether it was looked at or not (protocol reference §2.1).
ALWAYS_CONSUMED = frozenset({"servicebusauthorization"})

#: As the right that is asked for: any at all, as long as a key signed for it. Every set of rights has this empty one in it.
ANY_RIGHT = Right(0)

_JWT_UNCONFIGURED = (
    "MalformedToken: The token is a JSON Web Token, but this gateway is not configured for Entra ID;"
    " use a shared access signature."
)
_REPEATED = "MalformedToken: The request carries more than one {} header."


class Carrier(enum.Enum):
    """Where a token was found."""

    QUERY = "sb-hc-token"
    SERVICE_BUS_AUTHORIZATION = "ServiceBusAuthorization"
    AUTHORIZATION = "Authorization"


#: Those in headers, by the header's name, in the order in which they count.
_CARRIERS = {
    carrier.value.lower(): carrier for carrier in (Carrier.SERVICE_BUS_AUTHORIZATION, Carrier.AUTHORIZATION)
}


@dataclass(frozen=True, slots=True)
class Credential:
    """A token as it came, without ``Bearer`` before it."""

    carrier: Carrier
    token_text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was allowed.

    Attributes:
        rule_name: The rule whose key signed the token; None for an anonymous sender.
        expires_at: POSIX seconds; infinite for an anonymous sender.
        consumed: Lower-case names of headers that must not reach the listener.
    """

    rule_name: str | None
    expires_at: float
    consumed: frozenset[str]


def find_credential(target: RequestTarget, fields: Fields) -> Credential | None:
    """The credential of a request: ``sb-hc-token``, else ServiceBusAuthorization, else Authorization. None if none.

    A rule's name and key in the query (``sb-hc-sas-key-name``) are not looked at: keys in URLs end up in logs (§1.2).

    Raises:
        UnauthorizedError: The header that counts is there more than once.

    Source: protocol reference §2.1.
    """
    if token := target.parameters.get("sb-hc-token", "").strip():
        return Credential(Carrier.QUERY, token)
    for name, carrier in _CARRIERS.items():
        values = fields.get(name, ())
        if len(values) > 1:
            raise UnauthorizedError(_REPEATED.format(carrier.value))
        if values and (token := _without_bearer(values[0])):
            return Credential(carrier, token)
    return None


@dataclass(frozen=True, slots=True)
class _Verified:
    """What a token allowed, and by which rules: what is found there now must be these very objects."""

    namespace: Namespace
    connection: HybridConnection | None
    grant: Grant


class Authorizer:
    """Applies SAS rules to what is asked for.

    Senders show one token again and again: with each request, or each connection of an hour. One that was good is good again
    until it expires, unless namespace, hybrid connection or their rules were changed, which makes new objects of them. It is
    known by its SHA-256: looking it up tells nothing about its characters, and no token stays in memory. What was refused is
    judged anew each time.
    """

    def __init__(self, directory: Directory, config: GatewayConfig) -> None:
        self._directory = directory
        self._skew_s = config.clock_skew_s
        self._verified: collections.OrderedDict[tuple[bytes, Right, str, str], _Verified] = (
            collections.OrderedDict()  # the latest one last; full: the one that was not used for longest goes
        )

    async def authorize(  # noqa: PLR0917 - the parts of one question, always all of them
        self,
        namespace: Namespace,
        connection: HybridConnection | None,
        target: RequestTarget,
        fields: Fields,
        right: Right,
        now: float | None = None,
    ) -> Grant:
        """Allow *right* on what *target* names, or refuse it.

        *connection* is what routing found for the very same target; None if it found nothing. Senders need nothing where
        a hybrid connection says so; a token that they bring along is then not looked at. *now* is in POSIX
        seconds; None means this moment.

        Raises:
            UnauthorizedError: Refused; with the texts of protocol reference §2.5.
        """
        if right is Right.SEND and connection is not None and not connection.requires_client_authorization:
            return Grant(rule_name=None, expires_at=math.inf, consumed=ALWAYS_CONSUMED)
        credential = find_credential(target, fields)
        if credential is None:
            raise UnauthorizedError(str(missing_token()))
        grant = self._check(
            credential.token_text,
            namespace=namespace,
            connection=connection,
            target=target,
            fields=fields,
            right=right,
            now=now,
        )
        if credential.carrier is Carrier.AUTHORIZATION:
            return Grant(
                rule_name=grant.rule_name,
                expires_at=grant.expires_at,
                consumed=grant.consumed | {"authorization"},
            )
        return grant

    async def check_renewal(  # noqa: PLR0917 - as above
        self,
        namespace: Namespace,
        connection: HybridConnection,
        target: RequestTarget,
        fields: Fields,
        token_text: str,
        now: float | None = None,
    ) -> Grant:
        """Allow a listener to go on, by the rules as they are now and not as they were when it came.

        Raises:
            UnauthorizedError: Refused.
        """
        current = self._directory.namespace(namespace.name)
        return self._check(
            _without_bearer(token_text),
            namespace=namespace if current is None else current,
            connection=self._directory.connection(namespace.name, connection.canonical),
            target=target,
            fields=fields,
            right=Right.LISTEN,
            now=now,
        )

    def _check(
        self,
        token_text: str,
        *,
        namespace: Namespace,
        connection: HybridConnection | None,
        target: RequestTarget,
        fields: Fields,
        right: Right,
        now: float | None,
    ) -> Grant:
        if looks_like_jwt(token_text):
            raise UnauthorizedError(_JWT_UNCONFIGURED)
        if now is None:
            now = time.time()
        host = ",".join(fields.get("host", ()))
        digest = hashlib.sha256(token_text.encode("utf-8", "surrogatepass")).digest()
        key = (digest, right, target.canonical, host)
        known = self._verified.get(key)
        if (
            known is not None
            and known.namespace is namespace
            and known.connection is connection
            and now <= known.grant.expires_at + self._skew_s
        ):
            self._verified.move_to_end(key)
            return known.grant
        try:
            token = parse_token(token_text)
            rule = verify(
                token,
                hosts=self._directory.hosts(namespace) | _request_hosts(fields),
                path=target.canonical,
                entity_rules=() if connection is None else connection.rules,
                namespace_rules=namespace.rules,
                right=right,
                now=now,
                skew_s=self._skew_s,
            )
        except TokenError as error:
            raise UnauthorizedError(str(error)) from error
        grant = Grant(rule_name=rule.name, expires_at=token.expires_at, consumed=ALWAYS_CONSUMED)
        self._verified[key] = _Verified(namespace, connection, grant)
        self._verified.move_to_end(key)
        if len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)
        return grant


def _without_bearer(value: str) -> str:
    """The token in a header's value. ``Bearer`` before it is allowed (protocol reference §2.1)."""
    value = value.strip()
    scheme, space, rest = value.partition(" ")
    return rest.strip() if space and scheme.lower() == "bearer" else value


def _request_hosts(fields: Fields) -> frozenset[str]:
    """The host by which the gateway was reached: clients sign for the name that they know."""
    try:
        return frozenset(map(canonical_host, fields.get("host", ())))
    except InvalidAddressError:
        return frozenset()
