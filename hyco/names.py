"""The one name of a hybrid connection, and of a host.

Routing finds a hybrid connection by :func:`canonical_path`, and so does the check of a token's audience. There is no
second function of that kind, because the gap between two readings of one path is where one tenant reaches another.
What could be read in two ways (an encoded slash, a dot segment, a backslash) is therefore refused, not repaired.

Letter case: names match without regard to the case of A to Z (protocol reference §1.1). No other letter has a second
case here: Unicode would fold the Kelvin sign into ``k``, and no client of Azure Relay does.
"""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from .errors import InvalidAddressError
from .limits import MAX_NAME_LENGTH, MAX_TARGET_BYTES

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Neither an escape nor a control character nor a backslash, and no segment that begins with a dot.
_PLAIN_PATH = re.compile(r"(?!\.)(?:[!$&'()*+,:;=@A-Z_a-z~0-9-]|(?<!/)\.|/)+")
_DOT_SEGMENTS = frozenset({".", ".."})
# C0 and C1 controls, and the two separators that some log viewers take for line ends.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?")
_PORT = re.compile(r"[0-9]{1,5}")


def lower(text: str) -> str:
    """*text* with A to Z in lower case and nothing else changed: how the protocol compares names."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def decode_segments(path: str) -> list[str]:
    """Split *path* at its slashes and percent-decode each segment once.

    Outer slashes are dropped. A decoded segment may contain a slash (``%2F``) or be empty (``//`` inside); whether that
    is allowed is the caller's matter, everything else that could be misread is refused here.

    Args:
        path: The path of a URL, percent-encoded. Raw characters outside ASCII stand for their UTF-8 bytes; raw bytes
            that are not UTF-8 may be in it as ``surrogateescape`` leaves them (and are refused).

    Raises:
        InvalidAddressError: A bad percent escape, bytes that are not UTF-8, a control character, a backslash, a dot
            segment, or more than MAX_TARGET_BYTES.
    """
    if len(path) > MAX_TARGET_BYTES:
        raise InvalidAddressError(f"the path is longer than {MAX_TARGET_BYTES} bytes")
    if _BAD_ESCAPE.search(path):
        raise InvalidAddressError("the path has a % that two hexadecimal digits do not follow")
    trimmed = path.strip("/")
    if not trimmed:
        return []
    if _PLAIN_PATH.fullmatch(trimmed):  # nearly every path: nothing in it could be read in two ways
        return trimmed.split("/")
    try:
        segments = [
            unquote_to_bytes(segment.encode("utf-8", "surrogateescape")).decode("utf-8")
            for segment in trimmed.split("/")
        ]
    except UnicodeError as error:
        raise InvalidAddressError("the path is not UTF-8") from error
    for segment in segments:
        if _CONTROL.search(segment):
            raise InvalidAddressError("the path has a control character")
        if "\\" in segment:
            raise InvalidAddressError("the path has a backslash")
        if not _DOT_SEGMENTS.isdisjoint(segment.split("/")):
            raise InvalidAddressError("the path has a '.' or '..' segment")
    return segments


def canonical_path(path: str) -> str:
    """Return the one name by which *path* is looked up and authorised.

    That is: percent-decoded once, A to Z in lower case, without outer slashes. The result is not a URL any more and
    must not go through this function a second time.

    Args:
        path: A path as it stands in a URL, percent-encoded, without ``/$hc``, query or fragment.

    Raises:
        InvalidAddressError: The path is empty, or has what could be read in two ways: an empty, ``.`` or ``..``
            segment, an encoded slash, a backslash, a control character, a bad percent escape, bytes that are not
            UTF-8; or it is too long.
    """
    segments = decode_segments(path)
    if not segments:
        raise InvalidAddressError("the path is empty")
    for segment in segments:
        if not is_plain(segment):
            raise InvalidAddressError("the path has an empty segment or an encoded slash")
    return lower("/".join(segments))


def is_plain(segment: str) -> bool:
    """Whether a decoded *segment* can be part of a name: it is not empty and hides no slash."""
    return bool(segment) and "/" not in segment


def check_name(name: str) -> str:
    """Return the canonical form of *name* if a hybrid connection may be created under it.

    Raises:
        InvalidAddressError: It is not 1 to 260 of ``A-Z a-z 0-9 . _ / -``, begins or ends with something else than a
            letter or digit, or has an empty or dot segment.

    Source: protocol reference §11 (resource API); the rule about segments is ours, see :func:`canonical_path`.
    """
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidAddressError(f"a name has at most {MAX_NAME_LENGTH} characters, this one {len(name)}")
    if not _NAME.fullmatch(name):
        raise InvalidAddressError(
            "a name is made of letters, digits and . _ / - and begins and ends with a letter or digit"
        )
    return canonical_path(name)


def candidates(canonical: str) -> Iterator[str]:
    """Yield every name that a request for *canonical* may mean: ``a/b/c``, ``a/b``, ``a``; the longest first.

    Prefixes longer than any name can be are left out, so a long path costs no more than a name of 260.
    """
    end = len(canonical)
    while end > 0:
        if end <= MAX_NAME_LENGTH:
            yield canonical[:end]
        end = canonical.rfind("/", 0, end)


def covers(scope: str, canonical: str) -> bool:
    """Whether *canonical* is at or below *scope*, by whole segments; the empty scope covers everything."""
    return not scope or canonical == scope or canonical.startswith(scope + "/")


def split_authority(authority: str) -> tuple[str, int | None]:
    """Split ``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` into a canonical host and the port, if there is one.

    The canonical host is lower case, without a trailing dot and without brackets; an IPv6 address is in its shortest
    spelling.

    Raises:
        InvalidAddressError: Anything else, user information and zone identifiers included.
    """
    host, colon, port = authority, "", ""
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        colon, port = rest[:1], rest[1:]
        if not bracket or colon not in {"", ":"}:
            raise InvalidAddressError("the host is not an address in brackets")
        host = _canonical_ipv6(host)
    else:
        host, colon, port = authority.partition(":")
        host = lower(host.removesuffix("."))
        if not _HOST.fullmatch(host):
            raise InvalidAddressError("the host is not a host name")
    if not colon:
        return host, None
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65_536:
        raise InvalidAddressError("the port is not a number from 1 to 65535")
    return host, int(port)


def canonical_host(text: str) -> str:
    """Return the host in *text* as hosts are compared: lower case, no port, no brackets, no trailing dot.

    Args:
        text: A ``Host`` header, the authority of a URL, or a bare host name or address.

    Raises:
        InvalidAddressError: It is none of these.
    """
    if text.count(":") > 1 and not text.startswith("["):
        return _canonical_ipv6(text)
    return split_authority(text)[0]


def _canonical_ipv6(text: str) -> str:
    if "%" in text:
        raise InvalidAddressError("an address with a zone identifier leads nowhere on another computer")
    try:
        return ipaddress.IPv6Address(text).compressed
    except ValueError as error:
        raise InvalidAddressError("the host is not an IPv6 address") from error
