"""An HTTP/1.1 client for tests: sends any bytes, shows the answer exactly as it came.

A body that stops before its end is never taken for a whole one: `HttpResponse.is_cut` says so.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from .raw_stream import End, RawStream

Headers = Collection[tuple[str, str]]

_BODILESS = frozenset({204, 304})


def request_head(method: str, target: str, headers: Headers, *, version: str = "HTTP/1.1") -> bytes:
    """A request line and headers, letter for letter."""
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; that of no bytes is the end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass
class HttpResponse:
    """An answer, or the head of one whose body is still to be read.

    Attributes:
        line: The status line, without its end.
        headers: In order and in the case they came in.
        body: What came of it.
        end: How the connection ended, where the answer showed that.
        is_cut: The connection ended before the body did.
    """

    line: str
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    end: End | None = None
    is_cut: bool = False
    informational: list[int] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        """Every value of the header *name*, whatever its case."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The one value of the header *name*; None without one."""
        values = self.values(name)
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def error(self) -> dict[str, Any]:
        """The error object of an answer made by the relay (protocol reference §6.10)."""
        error = json.loads(self.body)["error"]
        assert isinstance(error, dict)
        return error


class RawHttp:
    """A connection to the gateway's HTTP side; requests go out and answers are read in any order the test wants."""

    def __init__(self, stream: RawStream, host: str) -> None:
        self.stream = stream
        self.host = host

    async def send(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        host: str | None = None,
    ) -> None:
        """Send a request with its Host, and with a Content-Length if there is a body."""
        fields = [("Host", self.host if host is None else host), *headers]
        if body is not None:
            fields.append(("Content-Length", str(len(body))))
        await self.stream.send(request_head(method, target, fields) + (body or b""))

    async def send_head(self, method: str, target: str, headers: Headers = ()) -> None:
        """Send a head whose body the test sends by itself."""
        await self.stream.send(request_head(method, target, [("Host", self.host), *headers]))

    async def request(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        host: str | None = None,
    ) -> HttpResponse:
        """Send a request and read its answer."""
        await self.send(method, target, headers, body, host=host)
        return await self.read_response(method)

    async def read_head(self) -> HttpResponse:
        """The head of the next answer; interim ones (1xx but 101) are noted in it.

        Raises:
            EOFError: The connection ended instead.
            ConnectionResetError: It was reset instead.
        """
        informational: list[int] = []
        while True:
            head = await self._read_one_head()
            if head.status >= 200 or head.status == 101:
                head.informational = informational
                return head
            informational.append(head.status)

    async def read_interim(self) -> HttpResponse:
        """An answer that is interim: 100 Continue."""
        head = await self._read_one_head()
        assert head.status < 200, head.line
        return head

    async def _read_one_head(self) -> HttpResponse:
        line = await self.stream.read_line()
        if not line:
            raise EOFError("the connection ended without an answer")
        assert line.endswith(b"\r\n"), line
        text = line[:-2].decode("latin-1")
        version, status, reason = text.split(" ", 2)
        assert version == "HTTP/1.1", text
        headers = []
        while (field_line := await self.stream.read_line()) != b"\r\n":
            assert field_line.endswith(b"\r\n"), field_line
            name, colon, value = field_line[:-2].decode("latin-1").partition(":")
            assert colon, field_line
            assert name == name.strip(), field_line
            headers.append((name, value.strip(" \t")))
        return HttpResponse(line=text, status=int(status), reason=reason, headers=headers)

    async def read_chunk(self) -> bytes:
        """The next chunk of a chunked body; empty at its end.

        Raises:
            EOFError: The connection ended first.
            ConnectionResetError: It was reset first.
        """
        line = await self.stream.read_line()
        if not line.endswith(b"\r\n"):
            raise EOFError("the connection ended inside a chunked body")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            trailer = await self.stream.read_line()
            assert trailer == b"\r\n", trailer
            return b""
        try:
            data = await self.stream.read_exactly(size + 2)
        except asyncio.IncompleteReadError as error:
            raise EOFError("the connection ended inside a chunk") from error
        assert data.endswith(b"\r\n")
        return data[:-2]

    async def read_response(self, method: str = "GET") -> HttpResponse:
        """The next answer with its body. *method* is that of the request, as HEAD's answers have none."""
        response = await self.read_head()
        await self.read_body(response, method)
        return response

    async def read_body(self, response: HttpResponse, method: str = "GET") -> None:
        """Read what belongs to *response*."""
        if method == "HEAD" or response.status in _BODILESS or response.status < 200:
            return
        codings = response.values("transfer-encoding")
        lengths = response.values("content-length")
        assert not (codings and lengths), "a body has one kind of end"
        if codings:
            assert codings == ["chunked"], codings
            await self._read_chunked(response)
        elif lengths:
            assert len(lengths) == 1, lengths
            await self._read_length(response, int(lengths[0]))
        else:
            rest, response.end = await self.stream.read_to_end()
            response.body += rest
            response.is_cut = response.end is End.RESET

    async def _read_chunked(self, response: HttpResponse) -> None:
        try:
            while data := await self.read_chunk():
                response.body += data
        except EOFError:
            response.end, response.is_cut = End.FIN, True
        except ConnectionResetError:
            response.end, response.is_cut = End.RESET, True

    async def _read_length(self, response: HttpResponse, length: int) -> None:
        try:
            response.body += await self.stream.read_exactly(length)
        except asyncio.IncompleteReadError as error:
            response.body += error.partial
            response.end, response.is_cut = End.FIN, True
        except ConnectionResetError:
            response.end, response.is_cut = End.RESET, True
