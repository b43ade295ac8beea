"""The doctor against set-ups that are broken on purpose: each fault is named at its hop, and nothing behind it is blamed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from agent.checks import Check, Fault, Outcome, Step
from agent.clock import Clock
from agent.config import Credential, Direction, NetworkConfig
from agent.doctor import Patience, Running, Subject, examine
from agent.errors import KeystoreLockedError
from agent.targets import Target, parse_target
from hyco.limits import MAX_LISTENERS
from hyco.sas import Right, Rule
from relaydesk import check_words
from relaydesk.check_report import Examined, report
from tests.support.agents import listening, running_agent
from tests.support.certificates import Authority
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.targets import TcpTarget, tcp_target, unused_port, web_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

#: Long enough for a loaded machine; whoever never answers is waited for so long.
PATIENCE = Patience(target_s=2, dns_s=5, proxy_s=2, tcp_s=2, tls_s=3, answer_s=5, end_to_end_s=10, total_s=30)
DIRECT = NetworkConfig(proxy="none")


class AheadClock(Clock):
    """The computer's clock, set forward."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return super().now() + self._seconds


@dataclasses.dataclass
class Setup:
    """What is examined, and what is there for it."""

    gateway: RunningGateway
    subject: Subject
    network: NetworkConfig = DIRECT
    clock: Clock | None = None

    def with_text(self, text: str) -> Setup:
        return dataclasses.replace(
            self, subject=dataclasses.replace(self.subject, credential=Credential(text=text))
        )


def text_of(host: str, rule: Rule, path: str = "hc", *, key: str = "", is_secure: bool = False) -> str:
    end = "" if is_secure else ";UseDevelopmentEmulator=true"
    return (
        f"Endpoint=sb://{host}/;SharedAccessKeyName={rule.name};SharedAccessKey={key or rule.primary_key};"
        f"EntityPath={path}{end}"
    )


def subject_of(gateway: RunningGateway, target: Target | None, path: str = "hc") -> Subject:
    return Subject(
        credential=Credential(text=text_of(gateway.host, gateway.rule, path)),
        direction=Direction.LISTEN,
        target=target,
    )


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("hc")
        yield running


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


@pytest.fixture
def setup(gateway: RunningGateway, target: TcpTarget) -> Setup:
    return Setup(gateway, subject_of(gateway, parse_target(target.address)))


async def walk(setup: Setup, **more: object) -> dict[Step, Check]:
    """All checks; each hop once, in order."""
    found: list[Check] = []
    async with contextlib.aclosing(
        examine(setup.subject, setup.network, patience=PATIENCE, clock=setup.clock, **more)  # type: ignore[arg-type]
    ) as checks:
        found += [check async for check in checks]
    assert [check.step for check in found] == list(Step)
    return {check.step: check for check in found}


async def test_way_that_is_clear_is_found_clear(setup: Setup):
    found = await walk(setup)
    outcomes = {step: check.outcome for step, check in found.items()}
    assert outcomes == {
        Step.TARGET: Outcome.PASSED,
        Step.DNS: Outcome.PASSED,
        Step.PROXY: Outcome.SKIPPED,
        Step.TCP: Outcome.PASSED,
        Step.TLS: Outcome.SKIPPED,
        Step.CLOCK: Outcome.PASSED,
        Step.TOKEN: Outcome.PASSED,
        Step.HYBRID_CONNECTION: Outcome.PASSED,
        Step.LISTENERS: Outcome.PASSED,
        Step.END_TO_END: Outcome.PASSED,
    }
    assert "it came back" in found[Step.END_TO_END].found


async def test_service_that_runs_is_proven_by_its_own_listener(gateway: RunningGateway, target: TcpTarget):
    async with running_agent(listening(gateway, target.address)) as agent:
        running = Running(status=agent.first, probe=lambda: agent.agent.probe("hc"))
        setup = Setup(gateway, subject_of(gateway, parse_target(target.address)))
        found = await walk(setup, running=running)
        assert {check.outcome for check in found.values()} <= {Outcome.PASSED, Outcome.SKIPPED}
        assert "this computer among them" in found[Step.LISTENERS].found
        assert target.connections == 1, "the target's own check; the probe asks nothing of it"


# --- the table -------------------------------------------------------------------------------------------------------

Break = Callable[[Setup, contextlib.AsyncExitStack, Path], Awaitable[Setup]]


async def dead_local_port(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    dead = parse_target(f"127.0.0.1:{await unused_port()}")
    return dataclasses.replace(setup, subject=dataclasses.replace(setup.subject, target=dead))


async def deaf_local_port(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    deaf = parse_target(f"127.0.0.1:{deaf_port(stack)}")
    return dataclasses.replace(setup, subject=dataclasses.replace(setup.subject, target=deaf))


def deaf_port(stack: contextlib.AsyncExitStack) -> int:
    """A port that answers no knock: its queue is full, as behind a firewall that drops."""
    listening = stack.enter_context(socket.socket())
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    port: int = listening.getsockname()[1]
    for _ in range(4):  # more than the queue holds: what comes after them is dropped
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.1", port))
    return port


async def unknown_name(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return setup.with_text(text_of("no-such-host.invalid", setup.gateway.rule, is_secure=True))


async def proxy_that_is_off(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return behind_proxy(setup, await unused_port())


def behind_proxy(setup: Setup, port: int) -> Setup:
    """A gateway elsewhere: no proxy stands between this computer and itself."""
    elsewhere = setup.with_text(text_of("relay.invalid", setup.gateway.rule, is_secure=True))
    return dataclasses.replace(elsewhere, network=NetworkConfig(proxy=f"http://127.0.0.1:{port}"))


async def proxy_that_refuses(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            asyncio.IncompleteReadError
        ):  # the first only sees whether somebody is there
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await stack.enter_async_context(await asyncio.start_server(refuse, "127.0.0.1", 0))
    port = server.sockets[0].getsockname()[1]
    return behind_proxy(setup, port)


async def closed_port(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return setup.with_text(text_of(f"127.0.0.1:{await unused_port()}", setup.gateway.rule))


async def blocked_port(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return setup.with_text(text_of(f"127.0.0.1:{deaf_port(stack)}", setup.gateway.rule))


async def plain_where_tls_was_meant(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return setup.with_text(text_of(setup.gateway.host, setup.gateway.rule, is_secure=True))


async def secured(
    setup: Setup,
    stack: contextlib.AsyncExitStack,
    folder: Path,
    *names: str,
    is_trusted: bool = True,
    **valid: dt.datetime,
) -> Setup:
    """A gateway with a certificate for *names*."""
    authority = Authority(folder / "authority")
    files = authority.issue(*names, **valid)  # type: ignore[arg-type]
    gateway = await stack.enter_async_context(running_gateway(tls_cert=files.certificate, tls_key=files.key))
    await gateway.create("hc")
    network = NetworkConfig(proxy="none", ca_file=authority.certificate if is_trusted else None)
    there = dataclasses.replace(setup, gateway=gateway, network=network)
    return there.with_text(text_of(gateway.host, gateway.rule, is_secure=True))


async def untrusted_certificate(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return await secured(setup, stack, folder, "127.0.0.1", is_trusted=False)


async def expired_certificate(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    then = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    over = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    return await secured(setup, stack, folder, "127.0.0.1", not_before=then, not_after=over)


async def certificate_of_another(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return await secured(setup, stack, folder, "other.example")


async def slow_clock(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return dataclasses.replace(setup, clock=AheadClock(-7 * 86_400))


async def fast_clock(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return dataclasses.replace(setup, clock=AheadClock(2 * 3_600))


async def another_web_server(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    async def hello(_: web.Request) -> web.StreamResponse:
        return web.Response(text="a web site")

    address = await stack.enter_async_context(web_target(hello))
    return setup.with_text(text_of(address, setup.gateway.rule))


async def wrong_key(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    key = "bm90IHRoZSByaWdodCBrZXksIG5vdCBhdCBhbGwhIQ=="
    return setup.with_text(text_of(setup.gateway.host, setup.gateway.rule, key=key))


async def key_that_may_only_send(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    rule = await setup.gateway.create_rule("hc", "sender", Right.SEND)
    return setup.with_text(text_of(setup.gateway.host, rule))


async def missing_hybrid_connection(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return setup.with_text(text_of(setup.gateway.host, setup.gateway.rule, "not-there"))


async def nobody_listens(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    """Seen by who wants to connect."""
    return dataclasses.replace(
        setup, subject=dataclasses.replace(setup.subject, direction=Direction.CONNECT, target=None)
    )


async def too_many_listen(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    for _ in range(MAX_LISTENERS):
        await setup.gateway.listen()
    return setup


async def broken_connection_string(setup: Setup, stack: contextlib.AsyncExitStack, folder: Path) -> Setup:
    return setup.with_text("Endpoint=sb://relay.test/;SharedAccessKeyName=half")


#: What is broken, where it shows, and what it is called.
BROKEN: list[tuple[Break, Step, Fault, Outcome]] = [
    (dead_local_port, Step.TARGET, Fault.TARGET_REFUSES, Outcome.FAILED),
    (deaf_local_port, Step.TARGET, Fault.TARGET_SILENT, Outcome.FAILED),
    (unknown_name, Step.DNS, Fault.NAME_UNKNOWN, Outcome.FAILED),
    (proxy_that_is_off, Step.PROXY, Fault.PROXY_UNREACHABLE, Outcome.FAILED),
    (proxy_that_refuses, Step.PROXY, Fault.PROXY_REFUSES, Outcome.FAILED),
    (closed_port, Step.TCP, Fault.PORT_REFUSED, Outcome.FAILED),
    (blocked_port, Step.TCP, Fault.PORT_BLOCKED, Outcome.FAILED),
    (plain_where_tls_was_meant, Step.TLS, Fault.NOT_TLS, Outcome.FAILED),
    (untrusted_certificate, Step.TLS, Fault.CERTIFICATE_UNTRUSTED, Outcome.FAILED),
    (expired_certificate, Step.TLS, Fault.CERTIFICATE_EXPIRED, Outcome.FAILED),
    (certificate_of_another, Step.TLS, Fault.CERTIFICATE_NAME, Outcome.FAILED),
    (slow_clock, Step.CLOCK, Fault.CLOCK_WRONG, Outcome.FAILED),
    (fast_clock, Step.CLOCK, Fault.CLOCK_WRONG, Outcome.WARNING),
    (another_web_server, Step.TOKEN, Fault.NOT_A_GATEWAY, Outcome.FAILED),
    (wrong_key, Step.TOKEN, Fault.KEY_REJECTED, Outcome.FAILED),
    (key_that_may_only_send, Step.TOKEN, Fault.RIGHT_MISSING, Outcome.FAILED),
    (missing_hybrid_connection, Step.HYBRID_CONNECTION, Fault.HYBRID_CONNECTION_MISSING, Outcome.FAILED),
    (nobody_listens, Step.LISTENERS, Fault.NO_LISTENER, Outcome.FAILED),
    (too_many_listen, Step.LISTENERS, Fault.LISTENERS_FULL, Outcome.FAILED),
    (broken_connection_string, Step.TOKEN, Fault.CONNECTION_STRING, Outcome.FAILED),
]


@pytest.mark.parametrize(
    ("break_it", "step", "fault", "outcome"), BROKEN, ids=[one.__name__ for one, *_ in BROKEN]
)
async def test_what_is_broken_is_named_at_its_hop(
    *, setup: Setup, tmp_path: Path, break_it: Break, step: Step, fault: Fault, outcome: Outcome
):
    async with contextlib.AsyncExitStack() as stack:
        found = await walk(await break_it(setup, stack, tmp_path))
    assert (found[step].outcome, found[step].fault) == (outcome, fault), found
    blamed = {one.fault for one in found.values() if one.outcome is Outcome.FAILED}
    assert blamed <= {fault}, "one thing is broken, and one thing is blamed"
    assert found[step].found
    advice = check_words.advice(fault)
    assert advice.title
    assert advice.fix
    text = report([Examined("hc", tuple(found.values()))], 0.0)
    assert advice.fix in text
    assert setup.gateway.rule.primary_key not in text


def test_the_table_has_more_than_the_ten_that_are_promised():
    assert len({fault for _, _, fault, _ in BROKEN}) >= 10


def test_every_fault_has_its_own_words_and_every_step_its_name():
    assert len({check_words.advice(fault).title for fault in Fault}) == len(Fault)
    assert all(check_words.advice(fault).fix for fault in Fault)
    assert len({check_words.step_words(step) for step in Step}) == len(Step)


async def test_locked_keystore_is_named_and_the_network_is_left_alone(setup: Setup):
    async def locked(name: str) -> str | None:
        raise KeystoreLockedError("the keyring is locked")

    subject = dataclasses.replace(setup.subject, credential=Credential(keystore="gateway:x"))
    found = await walk(dataclasses.replace(setup, subject=subject), keystore=locked)
    assert found[Step.TOKEN].fault is Fault.KEYSTORE
    assert found[Step.TCP].outcome is Outcome.SKIPPED


async def test_whoever_leaves_early_leaves_nothing_open(setup: Setup):
    async with contextlib.aclosing(examine(setup.subject, DIRECT, patience=PATIENCE)) as checks:
        async for check in checks:
            if check.step is Step.TCP:
                break
    await until(lambda: setup.gateway.left_behind() == {}, "the gateway sees it go")


async def test_all_of_it_has_a_deadline(setup: Setup):
    patience = dataclasses.replace(PATIENCE, total_s=0.0)
    async with contextlib.aclosing(examine(setup.subject, DIRECT, patience=patience)) as checks:
        found = [check async for check in checks]
    assert [check.step for check in found] == list(Step)
    assert {check.outcome for check in found} <= {Outcome.SKIPPED, Outcome.FAILED}
