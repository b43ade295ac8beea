"""F16: whoever dies in the middle of a body, the other side can tell: never a whole-looking short one.

Both directions, with a length and chunked, small bodies and long ones, the target, the listener and the sender.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.agent_processes import AgentProcess, exposing
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.raw_http import HttpResponse, chunk
from tests.support.raw_stream import RawStream
from tests.support.services import service
from tests.support.waiting import until

MIB = 1 << 20

#: Deaths of each kind. Each is at another point of the body.
DEATHS = 15

KINDS = ("length", "chunked")

pytestmark = [pytest.mark.slow, pytest.mark.stress]


class _MortalSite:
    """A web service that dies where the request's target says: ``/<kind>/<size>/<cut>/<how>``.

    A POST gets its death while it reads: after *cut* bytes of the request's body.
    """

    def __init__(self) -> None:
        self.is_stopped = False
        self.begun = 0
        #: Of each body that came in: whether its own end was there.
        self.was_whole: list[bool] = []
        self.must_go_on = asyncio.Event()

    async def talk(self, stream: RawStream) -> None:
        line = (await stream.read_line()).decode()
        if not line:
            return
        headers = {}
        while (field := await stream.read_line()) not in (b"\r\n", b""):
            name, _, value = field.decode().partition(":")
            headers[name.lower()] = value.strip()
        method, target, _ = line.split(" ")
        kind, size, cut, how = target.strip("/").split("/")
        if method == "POST":
            await self._take(stream, headers, int(cut))
        else:
            await self._give(stream, kind, int(size), int(cut))
        if how == "reset":
            stream.reset()

    async def _give(self, stream: RawStream, kind: str, size: int, cut: int) -> None:
        framing = f"Content-Length: {size}" if kind == "length" else "Transfer-Encoding: chunked"
        await stream.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        self.begun += 1
        sent = 0
        while sent < cut:
            piece = b"x" * min(50_000, cut - sent)
            await stream.send(piece if kind == "length" else chunk(piece))
            sent += len(piece)
        if self.is_stopped:
            await self.must_go_on.wait()

    async def _take(self, stream: RawStream, headers: dict[str, str], cut: int) -> None:
        self.begun += 1
        got = bytearray()
        is_chunked = headers.get("transfer-encoding") == "chunked"
        whole = 1 << 62 if is_chunked else int(headers["content-length"])
        try:
            while len(got) < min(cut, whole) and (data := await stream.read_some()):
                got += data
                if is_chunked and got.endswith(b"\r\n0\r\n\r\n"):
                    self.was_whole.append(True)
                    return
            self.was_whole.append(not is_chunked and len(got) >= whole)
        except ConnectionError:
            self.was_whole.append(False)


@contextlib.asynccontextmanager
async def _mortal_site(tmp_path: Path) -> AsyncIterator[tuple[_MortalSite, GatewayProcess, AgentProcess]]:
    site = _MortalSite()
    async with (
        service(site.talk) as target,
        gateway_process(tmp_path / "data", numbers={}) as gateway,
    ):
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": target}) as agent:
            yield site, gateway, agent


async def _get(gateway: GatewayProcess, target: str) -> HttpResponse | None:
    """The answer, of its body only the last piece; None where there was none but a cut connection."""
    try:
        http = await gateway.http()
        await http.send("GET", f"/site/{target}", list(gateway.authorization("site")))
        response = await http.read_head()
    except (EOFError, ConnectionResetError):
        return None
    if response.values("transfer-encoding") != ["chunked"]:
        await http.read_body(response)
        return response
    try:
        while piece := await http.read_chunk():
            response.body = piece
    except (EOFError, ConnectionResetError):
        response.is_cut = True
    return response


def _is_visible(answer: HttpResponse | None) -> bool:
    """Whether the sender can tell that something went wrong."""
    return answer is None or answer.is_cut or answer.status >= 500


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_target_that_dies_in_its_answer(tmp_path: Path, full_size: bool, kind: str, how: str):
    chance = random.Random(16)
    async with _mortal_site(tmp_path) as (_, gateway, _agent):
        # short ones cross on the control channel, long ones stream; the first cut comes before the first byte
        sizes = [1_000, 60_000, 70_000, *[MIB] * (DEATHS - 3)]
        if full_size:
            sizes.append(1024 * MIB)
        for number, size in enumerate(sizes):
            cut = 0 if number == 3 else chance.randrange(size)
            answer = await _get(gateway, f"{kind}/{size}/{cut}/{how}")
            assert _is_visible(answer), (size, cut, answer)
        whole = await _get(gateway, f"length/{MIB}/{MIB}/{how}")
        if how == "close":
            assert whole is not None
            assert (whole.status, whole.is_cut) == (200, False)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_target_that_dies_while_it_is_sent_a_body(tmp_path: Path, kind: str):
    chance = random.Random(17)
    async with _mortal_site(tmp_path) as (_, gateway, _agent):
        for _ in range(DEATHS):
            cut = chance.randrange(MIB)
            answer = await _post(gateway, kind, MIB, f"{kind}/0/{cut}/reset")
            assert _is_visible(answer), (cut, answer)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sender_that_dies_in_its_body(tmp_path: Path, kind: str):
    chance = random.Random(18)
    async with _mortal_site(tmp_path) as (site, gateway, _agent):
        for number in range(DEATHS):
            http = await gateway.http()
            framing = ("Content-Length", str(MIB)) if kind == "length" else ("Transfer-Encoding", "chunked")
            headers = [*gateway.authorization("site"), framing]
            await http.send_head("POST", f"/site/{kind}/0/{2 * MIB}/close", headers)
            cut = chance.randrange(70_000, MIB)
            data = b"y" * cut
            await http.stream.send(data if kind == "length" else chunk(data))
            await until(lambda: site.begun > number, "the target is reading")  # noqa: B023 - awaited here
            if number % 2:
                http.stream.reset()
            else:
                await http.stream.close()
        await until(lambda: len(site.was_whole) == site.begun, "every body has ended")
        assert not any(site.was_whole)
        answer = await _post(gateway, "length", 1_000, f"{kind}/0/{2 * MIB}/close")
        assert site.was_whole[-1], answer


async def _post(gateway: GatewayProcess, kind: str, size: int, target: str) -> HttpResponse | None:
    framing = ("Content-Length", str(size)) if kind == "length" else ("Transfer-Encoding", "chunked")
    http = await gateway.http()
    await http.send_head("POST", f"/site/{target}", [*gateway.authorization("site"), framing])
    for _ in range(0, size, 50_000):
        piece = b"z" * min(50_000, size)
        await http.stream.send(piece if kind == "length" else chunk(piece))
    await http.stream.send(b"" if kind == "length" else chunk(b""))
    try:
        return await http.read_response("POST")
    except (EOFError, ConnectionResetError):
        return None


async def test_a_listener_that_is_killed_in_the_middle_of_everything(tmp_path: Path):
    async with _mortal_site(tmp_path) as (site, gateway, agent):
        site.is_stopped = True
        chance = random.Random(19)
        async with asyncio.TaskGroup() as tasks:
            gets = [
                tasks.create_task(_get(gateway, f"{kind}/{MIB}/{chance.randrange(MIB)}/close"))
                for kind in KINDS
                for _ in range(DEATHS)
            ]
            posts = [
                tasks.create_task(
                    _post(gateway, "length", 64 * 50_000, f"length/0/{chance.randrange(MIB)}/mute")
                )
                for _ in range(DEATHS)
            ]
            await until(lambda: site.begun == len(gets) + len(posts), "every request has reached the target")
            await agent.child.kill()
        for request in [*gets, *posts]:
            assert _is_visible(request.result()), request.result()
        site.must_go_on.set()
