"""The first start of a new user: three ways, each to the first who comes; and four ways that fail, each with its cause."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.targets import parse_target
from hyco.sas import Right
from relaydesk.actions import ExposeRequest
from relaydesk.preferences import Who
from tests.support.desks import running_desk
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.processes import need_program
from tests.support.screens import Screen, fetch, screen, web_server
from tests.support.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.allow_log_warnings("is reached without TLS"),
]

WELCOME = "Welcome to RelayDesk"
FAKETIME = "/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1"


@contextlib.asynccontextmanager
async def new_user(folder: Path, name: str, **more: str) -> AsyncIterator[Screen]:
    """A desktop that was never started before, with the cards of the first start before it."""
    async with screen(folder, name, has_session=True) as seen, seen.desktop(more=more):
        await seen.window(WELCOME)
        yield seen


async def paste_into_the_card(seen: Screen, text: str) -> None:
    field = await seen.find("text", "What was sent to you")
    await seen.click(field.box)
    await seen.paste(text)


async def go_on(seen: Screen, name: str = "Next") -> None:
    """Press the button once it can be pressed."""

    async def can() -> bool:
        found = await seen.find("push button", name)
        return "enabled" in found.states

    await until(can, f"{name} can be pressed", within_s=30)
    await seen.act("push button", name)


async def share(seen: Screen, port: int) -> str:
    """On the third card: share what listens on *port*; the link, from the clipboard."""
    before = await seen.clipboard()
    field = await seen.find("text", "Other host or port")
    await seen.click(field.box)
    await seen.type(f"http://127.0.0.1:{port}")
    await go_on(seen, "Share it")

    async def new_link() -> str:
        found = await seen.clipboard()
        return found if found != before and found.startswith("http") else ""

    return await until(new_link, "a link on the clipboard", within_s=30)


async def first_request_is_seen(seen: Screen, link: str) -> None:
    """Somebody opens the link: the card says so, and the inspector has the request with its answer."""
    await seen.find("label", "Waiting for the first request.*")
    assert (await fetch(link))[0] == 200
    await seen.find("label", "Somebody has come: GET .*")
    await seen.picture("somebody-has-come")
    await it_is_in_the_inspector(seen)


async def it_is_in_the_inspector(seen: Screen) -> None:
    """*Show it* shows the request in full, and the command line has it as well."""
    await seen.act("push button", "Show it")
    await seen.find("label", "Inspector")
    await seen.find("table cell", "200 OK")
    await seen.picture("inspector")
    (one,) = await seen.ask("inspect")
    assert (one["method"], one["status"], one["isOver"]) == ("GET", 200, True)
    assert "relaydesk-invitation=0" not in str(one)


async def test_connection_string_leads_to_the_first_request(tmp_path: Path):
    async with (
        running_gateway() as gateway,
        web_server(tmp_path / "shop", "<h1>our shop</h1>") as port,
        new_user(tmp_path, "first-start-pasted") as seen,
    ):
        await paste_into_the_card(seen, namespace_string(gateway))
        await seen.find("label", ".*127.0.0.1.*")
        await seen.picture("pasted")
        await go_on(seen)
        await seen.find("label", "The way is clear.", within_s=40)
        await seen.picture("checked")
        await go_on(seen)
        link = await share(seen, port)
        await first_request_is_seen(seen, link)


def namespace_string(gateway: RunningGateway, *, key: str = "", path: str = "", host: str = "") -> str:
    rule = gateway.rule
    end = f"EntityPath={path};" if path else ""
    return (
        f"Endpoint=sb://{host or gateway.host}/;SharedAccessKeyName={rule.name};"
        f"SharedAccessKey={key or rule.primary_key};{end}UseDevelopmentEmulator=true"
    )


async def test_this_computer_as_gateway_leads_to_the_first_request(tmp_path: Path):
    async with (
        web_server(tmp_path / "shop", "<h1>our shop</h1>") as port,
        new_user(tmp_path, "first-start-here") as seen,
    ):
        await seen.act("radio button", "Use this computer as a gateway")
        await go_on(seen)
        await seen.find("label", "The way is clear.", within_s=60)
        await go_on(seen)
        link = await share(seen, port)
        await first_request_is_seen(seen, link)


async def test_invitation_leads_to_the_first_request(tmp_path: Path):
    async with (
        web_server(tmp_path / "shop", "<h1>our shop</h1>") as port,
        running_desk(tmp_path / "friend") as friend,
        new_user(tmp_path, "first-start-invited") as seen,
    ):
        shared = await friend.actions.expose(
            ExposeRequest(target=str(parse_target(f"127.0.0.1:{port}")), name="shop", who=Who.INVITED)
        )
        invited = await friend.actions.invite(shared.service, "Ada", 3_600.0)
        await seen.act("radio button", "I have an invitation")
        await paste_into_the_card(seen, invited.link)
        await go_on(seen)
        await go_on(seen)
        before = await seen.clipboard()
        await go_on(seen, "Connect")

        async def address() -> str:
            found = await seen.clipboard()
            return found if found != before else ""

        where = await until(address, "an address on the clipboard", within_s=30)
        await seen.find("label", "Waiting for the first connection.*")
        assert await fetch(f"http://{where}/") == (200, "<h1>our shop</h1>")
        await seen.find("label", "Somebody has come: GET / 200")
        await seen.picture("somebody-has-come")
        await it_is_in_the_inspector(seen)
        assert friend.service("shop").traffic.total_connections == 1


async def it_fails_with(seen: Screen, title: str, fix: str) -> None:
    """The second card names the cause and says what to do."""
    await seen.find("label", title, within_s=60)
    await seen.find("label", fix)
    await seen.picture("failed-as-it-should")


async def test_wrong_key_is_named(tmp_path: Path):
    async with running_gateway() as gateway, new_user(tmp_path, "first-start-wrong-key") as seen:
        await gateway.create("hc")
        key = "bm90IHRoZSByaWdodCBrZXksIG5vdCBhdCBhbGwhIQ=="
        await paste_into_the_card(seen, namespace_string(gateway, key=key, path="hc"))
        await go_on(seen)
        await it_fails_with(seen, "The gateway does not accept the key", "The key is wrong or was replaced.*")


def find_faketime() -> Path:
    """What fakes the time of a program that it is loaded into."""
    places = [Path(FAKETIME.format(kind)) for kind in ("x86_64", "aarch64")]
    return next(place for place in places if place.exists())


async def test_wrong_clock_is_named(tmp_path: Path):
    need_program("faketime")
    library = find_faketime()
    slow = {"LD_PRELOAD": str(library), "FAKETIME": "-7d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    async with running_gateway() as gateway, new_user(tmp_path, "first-start-wrong-clock", **slow) as seen:
        await gateway.create("hc")
        await paste_into_the_card(seen, namespace_string(gateway, path="hc"))
        await go_on(seen)
        await it_fails_with(seen, "This computer's clock is wrong", "Set the clock.*")


async def test_blocked_port_is_named(tmp_path: Path):
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        for _ in range(4):  # more than the queue holds: what comes after them is dropped, as by a firewall
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        async with running_gateway() as gateway, new_user(tmp_path, "first-start-blocked-port") as seen:
            await paste_into_the_card(seen, namespace_string(gateway, host=f"127.0.0.1:{port}"))
            await go_on(seen)
            await it_fails_with(seen, "The gateway's port is blocked", "A firewall drops it.*")


async def test_missing_hybrid_connection_is_named(tmp_path: Path):
    async with running_gateway() as gateway, new_user(tmp_path, "first-start-missing") as seen:
        await gateway.create("hc")
        rule = await gateway.create_rule(None, "listener", Right.LISTEN | Right.SEND)
        text = (
            f"Endpoint=sb://{gateway.host}/;SharedAccessKeyName={rule.name};SharedAccessKey={rule.primary_key};"
            "EntityPath=not-there;UseDevelopmentEmulator=true"
        )
        await paste_into_the_card(seen, text)
        await go_on(seen)
        await it_fails_with(seen, "There is no such hybrid connection", "Check its name.*")
