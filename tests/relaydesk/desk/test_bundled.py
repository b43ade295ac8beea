"""The gateway of this computer: started for the first share, back after it was killed, gone at the end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from relaydesk.actions import ExposeRequest, Reach
from relaydesk.snapshot import BundledState, Health, Proof, ServiceState, Snapshot, Trouble
from tests.relaydesk.desk.test_sharing import get
from tests.support.desks import running_desk
from tests.support.keyrings import MemoryKeyring
from tests.support.processes import free_port
from tests.support.targets import web_target
from tests.support.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.allow_log_warnings(
        "is reached without TLS", "ended unexpectedly", "senders do not get through"
    ),
]


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "gateway" in one.cmdline()]


async def test_the_first_share_starts_it_and_the_end_of_the_program_ends_it(tmp_path: Path):
    async with web_target(hello) as address, running_desk(tmp_path) as desk:
        assert desk.now.gateways[0].bundled is BundledState.STOPPED
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        assert shared.is_only_this_computer
        await desk.until_state("Shop", ServiceState.ONLINE)
        assert (await get(shared.link))[0] == 200
        assert desk.now.gateways[0].bundled is BundledState.RUNNING
        (child,) = children()
        listens = {each.laddr.port for each in child.net_connections("tcp") if each.status == "LISTEN"}
        assert len(listens) == 2
        assert (set(desk.actions.own_ports()), set(desk.actions.own_pids())) == (listens, {child.pid})
        async with running_desk(tmp_path / "other", data_folder=tmp_path / "gateway") as other:
            await other.actions.start_bundled(Reach.THIS_COMPUTER)
            assert other.now.gateways[0].bundled is BundledState.ELSEWHERE
            await until(lambda: set(other.actions.own_ports()) == listens, "its ports are known")
    assert not child.is_running()
    assert desk.actions.own_ports() == set()


async def test_killed_it_comes_back_and_the_share_with_it(tmp_path: Path):
    async with web_target(hello) as address, running_desk(tmp_path, bundled_port=free_port()) as desk:
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        await desk.until(lambda now: now.services[0].proof is Proof.PROVEN, "the way is proven")
        (child,) = children()
        os.kill(child.pid, signal.SIGKILL)
        await desk.until(lambda now: now.services[0].state is not ServiceState.ONLINE, "it is said")
        problem = desk.service("Shop").problem
        assert problem is None or problem.trouble in (Trouble.GATEWAY_UNREACHABLE, Trouble.CHANNEL_LOST)
        await desk.until(lambda now: now.services[0].proof is Proof.PROVEN, "it is back")
        assert (await get(shared.link))[0] == 200


async def test_after_a_restart_it_is_started_for_what_is_shared(tmp_path: Path):
    keyring = MemoryKeyring()
    port = free_port()
    async with web_target(hello) as address:
        async with running_desk(tmp_path, keyring=keyring, bundled_port=port) as desk:
            shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        async with running_desk(tmp_path, keyring=keyring, bundled_port=port) as desk:
            await desk.until_state("Shop", ServiceState.ONLINE)
            assert (await get(shared.link))[0] == 200


async def test_while_it_starts_nothing_is_called_wrong(tmp_path: Path):
    """After every start of the program all was *Offline*, with a problem and what to do about it, for a second or two."""
    keyring = MemoryKeyring()
    port = free_port()
    async with web_target(hello) as address:
        async with running_desk(tmp_path, keyring=keyring, bundled_port=port) as desk:
            await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        async with running_desk(tmp_path, keyring=keyring, bundled_port=port) as desk:
            seen: set[tuple[ServiceState, Health]] = set()

            def is_online(now: Snapshot) -> bool:
                if now.gateways[0].bundled is BundledState.STARTING:
                    seen.update((one.state, now.health) for one in now.services)
                return any(one.state is ServiceState.ONLINE for one in now.services)

            await desk.until(is_online, "Shop is online")
            assert seen == {(ServiceState.CONNECTING, Health.WORKING)}


async def test_for_the_network_it_speaks_tls_and_its_own_agent_trusts_it(tmp_path: Path):
    async with web_target(hello) as address, running_desk(tmp_path, bundled_port=free_port()) as desk:
        await desk.actions.start_bundled(Reach.NETWORK)
        gateway = desk.now.gateways[0]
        assert gateway.is_secure
        assert not gateway.is_only_this_computer
        await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        await desk.until_state("Shop", ServiceState.ONLINE)
        invited = await desk.actions.invite("Shop", "Ann", 3600)
        offer = desk.actions.examine(invited.link)
        assert offer.is_secure
        await desk.actions.stop_bundled()
        assert desk.now.gateways[0].bundled is BundledState.STOPPED
