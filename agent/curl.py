"""A captured request as a command line for a POSIX shell, which sends it to the local server.

It asks what the agent asks: the server's own path, the headers that the server gets. What curl would add of its own is turned
off, so that the server sees the same request. A body of bytes that are no text travels as base64 in the line itself.
"""

from __future__ import annotations

import base64
import shlex
from typing import Final

from hyco.errors import InvalidAddressError

from .captured import ExchangeKind
from .errors import AgentError
from .exchanges import Capture
from .local_headers import for_local_server, local_path
from .masks import masked_headers, masked_target
from .spool import Kept

MAX_BODY_BYTES: Final = 8_388_608
"""More does not go into a line that somebody wants to paste."""

_MAX_ARGUMENT_BYTES: Final = 65_536
"""Systems limit one argument (Linux: 128 KiB); a longer text goes by standard input."""

_LINE: Final = 76
_MADE_UP_BY_CURL: Final = ("Accept", "User-Agent")


class CurlError(AgentError):
    """There is no such command line; the text says why."""

    retryable = False


def command_line(capture: Capture, *, reveals_secrets: bool = False) -> str:
    """The line. May read a file.

    Args:
        capture: The request.
        reveals_secrets: Whether credentials are in it; without them it has marks, and a server that wants them refuses it.

    Raises:
        CurlError: It is no HTTP request, or its body is too long or not kept.
    """
    if capture.kind is ExchangeKind.WEBSOCKET:
        raise CurlError(
            "this is a WebSocket, which curl cannot speak from a command line; HTTP requests have one"
        )
    body = _body(capture)
    target, headers = capture.request_target, capture.request_headers
    if not reveals_secrets:
        target, headers = masked_target(target), masked_headers(headers)
    route = capture.route
    try:
        url = str(route.target.url(local_path(target, route)))
    except InvalidAddressError as error:
        raise CurlError(f"the local server cannot be asked for this path: {error}") from error
    told = for_local_server(headers, capture.remote, route)
    parts = ["curl", *_method(capture.method, has_body=bool(body))]
    parts += _options(url, capture)
    given = {name.lower() for name, _ in told}
    for name, value in told:
        parts += ["-H", f"{name}: {_utf8(value)}" if value else f"{name};"]
    for name in (*_MADE_UP_BY_CURL, *(("Content-Type",) if body else ())):
        if name.lower() not in given:
            parts += ["-H", f"{name}:"]
    if not body:
        return _quoted([*parts, url])
    text = _as_text(body)
    if text is not None and len(body) <= _MAX_ARGUMENT_BYTES:
        return _quoted([*parts, "--data-raw", text, url])
    line = _quoted([*parts, "--data-binary", "@-", url])
    coded = base64.b64encode(body).decode()
    lines = "\n".join(coded[start : start + _LINE] for start in range(0, len(coded), _LINE))
    return f"base64 -d <<'END' | {line}\n{lines}\nEND"


def _body(capture: Capture) -> bytes:
    kept = capture.request
    assert isinstance(kept, Kept)
    if kept.size > MAX_BODY_BYTES:
        raise CurlError(
            f"its body of {kept.size:,} bytes is too long for a command line; replay it, or save the body"
            " and give it to curl with --data-binary @FILE"
        )
    if kept.lost is not None or not kept.is_over:
        raise CurlError("its body is not kept whole, so a command line would send another request")
    return kept.read(0, kept.size)


def _method(method: str, *, has_body: bool) -> list[str]:
    usual = "POST" if has_body else "GET"
    if method == usual:
        return []
    return ["--head"] if method == "HEAD" and not has_body else ["-X", method]


def _options(url: str, capture: Capture) -> list[str]:
    options = []
    if any(sign in url for sign in "[]{}"):
        options.append("--globoff")
    if "/." in url:
        options.append("--path-as-is")
    if capture.route.target.is_secure and capture.route.config.insecure_target:
        options.append("--insecure")
    return options


def _as_text(body: bytes) -> str | None:
    """*body* where it can stand in a command line as it is."""
    if b"\0" in body:
        return None
    try:
        return body.decode("ascii")  # beyond it, what a shell passes on depends on its locale
    except UnicodeDecodeError:
        return None


def _utf8(value: str) -> str:
    """A header with letters beyond ASCII as a terminal says it: what was sent is most often UTF-8, whatever HTTP calls it."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _quoted(parts: list[str]) -> str:
    return " ".join(shlex.quote(part) for part in parts)
