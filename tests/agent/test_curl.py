"""Command lines for curl, run by a shell against a server that says what it got."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agent.captured import ExchangeKind
from agent.curl import MAX_BODY_BYTES, CurlError, command_line
from agent.exchanges import Capture, Exchanges
from hyco.fields import Headers
from tests.support.captures import a_route, begun, ended
from tests.support.raw_stream import STEP_S
from tests.support.targets import web_target

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
def exchanges(tmp_path: Path) -> Exchanges:
    return Exchanges(tmp_path / "captures")


async def say_what_came(request: web.Request) -> web.StreamResponse:
    body = await request.content.read()
    return web.json_response(
        {
            "method": request.method,
            "target": request.raw_path,
            "headers": [
                [name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers
            ],
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
    )


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async with web_target(say_what_came) as address:
        yield address


async def run(line: str, tmp_path: Path) -> bytes:
    """What *line* prints, run by the shell of POSIX from a file, as long ones are."""
    script = tmp_path / "line.sh"
    script.write_text(line)
    shell = await asyncio.create_subprocess_exec(
        "sh", str(script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(STEP_S):
        out, error = await shell.communicate()
    assert shell.returncode == 0, error.decode()
    return out


TEXT_HEADERS = (("Content-Type", "application/json"), ("User-Agent", "browser/1"), ("Accept", "*/*"))


@needs_curl
@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("GET", "/hc", (), b""),
        ("GET", '/hc/a%20b?q=1&r=it\'s%20"this"&$HOME`id`', (("X-Quote", 'it\'s "$HOME" `id` \\ !'),), b""),
        ("GET", "/hc/[1]{2}/x?a[]=1", (), b""),
        ("GET", "/hc/a/../b/./c", (), b""),
        ("DELETE", "/hc/ü", (("X-Empty", ""), ("X-Letters", "café".encode().decode("latin-1"))), b""),
        ("POST", "/hc", TEXT_HEADERS, b'{"a": "it\'s @home"}'),
        ("POST", "/hc", (), b"@not-a-file\n"),
        ("POST", "/hc", (), b""),
        ("PUT", "/hc", TEXT_HEADERS, b"\x00\xff" * 500),
        ("PUT", "/hc", (), "grüße".encode()),
        ("POST", "/hc", (), b"line\nline\r\n" * 10_000),
        ("PATCH", "/hc", (), bytes(range(256)) * 8_000),
        ("GET", "/hc", (), b"a GET with a body"),
    ],
    ids=[
        "plain",
        "quotes",
        "brackets",
        "dots",
        "letters",
        "json",
        "at",
        "empty post",
        "bytes",
        "utf-8",
        "long text",
        "two megabytes",
        "get with body",
    ],
)
async def test_line_asks_what_was_asked(
    *,
    exchanges: Exchanges,
    server: str,
    tmp_path: Path,
    method: str,
    target: str,
    headers: Headers,
    body: bytes,
):
    route = a_route(f"http://{server}", strip_prefix=True)
    capture = ended(exchanges, method, target, headers, body, route=route)
    got: dict[str, Any] = json.loads(await run(command_line(capture), tmp_path))
    assert (got["method"], got["size"], got["sha256"]) == (
        method,
        len(body),
        hashlib.sha256(body).hexdigest(),
    )
    assert got["target"] == str(route.target.url(target.removeprefix("/hc") or "/")).partition(server)[2]
    told = dict(got["headers"])
    for name, value in headers:
        assert told[name] == value
    assert told["X-Forwarded-For"] == "203.0.113.7"
    own = {name.lower() for name, _ in headers} | {
        name.lower() for name in told if name.startswith("X-Forwarded")
    }
    assert {name.lower() for name in told} - own <= {"host", "content-length", "transfer-encoding", "expect"}


@needs_curl
async def test_head_ends_without_a_body(exchanges: Exchanges, server: str, tmp_path: Path):
    capture = ended(exchanges, "HEAD", "/hc", route=a_route(f"http://{server}"))
    assert b"200 OK" in await run(command_line(capture), tmp_path)


SECRETS = (("Authorization", "Bearer s3cret"), ("Cookie", "id=abc"), ("X-Plain", "1"))


def test_secrets_are_masked_unless_asked_for(exchanges: Exchanges):
    capture = ended(exchanges, "GET", "/hc?token=t0p&page=2", SECRETS)
    masked, whole = command_line(capture), command_line(capture, reveals_secrets=True)
    for secret in ("s3cret", "abc", "t0p"):
        assert secret not in masked
        assert secret in whole
    assert "page=2" in masked


def test_certificate_that_the_agent_does_not_check_is_not_checked(exchanges: Exchanges):
    secure = a_route("https://127.0.0.1:3000", insecure_target=True)
    assert "--insecure" in command_line(ended(exchanges, route=secure))
    assert "--insecure" not in command_line(ended(exchanges, route=a_route("https://127.0.0.1:3000")))


def cut(exchanges: Exchanges) -> Capture:
    capture = begun(exchanges, "POST")
    capture.request_piece(b"half")
    return capture


def too_long(exchanges: Exchanges) -> Capture:
    capture = begun(exchanges, "POST")
    for _ in range(9):
        capture.request_piece(bytes(MAX_BODY_BYTES // 8))
    capture.request_ended()
    return capture


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda exchanges: begun(exchanges, kind=ExchangeKind.WEBSOCKET), "WebSocket"),
        (cut, "not kept whole"),
        (too_long, "replay it"),
        (lambda exchanges: ended(exchanges, request_target="no-path"), "path"),
    ],
)
def test_what_has_no_line_says_why(exchanges: Exchanges, make: Any, why: str):  # noqa: ANN401
    with pytest.raises(CurlError, match=why):
        command_line(make(exchanges))
