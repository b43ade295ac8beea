"""``relaydesk demo``: all of RelayDesk on this computer: a gateway, an agent, and a web page behind them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from agent.clock import Clock
from agent.config import AgentConfig, ConnectionConfig, Credential, Deadlines, NetworkConfig
from agent.credentials import Access
from agent.network import Network
from agent.sender import send_request
from agent.status import ConnectionStatus
from agent.supervisor import Agent
from agent.targets import Target, parse_target
from gateway.admin.keys import connection_string, endpoint_of
from gateway.config import DEFAULT_PORT, GatewayConfig, HostPort
from gateway.editor import Editor
from gateway.errors import ConfigError
from gateway.server import Gateway
from hyco.addresses import Endpoint, sender_url
from hyco.redaction import one_line
from hyco.sas import Right

from ..demo_page import demo_site, page_file
from ..local_gateway.child import LOOPBACK
from .agent_lines import AgentLines
from .exits import CliError
from .options import AsJson, LogJson, Verbosity, begin
from .output import Output
from .running import run_agent, run_until_stopped

#: The hybrid connection of the demonstration, and the rule by which its agent listens.
_NAME = "demo"
_RULE = "listen"

#: All of it is on this computer; longer than this means that something is wrong.
_ONCE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class _DemoRelay:
    """Where the hybrid connection is, and the agent's connection string."""

    endpoint: Endpoint
    text: str

    @property
    def url(self) -> str:
        return sender_url(self.endpoint, _NAME)


def demo(
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65_535, show_default="a page of its own", help="Expose what runs on this port."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Make one request through the relay, check the answer, and end.")
    ] = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
    log_json: LogJson = False,
) -> None:
    """Expose a small web page through a gateway, all on this computer, until Ctrl-C. Nothing is kept."""
    output = begin(as_json, verbosity, log_json=log_json)
    run_until_stopped(_demo(port, output, is_once=once))


async def _demo(port: int | None, output: Output, *, is_once: bool) -> None:
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="relaydesk-demo-"))
        if port is None:
            target = parse_target(f"http://{LOOPBACK}:{await stack.enter_async_context(demo_site())}")
        else:
            target = parse_target(str(port))
        with output.waiting("starting a gateway on this computer"):
            relay = await stack.enter_async_context(_demo_relay(Path(folder)))
        if is_once:
            expected = page_file().read_bytes() if port is None else None
            await _once(relay, target, output, expected)
        else:
            await _show(relay, target, output, is_own_page=port is None)


@contextlib.asynccontextmanager
async def _demo_relay(folder: Path) -> AsyncIterator[_DemoRelay]:
    """Run a gateway in this process, with one hybrid connection that any sender may use."""
    async with contextlib.AsyncExitStack() as stack:
        gateway = await _gateway(stack, folder)
        config = gateway.config
        editor = Editor(gateway.directory)
        await editor.put_connection(config.namespace, _NAME, requires_client_authorization=False)
        rule, _ = await editor.put_rule(config.namespace, _NAME, _RULE, Right.LISTEN)
        namespace = editor.namespace(config.namespace)
        endpoint = endpoint_of(namespace, gateway.directory, config, gateway.addresses)
        yield _DemoRelay(endpoint, connection_string(endpoint, rule, rule.primary_key, _NAME))


async def _gateway(stack: contextlib.AsyncExitStack, folder: Path) -> Gateway:
    """Start a gateway on the usual port, so that links stay the same, or on another one where that is taken."""

    def on(port: int) -> contextlib.AbstractAsyncContextManager[Gateway]:
        config = GatewayConfig(
            data_folder=folder,
            bind=(HostPort(LOOPBACK, port),),
            admin_bind=HostPort(LOOPBACK, 0),
            drain_s=0.0,
        )
        return Gateway(config).serving()

    try:
        return await stack.enter_async_context(on(DEFAULT_PORT))
    except ConfigError:
        return await stack.enter_async_context(on(0))


async def _show(relay: _DemoRelay, target: Target, output: Output, *, is_own_page: bool) -> None:
    """Say where it is, and what passes, for ever."""

    def say_ready(status: ConnectionStatus) -> None:
        what = "a small web page" if is_own_page else status.leads_to
        output.event(
            "listening",
            f"ready: {relay.url} leads to {what}, through a gateway and an agent in this process\n"
            f"  open it in a browser, or: curl {relay.url}\n"
            "  requests are shown as they pass; Ctrl-C ends it",
            style="bold",
            again=False,
            url=relay.url,
            target=status.leads_to,
            curl=f"curl {relay.url}",
        )

    lines = AgentLines(output, say_ready)
    try:
        await run_agent(_agent(relay, target, lines), lines)
    finally:
        lines.close()
        output.event("stopped", "", relay=_NAME)


async def _once(relay: _DemoRelay, target: Target, output: Output, expected: bytes | None) -> None:
    """Make one request through the relay and check the answer.

    Raises:
        CliError: It is not what it should be.
    """
    is_listening = asyncio.Event()
    lines = AgentLines(output, lambda _: is_listening.set())

    async def ask() -> None:
        await is_listening.wait()
        await _check(relay, expected, output)

    try:
        async with asyncio.timeout(_ONCE_TIMEOUT_S):
            await run_agent(_agent(relay, target, lines), lines, during=ask())
    except TimeoutError as error:
        raise CliError(f"no answer came through the relay within {_ONCE_TIMEOUT_S:g} s") from error
    finally:
        lines.close()


async def _check(relay: _DemoRelay, expected: bytes | None, output: Output) -> None:
    """Ask as any sender would, without a token."""
    network = Network(NetworkConfig())
    network.prepare()
    async with send_request(Access(relay.endpoint, _NAME, None), network, Deadlines(), Clock()) as response:
        body = b"".join([piece async for piece in response])
    via = next((value for name, value in response.headers if name.lower() == "via"), None)
    if via is None:
        raise CliError("the answer has no Via header: it did not come through the relay")
    if response.status != 200 if expected is not None else response.status >= 500:
        raise CliError(f"the service answered {response.status} {one_line(response.reason)}")
    if expected is not None and body != expected:
        raise CliError(f"the page came changed: {len(body)} bytes instead of {len(expected)}")
    output.event(
        "checked",
        f"ok: {relay.url} answered {response.status} with {len(body)} bytes, Via: {via}",
        style="green",
        url=relay.url,
        status=response.status,
        bytes=len(body),
        via=via,
    )


def _agent(relay: _DemoRelay, target: Target, lines: AgentLines) -> Agent:
    connection = ConnectionConfig(credential=Credential(text=relay.text), path=_NAME, target=target)
    return Agent(AgentConfig(connections=(connection,)), on_exchange=lines.exchange)
