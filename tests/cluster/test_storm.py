"""Three gateways behind a balancer under load, while one thing after the other happens to them.

On this computer's loopback, and on hosts apart: network namespaces, where the cable of one of them is pulled as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.support.agent_processes import AgentSettings, agent_process
from tests.support.balancers import haproxy_over
from tests.support.clusters import Cluster, cluster
from tests.support.gateway_processes import GatewayProcess
from tests.support.hosts import Host, hosts_apart
from tests.support.postgresql import PostgresServer, postgres_server
from tests.support.processes import LOOPBACK, free_port
from tests.support.secrets_watch import SecretsWatch
from tests.support.services import echo, service
from tests.support.targets import web_target
from tests.support.waiting import until

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.slow, pytest.mark.stress, pytest.mark.timeout(900)]

AGENTS = 4
AT_ONCE = 24
STREAMS_AT_ONCE = 16
#: Messages there and back on each relayed connection.
MESSAGES = 8
#: No sender waits longer for its answer, whatever happens.
DEADLINE_S = 20.0
#: Good answers in a row, after which a cluster counts as well again.
WELL = 40


class Load:
    """Requests through the balancer, a few at a time: what became of each, by what was going on then."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._headers = headers
        self.phase = "quiet"
        self.outcomes: dict[str, Counter[str]] = {}
        self.seen: Counter[str] = Counter()
        """How often the target saw each."""
        self.in_a_row = 0
        self.sent = 0
        self._waiting: set[int] = set()
        self.is_over = False

    async def handle(self, request: web.Request) -> web.Response:
        """The target."""
        self.seen[request.headers["X-Number"]] += 1
        await asyncio.sleep(self.sent % 7 * 0.003)
        return web.Response(text=request.headers["X-Number"])

    async def run(self) -> None:
        """Until it is over."""
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(self._send(session))

    async def _send(self, session: aiohttp.ClientSession) -> None:
        while not self.is_over:
            self.sent += 1
            number = self.sent
            self._waiting.add(number)
            outcome = await self._one(session, str(number))
            self._waiting.discard(number)
            self.outcomes.setdefault(self.phase, Counter())[outcome] += 1
            self.in_a_row = self.in_a_row + 1 if outcome == "200" else 0

    async def _one(self, session: aiohttp.ClientSession, number: str) -> str:
        headers = {**self._headers, "X-Number": number}
        method = "POST" if int(number) % 2 else "GET"
        try:
            async with session.request(method, self._url, headers=headers) as answer:
                text = await answer.text()
                if answer.status == 200:
                    assert text == number, "the answer of another request"
                return str(answer.status)
        except TimeoutError:
            log.warning("%s %s had no answer; the target saw it %d times", method, number, self.seen[number])
            return "no answer"
        except aiohttp.ClientError as error:
            return type(error).__name__

    async def gone_through(self, count: int) -> None:
        """Wait until so many more have been sent."""
        goal = self.sent + count
        await until(lambda: self.sent >= goal, f"{count} more requests", within_s=300)

    async def well_again(self, since: float) -> float:
        """Wait for good answers in a row; seconds from *since* to the first of them, roughly."""
        self.in_a_row = 0
        await until(lambda: self.in_a_row >= WELL, "the cluster is well again", within_s=60)
        took = asyncio.get_running_loop().time() - since
        last = self.sent
        # what was on its way belongs to what happened
        await until(lambda: min(self._waiting, default=last) >= last, "the last answer", within_s=DEADLINE_S)
        return took


class Streams:
    """Relayed connections through the balancer, a few at a time: what became of each, by what was going on when it ended."""

    def __init__(self, load: Load, url: str, headers: dict[str, str]) -> None:
        self._load = load
        self._url = url
        self._headers = headers
        self.outcomes: dict[str, Counter[str]] = {}

    async def run(self) -> None:
        """Until the load is over."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for number in range(STREAMS_AT_ONCE):
                tasks.create_task(self._keep_on(session, number))

    async def _keep_on(self, session: aiohttp.ClientSession, number: int) -> None:
        while not self._load.is_over:
            outcome = await self._one(session, b"%d/" % number)
            self.outcomes.setdefault(self._load.phase, Counter())[outcome] += 1

    async def _one(self, session: aiohttp.ClientSession, start: bytes) -> str:
        try:
            async with (
                asyncio.timeout(DEADLINE_S),
                session.ws_connect(self._url, headers=self._headers) as socket,
            ):
                for number in range(MESSAGES):
                    sent = start + b"%d" % number
                    await socket.send_bytes(sent)
                    received = b""
                    while len(received) < len(sent):
                        message = await socket.receive()
                        if message.type is not aiohttp.WSMsgType.BINARY:
                            return "cut"
                        received += message.data
                    assert received == sent, "the bytes of another connection"
                    await asyncio.sleep(0.05)
                return "whole"
        except aiohttp.WSServerHandshakeError as error:
            return str(error.status)
        except TimeoutError:
            return "no answer"
        except (aiohttp.ClientError, ConnectionError) as error:
            return type(error).__name__


@pytest.fixture(params=["here", "hosts apart"])
def hosts(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Host] | None]:
    """None: all on loopback. Else each program has a host, and the test, the agents and their targets have one together."""
    if request.param == "here":
        yield None
        return
    with hosts_apart("g0", "g1", "g2", "nats", "db", "lb", "client") as made, made["client"].entered():
        yield made


@pytest.fixture
async def database(hosts: Mapping[str, Host] | None) -> AsyncIterator[PostgresServer]:
    """A PostgreSQL that the test may kill."""
    server = postgres_server(hosts and hosts["db"])
    yield await asyncio.to_thread(server.__enter__)
    await asyncio.to_thread(server.__exit__, None, None, None)


@pytest.mark.allow_log_warnings
async def test_whatever_happens_to_one_of_them_the_others_go_on(
    tmp_path: Path,
    hosts: Mapping[str, Host] | None,
    database: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    full_size: bool,
) -> None:
    port = free_port()
    balancer = None if hosts is None else hosts["lb"]
    address = LOOPBACK if balancer is None else balancer.address
    origin = f"http://{address}:{port}"
    arguments = ("--public-url", origin, "--trusted-proxy", f"{address}/32")
    count = 1_600 if full_size else 250
    numbers = {"drain_s": 10, "notice_s": 3, "ping_interval_s": 2}
    async with (
        cluster(tmp_path, database, monkeypatch, *arguments, numbers=numbers, hosts=hosts) as made,
        haproxy_over(tmp_path / "haproxy", port, made.gateways, host=balancer),
    ):
        first = made.gateways[0]
        for path in ("hc", "tcp"):
            await first.create(path)
        token = {"ServiceBusAuthorization": first.token(host=f"{address}:{port}")}
        load = Load(f"{origin}/hc", token)
        streams = Streams(load, f"ws://{address}:{port}/$hc/tcp?sb-hc-action=connect", token)
        secrets = SecretsWatch()
        options = {"endpoint": f"sb://{address}:{port}/", "insecure": True}
        async with (
            web_target(load.handle) as target,
            service(echo) as echoing,
            contextlib.AsyncExitStack() as stack,
        ):
            for number in range(AGENTS):
                settings = AgentSettings(tmp_path / f"agent{number}", first)
                await settings.expose("hc", f"http://{target}", **options)
                await settings.expose("tcp", echoing, **options)
                # a gateway that has gone is noticed by missing pongs alone
                written = settings.write(deadlines={"ping_interval_s": 1, "pong_timeout_s": 3})
                agent = await stack.enter_async_context(agent_process(written, secrets))
                await agent.until_listening()
            running = asyncio.gather(load.run(), streams.run())
            try:
                await load.gone_through(count)
                for name, event in _events(made, database, hosts, load).items():
                    load.phase = name
                    began = asyncio.get_running_loop().time()
                    await event()
                    took = await load.well_again(began)
                    await load.gone_through(count)
                    log.info("%s: well again after %.1f s: %s", name, took, dict(load.outcomes[name]))
                    load.phase = f"after: {name}"
                    await load.gone_through(count)
                    await _all_are_listening(made, load.phase)
            finally:
                load.is_over = True
                async with asyncio.timeout(2 * DEADLINE_S):
                    await running
    log.info("%d requests: %s", load.sent, {name: dict(found) for name, found in load.outcomes.items()})
    log.info("relayed connections: %s", {name: dict(found) for name, found in streams.outcomes.items()})
    if full_size:
        assert load.sent >= 10_000
        assert sum(found.total() for found in streams.outcomes.values()) >= 1_000
    # a GET may be asked again (RFC 9110 section 9.2.2), a POST may not
    assert not [number for number, times in load.seen.items() if times > 1 and int(number) % 2], (
        "delivered twice"
    )
    for phase, found in load.outcomes.items():
        failed = found.total() - found["200"]
        assert found["no answer"] == 0, f"{phase}: nobody waits for ever"
        if phase == "quiet" or phase.startswith("after") or phase == "drained":
            assert failed == 0, (phase, found)
        else:
            # what was on its way over what was lost; without NATS, whoever has no listener at the same gateway is told to come back
            # until NATS leaves out a gateway that says nothing, what it is given is 504 after a second each
            bound = 4 * AT_ONCE if phase in ("frozen", "cut off") else 2 * AT_ONCE
            assert failed - found["503"] <= bound, (phase, found)
            assert not found["503"] or phase in ("NATS restarted", "cut off")
    for phase, found in streams.outcomes.items():
        assert found["no answer"] == 0, f"{phase}: nobody waits for ever"
        lost = phase in ("killed", "frozen", "cut off")
        assert found["cut"] == 0 or lost, f"{phase}: those who talk do not notice"
        if phase == "quiet" or phase.startswith("after") or phase in ("drained", "PostgreSQL restarted"):
            assert found.total() == found["whole"], (phase, found)


async def _all_are_listening(made: Cluster, phase: str) -> None:
    """Wait until every gateway counts a listener of each agent on both."""
    counts: list[int] = []

    async def are_listening() -> bool:
        counts.clear()
        for path in ("hc", "tcp"):
            for gateway in made.gateways:
                answer = await gateway.admin("GET", f"/namespaces/relaydesk/hybridConnections/{path}")
                counts.append(json.loads(answer.body)["properties"]["listenerCount"])
        return counts == [AGENTS] * len(counts)

    try:
        # a ledger that crashed is empty, and told again within 30 s
        await until(are_listening, "all are listening", within_s=45)
    except AssertionError:
        raise AssertionError(f"{phase}: listeners are lost, or counted twice: {counts}") from None


def _events(
    made: Cluster, postgres: PostgresServer, hosts: Mapping[str, Host] | None, load: Load
) -> dict[str, Callable[[], Awaitable[None]]]:
    first, second, third = made.gateways

    async def drained() -> None:
        assert await first.stop() == 0
        await first.start()
        await _is_back(first)

    async def killed() -> None:
        await second.child.kill()
        await second.start()

    async def frozen() -> None:
        third.child.send(signal.SIGSTOP)
        await asyncio.sleep(6)
        third.child.send(signal.SIGCONT)

    async def nats_restarted() -> None:
        await made.nats[0].kill()
        await made.nats[0].start()

    async def postgres_restarted() -> None:
        await asyncio.to_thread(postgres.kill)
        await asyncio.to_thread(postgres.start)

    async def cut_off() -> None:
        assert hosts is not None
        said = len(third.child.lines)
        hosts["g2"].cut()
        took = await load.well_again(asyncio.get_running_loop().time())
        log.info("cut off: the others are well after %.1f s", took)
        await third.child.says("the connection to NATS is lost", after=said)
        hosts["g2"].heal()
        await _is_back(third)
        # until then it knows of its own listeners alone, and tells others to come back: that belongs to what happened
        await third.child.says("NATS is back", after=said)

    apart = {} if hosts is None else {"cut off": cut_off}
    return {
        **apart,
        "drained": drained,
        "killed": killed,
        "frozen": frozen,
        "NATS restarted": nats_restarted,
        "PostgreSQL restarted": postgres_restarted,
    }


async def _is_back(gateway: GatewayProcess) -> None:
    async def is_ready() -> bool:
        return (await gateway.admin("GET", "/readyz")).status == 200

    await until(is_ready, "it is ready")
