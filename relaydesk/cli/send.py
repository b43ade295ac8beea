"""``relaydesk send``: one HTTP request through a relay, like a small curl, with the token made for it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated

import typer

from agent.clock import Clock
from agent.config import Deadlines, NetworkConfig
from agent.errors import GatewayRejectedError
from agent.network import Network
from agent.sender import SentResponse, send_request
from hyco.redaction import escape_controls, one_line

from .connection_strings import GivenConnection, find_connection_string
from .exits import CliError, ExitCode, UsageError
from .names import NamedAddress, parse_name
from .options import (
    AsJson,
    CaFile,
    ConnectionStringFile,
    ConnectionStringOption,
    Insecure,
    Verbosity,
    begin,
    check_is_private,
    data_folder,
    read_folder,
)
from .output import Output
from .problems import refused
from .request_bodies import RequestBody, opened_body
from .send_access import SendAccess, find_send_access

#: The longest body that ``--json`` puts into its object; a longer one belongs into a file.
MAX_JSON_BODY_BYTES = 16 * 1024 * 1024

#: An upload may take its time; while it lasts, there is no answer to wait for.
_UPLOAD_DEADLINE_S = 86_400.0

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for."""

    address: NamedAddress
    method: str
    headers: tuple[tuple[str, str], ...]
    timeout_s: float | None
    ca_file: Path | None
    is_insecure_allowed: bool
    has_head: bool
    fails_on_error: bool
    data_folder: Path


def send(
    *,
    address: Annotated[
        str,
        typer.Argument(
            metavar="URL-or-NAME",
            show_default=False,
            help="https://HOST/NAME/path?query, or NAME/path?query of the connection string's gateway.",
        ),
    ],
    request: Annotated[
        str | None,
        typer.Option(
            "--request", "-X", metavar="METHOD", show_default="GET; POST with --data", help="The method."
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header", "-H", metavar="'NAME: VALUE'", show_default=False, help="A header; can be repeated."
        ),
    ] = None,
    body: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            metavar="TEXT|@FILE|-",
            show_default=False,
            help="The body: a text, a file, or standard input; files and input are streamed.",
        ),
    ] = None,
    to_file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default=False, help="Write the answer's body there."
        ),
    ] = None,
    include: Annotated[bool, typer.Option("--include", "-i", help="Print status and headers too.")] = False,
    fail: Annotated[
        bool, typer.Option("--fail", "-f", help="Exit with 1 when the service answers 400 or more.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.001, metavar="SECONDS", show_default=False, help="The longest that all of it may take."
        ),
    ] = None,
    connection_string: ConnectionStringOption = None,
    connection_string_file: ConnectionStringFile = None,
    gateway_data: Annotated[
        Path | None,
        typer.Option(
            parser=read_folder,
            metavar="DIR",
            show_default=False,
            help="The data folder of a gateway of your own: what other verbs call --data.",
        ),
    ] = None,
    ca: CaFile = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Send one HTTP request through a relay, and print the answer. The token is made for you.

    Exit code 4 says that the relay answered instead of the service, 3 that nobody did.
    """
    output = begin(as_json, verbosity)
    given = find_connection_string(
        connection_string, connection_string_file, output, uses_stdin=body in ("-", "@-")
    )
    headers = tuple(map(_header, header or ()))
    _check_framing(headers, body)
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers += (_FORM,)  # as curl does
    wanted = Wanted(
        address=parse_name(address),
        method=_method(request, has_body=body is not None),
        headers=headers,
        timeout_s=timeout,
        ca_file=ca,
        is_insecure_allowed=insecure,
        has_head=include,
        fails_on_error=fail,
        data_folder=data_folder(gateway_data),
    )
    with opened_body(body) as content, _sink(to_file, output) as sink:
        asyncio.run(_send(wanted, given, content, sink, output))


async def _send(
    wanted: Wanted,
    given: GivenConnection | None,
    content: RequestBody | None,
    sink: IO[bytes] | None,
    output: Output,
) -> None:
    found = await find_send_access(wanted.address, given, wanted.data_folder)
    check_is_private(found.access.endpoint, is_insecure_allowed=wanted.is_insecure_allowed)
    try:
        async with asyncio.timeout(wanted.timeout_s):
            status = await _relay(wanted, found, content, sink, output)
    except TimeoutError as error:
        raise CliError(
            f"no whole answer within {wanted.timeout_s:g} s",
            "look at the listener's side, or give a longer --timeout",
            code=ExitCode.UNREACHABLE,
        ) from error
    except GatewayRejectedError as error:
        if output.as_json:
            output.result("", {"status": error.status, "reason": one_line(error.reason), "relayed": False})
        raise refused(error.status, error.reason, found.access.path) from error
    if wanted.fails_on_error and status >= 400:
        raise CliError(f"the service answered {status}")


async def _relay(
    wanted: Wanted,
    found: SendAccess,
    content: RequestBody | None,
    sink: IO[bytes] | None,
    output: Output,
) -> int:
    """Send it and write the answer; its status."""
    network = Network(NetworkConfig(ca_file=wanted.ca_file or found.ca_file))
    network.prepare()
    is_stream = content is not None and not isinstance(content, bytes)
    deadlines = Deadlines()
    connect_s = _UPLOAD_DEADLINE_S if is_stream else max(deadlines.connect_s, wanted.timeout_s or 0.0)
    async with contextlib.AsyncExitStack() as stack:
        waiting = stack.enter_context(contextlib.ExitStack())
        if output.is_watched:
            waiting.enter_context(output.waiting(f"waiting for {found.access.path} to answer"))
        response = await stack.enter_async_context(
            send_request(
                found.access,
                network,
                dataclasses.replace(deadlines, connect_s=connect_s),
                Clock(),
                method=wanted.method,
                suffix=found.suffix,
                query=wanted.address.query,
                headers=wanted.headers,
                body=content,
            )
        )
        waiting.close()
        if output.as_json:
            await _write_json(response, sink, output)
        else:
            assert sink is not None
            await _write(response, sink, has_head=wanted.has_head)
        return response.status


async def _write(response: SentResponse, sink: IO[bytes], *, has_head: bool) -> None:
    if has_head:
        lines = [f"HTTP/1.1 {response.status} {response.reason}".rstrip()]
        lines += [f"{name}: {value}" for name, value in response.headers]
        sink.write("".join(escape_controls(line) + "\r\n" for line in [*lines, ""]).encode())
        sink.flush()
    async for piece in response:
        sink.write(piece)
        sink.flush()  # an event must be seen when it comes


async def _write_json(response: SentResponse, sink: IO[bytes] | None, output: Output) -> None:
    size, kept = 0, bytearray()
    async for piece in response:
        size += len(piece)
        if sink is not None:
            sink.write(piece)
        elif size > MAX_JSON_BODY_BYTES:
            raise CliError(
                f"the answer is longer than the {MAX_JSON_BODY_BYTES} bytes that --json prints",
                "write it to a file with --output",
            )
        else:
            kept += piece
    body: dict[str, str] = {}
    if sink is None:
        try:
            body["body"] = kept.decode()
        except UnicodeDecodeError:
            body["bodyBase64"] = base64.b64encode(kept).decode()
    output.result(
        "",
        {
            "status": response.status,
            "reason": response.reason,
            "relayed": True,
            "headers": [[name, value] for name, value in response.headers],
            "bytes": size,
            **body,
        },
    )


@contextlib.contextmanager
def _sink(to_file: Path | None, output: Output) -> Iterator[IO[bytes] | None]:
    """Where the answer's body goes; None: into the JSON object."""
    if to_file is not None:
        try:
            file = to_file.expanduser().open("wb")
        except OSError as error:
            raise UsageError(f"cannot write {to_file}: {error.strerror or error}") from error
        with file:
            yield file
    else:
        yield None if output.as_json else sys.stdout.buffer


def _check_framing(headers: tuple[tuple[str, str], ...], body: str | None) -> None:
    """Refuse a length that is not that of the body: it would be cut there, or the rest be waited for.

    Raises:
        UsageError: There is one.
    """
    is_stream = body is not None and (body == "-" or body.startswith("@"))
    length = None if is_stream else len((body or "").encode("utf-8", "surrogateescape"))
    for name, value in headers:
        match name.lower():
            case "content-length" if value != str(length):
                raise UsageError(
                    f"the header Content-Length: {value[:80]} does not fit the body",
                    "leave it out; it is made from what --data says",
                )
            case "transfer-encoding":
                raise UsageError(f"the header {name} says how a body is sent", "leave it out")


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not _TOKEN.fullmatch(name.strip()) or not _VALUE.fullmatch(value):
        raise UsageError(f"{name[:80]!r} is no header", "give 'NAME: VALUE'")
    return name.strip(), value.strip()


def _method(text: str | None, *, has_body: bool) -> str:
    if text is None:
        return "POST" if has_body else "GET"
    if not _TOKEN.fullmatch(text):
        raise UsageError(f"{text[:80]!r} is no method", "give one such as GET, POST or PUT")
    return text
