"""Shared access signatures: signing tokens, reading them, and checking what they allow.

A token is ``SharedAccessSignature sr=<E(uri)>&sig=<E(signature)>&se=<expiry>&skn=<rule name>``, E being percent-encoding.
The signature is the base64 of HMAC-SHA256, keyed with the UTF-8 bytes of the key *text* (keys look like base64 and are
not decoded), over the encoded ``sr`` exactly as sent, a line feed, and ``se`` exactly as sent. SDKs differ in the case
of their hex digits, in ports and in slashes, so nothing is ever decoded and encoded again.

Reading is total: any text gives a token or a :class:`TokenError`. Secrets are compared as bytes, by
``hmac.compare_digest``, and an unknown rule costs as much time as a wrong signature.

Source: protocol reference §2.2, §2.5.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote, unquote_to_bytes

from .errors import InvalidAddressError, TokenError, TokenReason
from .limits import (
    MAX_CLOCK_SKEW_S,
    MAX_KEY_NAME_LENGTH,
    MAX_RULE_NAME_LENGTH,
    MAX_TOKEN_BYTES,
    MIN_RULE_NAME_LENGTH,
)
from .names import canonical_path, covers, split_authority

_PREFIX = re.compile(r"SharedAccessSignature[ \t]", re.IGNORECASE)
_JWT = re.compile(r"(?:(?i:Bearer) +)?eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_FIELDS = frozenset({"sr", "sig", "se", "skn"})
# Digits of ASCII only: int() would also take "+5", "5_0" and the digits of other scripts.
_SECONDS = re.compile(r"[0-9]{1,12}")
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last one that can be written in a message
_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\\\s]+)(/[^?#]*)?(?:\?[^#]*)?")
_RULE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Right(enum.Flag):
    """What a rule allows."""

    LISTEN = enum.auto()
    SEND = enum.auto()
    MANAGE = enum.auto()
    ALL = LISTEN | SEND | MANAGE


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A named pair of keys, and what they allow; of a namespace or of one hybrid connection.

    Attributes:
        name: Compared without regard to case.
        rights: What a token signed with either key may do.
        primary_key: The key text; also the HMAC key, as UTF-8.
        secondary_key: The same, so that one key can be replaced while the other is in use; empty for none.
    """

    name: str
    rights: Right
    primary_key: str = dataclasses.field(repr=False)
    secondary_key: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token says; nothing of it is proven before :func:`verify`.

    Attributes:
        resource: ``sr`` as sent, percent-encoded.
        host: The canonical host of the resource.
        canonical_path: The canonical path of the resource; empty for a whole namespace.
        expires_at: POSIX seconds.
        rule_name: The rule whose key is said to have signed it.
        signature: The base64 text of the signature, as bytes.
        signed: The bytes that were signed.
    """

    resource: str
    host: str
    canonical_path: str
    expires_at: int
    rule_name: str
    signature: bytes = dataclasses.field(repr=False)
    signed: bytes = dataclasses.field(repr=False)


def parse_rights(text: str) -> Right:
    """Read rights separated by commas, such as ``listen,send``; case and spaces do not matter.

    Raises:
        ValueError: A right is unknown, none is given, or Manage comes without Listen and Send.

    Source: protocol reference §2.2 (resource API).
    """
    rights = Right(0)
    for word in text.split(","):
        match word.strip().lower():
            case "listen":
                rights |= Right.LISTEN
            case "send":
                rights |= Right.SEND
            case "manage":
                rights |= Right.MANAGE
            case other:
                raise ValueError(f"a right is listen, send or manage, not {other!r}")
    if Right.MANAGE in rights and rights != Right.ALL:
        raise ValueError("the right manage needs listen and send beside it")
    return rights


def check_rule_name(name: str) -> str:
    """Return *name* if a rule may be created under it.

    Raises:
        ValueError: It is not 1 to 50 letters, digits, ``.``, ``_`` and ``-``, or does not begin and end with a letter
            or digit.

    Source: protocol reference §11 (resource API) for the length; the characters are ours, those of other names.
    """
    if not MIN_RULE_NAME_LENGTH <= len(name) <= MAX_RULE_NAME_LENGTH or not _RULE_NAME.fullmatch(name):
        raise ValueError(
            f"the name of a rule has 1 to {MAX_RULE_NAME_LENGTH} letters, digits, '.', '_' and '-', "
            "the first and last of them a letter or digit"
        )
    return name


def audience(host: str, path: str) -> str:
    """Return the resource URI that a token for a hybrid connection should name: ``http://host/path``.

    Args:
        host: The namespace's host, without port; an IPv6 address without brackets.
        path: The hybrid connection's path; empty for the whole namespace.

    Source: protocol reference §2.2, "What our own agent should send".
    """
    return f"http://{f'[{host}]' if ':' in host else host}/{path.strip('/')}"


def sign(resource_uri: str, rule_name: str, key: str, expires_at: int) -> str:
    """Return a token: the whole ``SharedAccessSignature …`` text.

    Args:
        resource_uri: Whom it is for, see :func:`audience`. It is signed as given.
        rule_name: The rule that *key* belongs to.
        key: The key text.
        expires_at: POSIX seconds.
    """
    resource = quote(resource_uri, safe="")
    signature = _signature(key, f"{resource}\n{expires_at}".encode())
    return (
        f"SharedAccessSignature sr={resource}&sig={quote(signature, safe='')}"
        f"&se={expires_at}&skn={quote(rule_name, safe='')}"
    )


def looks_like_jwt(text: str) -> bool:
    """Whether *text* is shaped like a JSON Web Token (Entra ID), with or without ``Bearer`` before it.

    Only its shape is looked at: whoever checks such tokens has more to do.
    """
    return len(text) <= MAX_TOKEN_BYTES and _JWT.fullmatch(text) is not None


def missing_token() -> TokenError:
    """Return the error for a request that needs a token and has none. Source: protocol reference §2.5."""
    return TokenError(TokenReason.MISSING, "MissingToken: Relay security token is required.")


def parse_token(text: str) -> Token:
    """Read a token, as it stood in a header or, form-decoded once, in a query.

    Field order and the case of field names do not matter. Unknown fields are ignored: they are not signed.

    Raises:
        TokenError: MISSING when there is no text; MALFORMED when it is no token, a field is missing or doubled, a value
            cannot be read, or the resource is not the address of something that could be relayed.
    """
    if not text.strip():
        raise missing_token()
    try:
        fields = _fields(text)
        host, path = _split_resource(_decode(fields["sr"]))
        rule_name = _decode(fields["skn"])
        if not 0 < len(rule_name) <= MAX_KEY_NAME_LENGTH or _CONTROL.search(rule_name):
            raise _malformed()
        return Token(
            resource=fields["sr"],
            host=host,
            canonical_path=path,
            expires_at=_expiry(fields["se"]),
            rule_name=rule_name,
            # Form-decoding a query leaves a space where an unencoded "+" was.
            signature=unquote_to_bytes(fields["sig"].encode()).replace(b" ", b"+"),
            signed=f"{fields['sr']}\n{fields['se']}".encode(),
        )
    except (UnicodeError, InvalidAddressError) as error:
        raise _malformed() from error


def verify(
    token: Token,
    *,
    hosts: Collection[str],
    path: str,
    entity_rules: Iterable[Rule],
    namespace_rules: Iterable[Rule],
    right: Right,
    now: float,
    skew_s: float = MAX_CLOCK_SKEW_S,
) -> Rule:
    """Return the rule by which *token* allows *right* on *path*.

    A rule of the hybrid connection is tried before one of the namespace; the primary key before the secondary. A rule of
    the hybrid connection is accepted whatever ancestor of the path the token names: Microsoft's Java sender signs the
    namespace's root with any key.

    The signature is checked first, so that whoever has no key learns nothing but that.

    Args:
        token: Just parsed, nothing of it believed.
        hosts: The canonical hosts of the namespace.
        path: The canonical path that was asked for.
        entity_rules: The rules of the hybrid connection that routing found for *path*; none if it found none.
        namespace_rules: The rules of the namespace.
        right: What is asked for. ``Right(0)`` is satisfied with any rule: reading a hybrid connection needs no more.
        now: POSIX seconds.
        skew_s: How long after its expiry the token still counts, for clocks that differ.

    Raises:
        TokenError: SIGNATURE, EXPIRED, AUDIENCE or MISSING_RIGHT; the text is Azure's.

    Source: protocol reference §2.2 (audience match rule, rule lookup), §2.5.
    """
    signers = [*_signers(token, entity_rules), *_signers(token, namespace_rules)]
    if not signers:
        raise TokenError(TokenReason.SIGNATURE, "InvalidSignature: The token has an invalid signature.")
    if now > token.expires_at + skew_s:
        raise TokenError(
            TokenReason.EXPIRED,
            f"ExpiredToken: The token is expired. Expiration time: '{_written(token.expires_at)}'.",
        )
    if token.host not in hosts or not covers(token.canonical_path, path):
        raise TokenError(
            TokenReason.AUDIENCE,
            "InvalidAudience: The authorization header contains a token with a wrong audience.",
        )
    for rule in signers:
        if right in rule.rights:
            return rule
    wanted = (right.name or "").replace("|", ",").title()
    raise TokenError(TokenReason.MISSING_RIGHT, f"Authorization failed for specified action: {wanted}.")


def _malformed() -> TokenError:
    return TokenError(TokenReason.MALFORMED, "MalformedToken: The token is malformed.")


def _fields(text: str) -> Mapping[str, str]:
    """Split a token into its fields, still encoded, by lower-case name."""
    prefix = _PREFIX.match(text)
    if prefix is None or len(text.encode()) > MAX_TOKEN_BYTES:
        raise _malformed()
    fields: dict[str, str] = {}
    for part in text[prefix.end() :].split("&"):
        name, equals, value = part.partition("=")
        name = name.lower()
        if name not in _FIELDS:
            continue
        if not equals or not value or name in fields:
            raise _malformed()
        fields[name] = value
    if fields.keys() != _FIELDS:
        raise _malformed()
    return fields


def _decode(text: str) -> str:
    return unquote_to_bytes(text.encode()).decode()


def _expiry(text: str) -> int:
    if not _SECONDS.fullmatch(text) or int(text) > _LAST_SECOND:
        raise _malformed()
    return int(text)


def _split_resource(uri: str) -> tuple[str, str]:
    """Return the canonical host and path of a resource; scheme, port and query do not count."""
    match = _RESOURCE.fullmatch(uri)
    if match is None:
        raise _malformed()
    path = (match[2] or "").strip("/")
    return split_authority(match[1])[0], canonical_path(path) if path else ""


def _signers(token: Token, rules: Iterable[Rule]) -> list[Rule]:
    """Return the rules with the token's rule name one of whose keys signed it.

    Every key of such a rule is tried, and a key that does not exist when there is no such rule, so that the time taken
    does not tell which it was.
    """
    name = token.rule_name.casefold()
    named = [rule for rule in rules if rule.name.casefold() == name]
    if not named:
        _is_signed_by(token, "")
        _is_signed_by(token, "")
    signers = []
    for rule in named:
        by_primary = _is_signed_by(token, rule.primary_key)
        by_secondary = _is_signed_by(token, rule.secondary_key)
        if by_primary or by_secondary:
            signers.append(rule)
    return signers


def _is_signed_by(token: Token, key: str) -> bool:
    """Whether *key* made the token's signature; an empty key, which is no key, makes none."""
    is_equal = hmac.compare_digest(_signature(key, token.signed), token.signature)
    return is_equal and key != ""


def _signature(key: str, signed: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key.encode(), signed, hashlib.sha256))


def _written(expires_at: int) -> str:
    return dt.datetime.fromtimestamp(expires_at, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
