"""L1, L3, L5 and the memory of a relayed pair: many relayed connections at once, and nothing kept of them.

Bounds: reliability reference L1; design §7: an idle pair at most 10 KiB plain, a pair over TLS at most 150 KiB after data
has moved, a stalled pair at most 256 KiB.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.agent_processes import exposing
from tests.support.certificates import Authority
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.raw_relay import RawListener
from tests.support.raw_stream import RawStream
from tests.support.raw_websocket import BINARY, RawWebSocket, frame
from tests.support.targets import web_target
from tests.support.waiting import until

log = logging.getLogger(__name__)  # its figures: --log-cli-level=INFO

KIB = 1024

#: Relayed connections, set-ups at one time, and how many say something at one time.
PAIRS = 200
PAIRS_FULL = 5_000
SET_UPS_AT_ONCE = 50
ECHOES_AT_ONCE = 100

#: Less than the 30 s between two pings.
HEARD_EVERY_S = 20.0

#: What a crowd of thousands leaves behind with Python's own allocator, where 15 % of the start (9 MiB) are asked for.
#: Nothing is kept: there are as many objects as before. But that allocator gives back 1 MiB of small objects only when the
#: last one in it has gone, and what is made to last while a crowd is there (a timer, the handles that uvloop keeps for the
#: next ones) lies among the crowd's own: 57 -> 67 MiB after 5,000 pairs, over TLS 60 -> 77, and no more after the next crowd.
#: With the C library's (docs/gateway.md), where a page is enough, it is 58 -> 61 and 61 -> 59: there the 15 % hold.
FRAGMENTS_BYTES = 24 * KIB * KIB

#: Looks that see no progress: whatever could be taken has been.
STEADY_LOOKS = 30

ECHO = bytes(range(256)) * 4

Pair = tuple[RawWebSocket, RawWebSocket]

pytestmark = [pytest.mark.slow, pytest.mark.stress]


@contextlib.asynccontextmanager
async def _gateway(folder: Path, *, is_secure: bool) -> AsyncIterator[GatewayProcess]:
    """The program itself, with many descriptors, and no log but its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    authority = Authority(folder / "tls") if is_secure else None
    files = authority.issue("localhost") if authority is not None else None
    try:
        async with gateway_process(
            folder / "data",
            *(files.arguments if files is not None else ()),
            tls=authority.client() if authority is not None else None,
        ) as gateway:
            await gateway.create("hc")
            yield gateway
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _pairs(gateway: GatewayProcess, listener: RawListener, count: int) -> list[Pair]:
    pairs: list[Pair] = []
    clock = asyncio.get_running_loop().time
    heard_at = clock()
    while len(pairs) < count:
        if clock() - heard_at > HEARD_EVERY_S:
            await _answer_pings(pairs)
            heard_at = clock()
        waiting = [await gateway.connecting() for _ in range(min(SET_UPS_AT_ONCE, count - len(pairs)))]
        # the control channel need not be told of them in their own order: each says who it is
        fars = [await listener.accept() for _ in waiting]
        senders = [await handshake.answer() for handshake in waiting]
        by_id: dict[bytes, RawWebSocket] = {}
        for number, sender in enumerate(senders):
            await sender.send_binary(b"%d" % number)
        for far in fars:
            by_id[(await far.read_message()).data] = far
        pairs += [(sender, by_id[b"%d" % number]) for number, sender in enumerate(senders)]
    return pairs


async def _answer_pings(pairs: list[Pair]) -> None:
    """The gateway drops who answers none; on a slow machine the last set-ups are minutes after the first ones."""
    for start in range(0, len(pairs), ECHOES_AT_ONCE):
        async with asyncio.TaskGroup() as tasks:
            for pair in pairs[start : start + ECHOES_AT_ONCE]:
                for end in pair:
                    tasks.create_task(end.barrier())


async def _echo(pair: Pair, number: int) -> float:
    """There and back; gives the seconds it took."""
    clock = asyncio.get_running_loop().time
    sender, far = pair
    said = b"%08d" % number + ECHO
    began = clock()
    await sender.send_binary(said)
    assert (await far.read_message()).data == said
    await far.send_binary(said)
    assert (await sender.read_message()).data == said
    return clock() - began


async def _echo_all(pairs: list[Pair], *, every_s: float) -> list[float]:
    """Have every pair echo once within *every_s*, ECHOES_AT_ONCE at one time; 0: one after the other lot, at once."""
    clock = asyncio.get_running_loop().time
    took: list[float] = []
    began = clock()
    for start in range(0, len(pairs), ECHOES_AT_ONCE):
        due = began + every_s * start / len(pairs)
        await until(lambda: clock() >= due, within_s=every_s + 1)  # noqa: B023 - awaited here
        async with asyncio.TaskGroup() as tasks:
            lot = [
                tasks.create_task(_echo(pair, start + index))
                for index, pair in enumerate(pairs[start : start + ECHOES_AT_ONCE])
            ]
        took += [echo.result() for echo in lot]
    return took


async def _close(pairs: list[Pair]) -> None:
    for sender, far in pairs:
        await sender.send_close()
        await far.send_close()
    for sender, far in pairs:
        await sender.read_until_close()
        await far.read_until_close()
        await sender.stream.close()
        await far.stream.close()


async def _warm_up(gateway: GatewayProcess, listener: RawListener) -> None:
    """Whatever the first pairs make the program load and keep for good."""
    pairs = await _pairs(gateway, listener, SET_UPS_AT_ONCE)
    await _echo_all(pairs, every_s=0)
    await _close(pairs)
    await until(lambda: _is_relaying(gateway, 0))


async def _is_relaying(gateway: GatewayProcess, count: int) -> bool:
    return (await gateway.status())["relayedConnections"] == count


async def _rss_after_crowd(gateway: GatewayProcess, descriptors: int, rss_bytes: float) -> int:
    """Resident memory once everything of a crowd is given back; *rss_bytes*: as much as it may be."""
    await until(lambda: _is_relaying(gateway, 0))
    await gateway.until_listening(1)
    await until(lambda: gateway.child.descriptors <= descriptors + 5, "descriptors are given back")
    with contextlib.suppress(AssertionError):  # said by the test, with all the figures
        await until(lambda: gateway.child.rss_bytes <= rss_bytes)
    return gateway.child.rss_bytes


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "TLS"])
async def test_many_relayed_connections_at_once(
    tmp_path_factory: pytest.TempPathFactory,
    full_size: bool,
    is_secure: bool,
    monkeypatch: pytest.MonkeyPatch,
):
    await _crowds(
        tmp_path_factory.mktemp("own"), is_full=full_size, is_secure=is_secure, has_fragments=full_size
    )
    if full_size:
        monkeypatch.setenv("PYTHONMALLOC", "malloc")
        await _crowds(
            tmp_path_factory.mktemp("malloc"), is_full=True, is_secure=is_secure, has_fragments=False
        )


async def _crowds(folder: Path, *, is_full: bool, is_secure: bool, has_fragments: bool) -> None:
    """Two crowds, the first one for a while; *has_fragments*: of the allocator, beyond the 15 % that a crowd may leave."""
    count = PAIRS_FULL if is_full else PAIRS
    async with _gateway(folder, is_secure=is_secure) as gateway:
        listener = await gateway.listen()
        await _warm_up(gateway, listener)
        descriptors, rss = gateway.child.descriptors, gateway.child.rss_bytes
        pairs = await _pairs(gateway, listener, count)
        idle = (gateway.child.rss_bytes - rss) / count / KIB
        took: list[float] = []
        for _ in range(12 if is_full else 3):
            took += await _echo_all(pairs, every_s=5.0 if is_full else 0.0)
            assert await listener.socket.barrier() == []  # it answers pings, too
        busy = (gateway.child.rss_bytes - rss) / count / KIB
        left_bytes = FRAGMENTS_BYTES if has_fragments else 0.15 * rss
        await _close(pairs)
        after = await _rss_after_crowd(gateway, descriptors, rss + left_bytes)
        pairs = await _pairs(gateway, listener, count)
        await _echo_all(pairs, every_s=0)
        await _close(pairs)
        after_next = await _rss_after_crowd(gateway, descriptors, rss + left_bytes)
        p99 = sorted(took)[int(len(took) * 0.99)]
        figures = (
            f"{idle:.1f} KiB idle, {busy:.1f} KiB busy, p99 {p99 * 1000:.0f} ms, "
            f"RSS {rss >> 20} -> {after >> 20} -> {after_next >> 20} MiB"
        )
        log.info("%d pairs, %s: %s", count, "TLS" if is_secure else "plain", figures)
        assert idle <= (150 if is_secure else 10), figures
        assert busy <= (150 if is_secure else 60), figures
        if is_full:  # the promise is for echoes at a pace; here all of them at once take what the machine's other work leaves
            assert p99 <= 0.25, figures
        assert after <= rss + left_bytes, figures
        assert after_next <= rss + left_bytes, figures


class _Pusher:
    """Writes into a pair whose other end does not read, as much as is taken."""

    def __init__(self, stream: RawStream) -> None:
        self.taken = 0
        self._stream = stream

    async def push(self) -> None:
        message = frame(BINARY, bytes(1 << 20))
        while True:
            await self._stream.send(message, within_s=None)
            self.taken += 1

    @property
    def is_waiting(self) -> bool:
        return self._stream.unsent_bytes > 0


async def _all_stalled(pushers: list[_Pusher]) -> None:
    seen, looks = -1, 0

    def are_steady() -> bool:
        nonlocal seen, looks
        now = sum(pusher.taken for pusher in pushers)
        looks = looks + 1 if now == seen else 0
        seen = now
        return looks > STEADY_LOOKS and all(pusher.is_waiting for pusher in pushers)

    await until(are_steady, "every pair is stalled", within_s=30)


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "TLS"])
async def test_a_stalled_pair_is_bounded(tmp_path: Path, full_size: bool, is_secure: bool):
    """The first ones are not counted: with them the program gets what it needs only once."""
    first, count = 10, 200 if full_size else 40
    async with _gateway(tmp_path, is_secure=is_secure) as gateway:
        listener = await gateway.listen()
        pushers = [_Pusher(sender.stream) for sender, _ in await _pairs(gateway, listener, first + count)]
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(pusher.push()) for pusher in pushers[:first]]
            await _all_stalled(pushers[:first])
            rss = gateway.child.rss_bytes
            running += [tasks.create_task(pusher.push()) for pusher in pushers[first:]]
            await _all_stalled(pushers)
            each = (gateway.child.rss_bytes - rss) / count / KIB
            for task in running:
                task.cancel()
        log.info("%d stalled pairs, %s: %.0f KiB each", count, "TLS" if is_secure else "plain", each)
        assert each <= 256


@pytest.mark.timeout(600)
async def test_a_long_body_is_streamed_both_ways(tmp_path: Path, full_size: bool):
    """L5: neither program holds it, and its first byte does not wait for the last."""
    size = (1024 if full_size else 64) * KIB * KIB
    piece = bytes(range(256)) * 256
    clock = asyncio.get_running_loop().time
    first_came_after_s: list[float] = []
    began = 0.0

    async def answer(request: web.Request) -> web.StreamResponse:
        digest, came = hashlib.sha256(), 0
        async for data in request.content.iter_any():
            if not came:
                first_came_after_s.append(clock() - began)
            digest.update(data)
            came += len(data)
        response = web.StreamResponse(headers={"X-Body": digest.hexdigest()})
        await response.prepare(request)
        for _ in range(0, size if request.method == "GET" else 0, len(piece)):
            await response.write(piece)
        return response

    digest = hashlib.sha256()
    for _ in range(0, size, len(piece)):
        digest.update(piece)
    async with web_target(answer) as target, gateway_process(tmp_path / "data") as gateway:
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": target}) as agent:
            proof = list(gateway.authorization("site"))
            http = await gateway.http()
            assert (await http.request("HEAD", "/site/", proof)).status == 200  # both have done it once
            before = [program.rss_bytes for program in (gateway.child, agent.child)]

            began = clock()
            await http.send_head("POST", "/site/", [*proof, ("Content-Length", str(size))])
            for _ in range(0, size, len(piece)):
                await http.stream.send(piece)
            assert (await http.read_response("POST")).header("x-body") == digest.hexdigest()

            began = clock()
            await http.send("GET", "/site/", proof)
            assert (await http.read_head()).status == 200
            received = hashlib.sha256(await http.read_chunk())
            first_came_after_s.append(clock() - began)
            while data := await http.read_chunk():
                received.update(data)
            assert received.digest() == digest.digest()

            after = [program.rss_bytes for program in (gateway.child, agent.child)]
            grown = [(now - then) / KIB / KIB for now, then in zip(after, before, strict=True)]
            log.info("%d MiB each way: gateway %+.1f MiB, agent %+.1f MiB", size >> 20, *grown)
            assert max(grown) <= 64
            assert max(first_came_after_s) <= 1.0


async def test_every_body_of_many_requests_is_whole(tmp_path: Path, full_size: bool):
    sizes = (0, 1, 1_000, 20_000, 65_536, 65_537, 300_000, 1_000_000)
    count = 5_000 if full_size else 400

    async def answer(request: web.Request) -> web.StreamResponse:
        """The body of the request, and a body of the size that was asked for."""
        body = await request.read()
        size = int(request.query["size"])
        fill = hashlib.sha256(body).digest()
        return web.Response(body=(fill * (size // 32 + 1))[:size], headers={"X-Body": fill.hex()})

    async with web_target(answer) as target, gateway_process(tmp_path / "data") as gateway:
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": target}):
            numbers = iter(range(count))

            async def ask() -> None:
                http = await gateway.http()
                for number in numbers:
                    sent = hashlib.sha512(b"%d" % number).digest() * (sizes[number % 8] // 64 + 1)
                    body = sent[: sizes[number % 8]]
                    size = sizes[number // 8 % 8]
                    response = await http.request(
                        "POST", f"/site/?size={size}", list(gateway.authorization("site")), body
                    )
                    fill = hashlib.sha256(body).digest()
                    assert response.status == 200, response.line
                    assert response.header("x-body") == fill.hex()
                    assert response.body == (fill * (size // 32 + 1))[:size]
                    answered.append(number)

            answered: list[int] = []
            async with asyncio.TaskGroup() as tasks:
                for _ in range(32):
                    tasks.create_task(ask())
            assert sorted(answered) == list(range(count))
