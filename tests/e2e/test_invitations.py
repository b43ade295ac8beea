"""A share for invited people: whoever shows an invitation gets in, nobody else does, and one can be withdrawn."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import ssl
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from agent.clock import Clock
from agent.config import (
    AgentConfig,
    ConnectionConfig,
    Credential,
    Direction,
    Invited,
    LocalAddress,
    NetworkConfig,
)
from agent.credentials import find_access
from agent.invitation import Invitation, digest, new_id, sign_token
from agent.network import Network
from agent.relay_loop import RelayLoop, WorkerLoop
from agent.sender import send_request
from agent.status import State
from agent.targets import parse_target
from hyco.addresses import Endpoint
from hyco.sas import Right
from tests.support.agents import QUICK, connecting, listening, running_agent
from tests.support.clocks import SteppedClock
from tests.support.gateways import LOOPBACK, RunningGateway, running_gateway
from tests.support.listeners import RunningListener, running_listener
from tests.support.raw_stream import End, RawStream
from tests.support.raw_websocket import CLOSE
from tests.support.targets import TcpTarget, tcp_target, web_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

ANN_ID, BEN_ID = new_id(b"ann's 128 bits: "), new_id(b"ben's 128 bits: ")
ANN, BEN = Invited(name="Ann", sha256=digest(ANN_ID)), Invited(name="Ben", sha256=digest(BEN_ID))
ANNS = [("RelayDesk-Invitation", ANN_ID)]


async def show(request: web.Request) -> web.StreamResponse:
    """What a local web server saw of a request."""
    if request.path == "/ws":
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps([request.raw_path, list(request.headers.items())]))
        await socket.receive()
        return socket
    body = await request.read()
    return web.json_response([request.raw_path, list(request.headers.items()), len(body)])


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("shop", is_anonymous=True)
        await running.create("private")
        yield running


@pytest.fixture
async def site() -> AsyncIterator[str]:
    async with web_target(show) as address:
        yield address


@pytest.fixture(params=["same loop", "worker loop"])
def relay_loop(request: pytest.FixtureRequest) -> RelayLoop | None:
    return WorkerLoop(stop_s=2.0) if request.param == "worker loop" else None


@pytest.fixture
async def share(
    gateway: RunningGateway, site: str, relay_loop: RelayLoop | None
) -> AsyncIterator[RunningListener]:
    """A web site for Ann and Ben."""
    config = listening(gateway, f"http://{site}", "shop", invited=(ANN, BEN))
    async with running_listener(config, relay_loop=relay_loop) as running:
        yield running


@pytest.fixture
async def tcp() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


# --- HTTP ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "headers", "reason"),
    [
        ("", [], "This service is for invited people, and no invitation was shown"),
        ("?relaydesk-invitation=x", [], "The invitation is not known here, or was withdrawn"),
        ("", [("Cookie", "relaydesk-invitation=x")], "The invitation is not known here, or was withdrawn"),
        (f"?relaydesk-invitation={ANN_ID}", ANNS, "The request shows more than one invitation"),
        ("", [*ANNS, *ANNS], "The request shows more than one invitation"),
    ],
)
async def test_request_without_an_invitation_is_refused(
    *,
    gateway: RunningGateway,
    share: RunningListener,
    query: str,
    headers: list[tuple[str, str]],
    reason: str,
):
    answer = await gateway.ask("GET", f"/shop/page{query}", headers)
    assert (answer.status, answer.reason) == (403, reason)
    assert answer.body == f"{reason}\n".encode()
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"
    assert answer.values("Set-Cookie") == []
    [noted] = await share.exchanged()
    assert (noted.status, noted.path) == (403, "/shop/page")
    assert share.standing.counters.refused_connections == 1


async def test_large_request_without_an_invitation_is_refused_at_its_rendezvous(
    gateway: RunningGateway, share: RunningListener
):
    answer = await gateway.ask("POST", "/shop/page", [], b"x" * 100_000)
    assert answer.status == 403
    assert answer.body == b"This service is for invited people, and no invitation was shown\n"


@pytest.mark.parametrize("size", [0, 100_000])
async def test_invited_request_reaches_the_site_which_sees_nothing_of_it(
    gateway: RunningGateway, share: RunningListener, size: int
):
    target = f"/shop/page?a=%2f&&relaydesk-invitation={ANN_ID}&b=c=d"
    referer = f"http://{gateway.host}/shop/?sb-hc-token=abc&relaydesk-invitation={ANN_ID}&x=1"
    headers = [("Referer", referer), ("Cookie", f"mine=1; relaydesk-invitation={BEN_ID}")]
    answer = await gateway.ask("POST", target, headers, b"x" * size)
    assert answer.status == 200
    path, seen, length = json.loads(answer.body)
    assert (path, length) == ("/page?a=%2f&&b=c=d", size)
    assert ["Referer", f"http://{gateway.host}/shop/?x=1"] in seen
    assert ["Cookie", "mine=1"] in seen
    assert not any(secret in answer.body.decode() for secret in (ANN_ID, BEN_ID, "nvitation"))


async def test_header_is_enough_and_sets_no_cookie(gateway: RunningGateway, share: RunningListener):
    answer = await gateway.ask("GET", "/shop/page", ANNS)
    assert answer.status == 200
    assert answer.values("Set-Cookie") == []
    assert b"nvitation" not in answer.body


async def test_page_that_was_opened_with_an_invitation_gets_its_pictures(
    gateway: RunningGateway, share: RunningListener
):
    """The first answer sets a cookie; a browser then asks for what the page holds, without the page's query."""
    page = await gateway.ask("GET", f"/Shop/?relaydesk-invitation={ANN_ID}")
    cookie = page.header("Set-Cookie")
    assert cookie == f"relaydesk-invitation={ANN_ID}; Path=/Shop; HttpOnly; SameSite=Lax"
    picture = await gateway.ask("GET", "/Shop/logo.svg", [("Cookie", cookie.partition(";")[0])])
    assert picture.status == 200
    assert picture.values("Set-Cookie") == []
    assert json.loads(picture.body)[0] == "/logo.svg"
    assert ANN_ID not in picture.body.decode()


async def test_invitation_is_hidden_from_the_site_even_where_nobody_needs_one(
    gateway: RunningGateway, site: str
):
    async with running_listener(listening(gateway, f"http://{site}", "shop")):
        answer = await gateway.ask("GET", f"/shop/?relaydesk-invitation={ANN_ID}", ANNS)
    assert answer.status == 200
    assert b"nvitation" not in answer.body


async def test_invitation_that_is_over_lets_nobody_in(gateway: RunningGateway, site: str):
    clock = SteppedClock(float(int(time.time())))
    ends = dataclasses.replace(ANN, until=_in(60, clock))
    async with running_listener(listening(gateway, f"http://{site}", "shop", invited=(ends,)), clock=clock):
        assert (await gateway.ask("GET", "/shop/", ANNS)).status == 200
        clock.advance(60)
        answer = await gateway.ask("GET", "/shop/", ANNS)
    assert (answer.status, answer.reason) == (403, "The invitation is over")


def _in(seconds: float, clock: SteppedClock) -> dt.datetime:
    return dt.datetime.fromtimestamp(clock.now() + seconds, dt.UTC)


async def test_request_that_is_being_answered_is_cut_when_its_invitation_is_withdrawn(
    gateway: RunningGateway, tcp: TcpTarget, relay_loop: RelayLoop | None
):
    config = listening(gateway, f"http://{tcp.address}", "shop", invited=(ANN, BEN))
    async with running_listener(config, relay_loop=relay_loop) as share:
        http = await gateway.http()
        await http.send("GET", "/shop/stream", ANNS)
        service = await tcp.accept()
        await service.read_some()
        await service.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert (await http.read_head()).status == 200
        share.invite_only(ANN)
        await service.send(b"data: 2\n\n")
        assert b"data: 1" in await http.read_chunk()
        assert b"data: 2" in await http.read_chunk()
        share.invite_only(BEN)
        assert await http.stream.end() is End.RESET
        await service.end()
        [noted] = await share.exchanged()
        assert noted.error == "The invitation is not known here, or was withdrawn: that of Ann"


async def test_request_that_waits_for_its_answer_is_told_that_its_invitation_was_withdrawn(
    gateway: RunningGateway, tcp: TcpTarget
):
    async with running_listener(
        listening(gateway, f"http://{tcp.address}", "shop", invited=(ANN, BEN))
    ) as share:
        http = await gateway.http()
        await http.send("GET", "/shop/slow", ANNS)
        service = await tcp.accept()
        share.invite_only(BEN)
        answer = await http.read_response("GET")
        assert (answer.status, answer.body) == (403, b"The invitation is not known here, or was withdrawn\n")
        await service.read_some()
        await service.end()


# --- WebSockets and byte streams -------------------------------------------------------------------------------------


async def test_websocket_without_an_invitation_is_refused_before_the_target_is_dialled(
    gateway: RunningGateway, tcp: TcpTarget
):
    for target in (tcp.address, f"http://{tcp.address}"):
        async with running_listener(listening(gateway, target, "shop", invited=(ANN,))):
            refused = await (await gateway.connecting("shop", token=None)).refusal()
            assert (refused.status, refused.reason) == (
                403,
                "This service is for invited people, and no invitation was shown",
            )
    assert tcp.connections == 0


async def test_websocket_with_an_invitation_reaches_the_site_which_sees_nothing_of_it(
    gateway: RunningGateway, share: RunningListener
):
    query = f"a=1&relaydesk-invitation={ANN_ID}&b"
    socket = await (await gateway.connecting("shop/ws", query=query, token=None)).answer()
    text = (await socket.read_message()).text
    assert json.loads(text)[0] == "/ws?a=1&b"
    assert "nvitation" not in text
    assert ANN_ID not in text
    await socket.send_close()
    other = await (await gateway.connecting("shop/ws", token=None, headers=ANNS)).answer()
    assert "nvitation" not in (await other.read_message()).text
    await other.send_close()


async def test_connections_are_cut_when_their_invitation_is_withdrawn_and_the_others_stay(
    gateway: RunningGateway, tcp: TcpTarget, relay_loop: RelayLoop | None
):
    config = listening(gateway, tcp.address, "shop", invited=(ANN, BEN))
    async with running_listener(config, relay_loop=relay_loop) as share:
        ann = await gateway.connecting("shop", token=None, headers=ANNS)
        anns_service = await tcp.accept()
        anns = await ann.answer()
        ben = await gateway.connecting("shop", token=None, query=f"relaydesk-invitation={BEN_ID}")
        bens_service = await tcp.accept()
        bens = await ben.answer()
        share.invite_only(BEN)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while (await anns.read_frame()).opcode != CLOSE:
                pass
            pytest.fail("a cut is no end in order")
        assert await anns_service.end() in (End.RESET, End.FIN)
        await bens.send_binary(b"still here")
        assert await bens_service.read_exactly(10) == b"still here"
        await until(
            lambda: "withdrawn: that of Ann" in str(share.standing.snapshot().last_error),
            "the status says why",
        )
        refused = await (await gateway.connecting("shop", token=None, headers=ANNS)).refusal()
        assert refused.status == 403


async def test_agent_that_takes_other_settings_goes_on_with_those_who_are_still_invited(
    gateway: RunningGateway, tcp: TcpTarget
):
    share = listening(gateway, tcp.address, "shop", invited=(ANN, BEN))
    network = NetworkConfig(proxy="none")
    async with running_agent(share) as agent:
        listener_id = agent.first.listener_id
        ann = await gateway.connecting("shop", token=None, headers=ANNS)
        anns_service = await tcp.accept()
        await ann.answer()
        bens = await gateway.connecting("shop", token=None, query=f"relaydesk-invitation={BEN_ID}")
        bens_service = await tcp.accept()
        bens_socket = await bens.answer()
        without_ann = dataclasses.replace(share, invited=(BEN,))
        agent.agent.apply(AgentConfig(connections=(without_ann,), deadlines=QUICK, network=network))
        assert await anns_service.end() in (End.RESET, End.FIN)
        await bens_socket.send_binary(b"still here")
        assert await bens_service.read_exactly(10) == b"still here"
        assert agent.first.listener_id == listener_id
        wanted = {None, "The invitation is not known here, or was withdrawn: that of Ann"}
        await until(lambda: {one.error for one in agent.agent.relayed()} == wanted, "the list says why")


async def test_nothing_secret_is_logged_or_shown(
    *,
    gateway: RunningGateway,
    share: RunningListener,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level("DEBUG", logger="agent")
    await gateway.ask("GET", f"/shop/?relaydesk-invitation={ANN_ID}")
    await gateway.ask("GET", "/shop/?relaydesk-invitation=5ec2e7")
    query = f"relaydesk-invitation={ANN_ID}"
    socket = await (await gateway.connecting("shop/ws", query=query, token=None)).answer()
    await socket.send_close()
    await (await gateway.connecting("shop", query="relaydesk-invitation=5ec2e7", token=None)).refusal()
    await until(
        lambda: "turned a sender away" in str(share.standing.snapshot().last_error), "the refusal is noted"
    )
    shown = [*map(str, await share.exchanged(2)), str(share.standing.snapshot())]
    text = "\n".join([*shown, *(record.getMessage() for record in caplog.records)])
    assert not any(secret in text for secret in (ANN_ID, "5ec2e7"))


# --- the sender's side -----------------------------------------------------------------------------------------------


async def invitation(
    gateway: RunningGateway, *, lifetime_s: float = 3_600.0, is_web: bool = False, ca: bytes | None = None
) -> Invitation:
    """What Ann is given for the hybrid connection that needs a token."""
    rule = await gateway.create_rule("private", "invite", Right.SEND)
    endpoint = Endpoint(LOOPBACK, gateway.dial.port, is_secure=ca is not None)
    return Invitation(
        endpoint=endpoint,
        path="private",
        name="Ann's",
        token=sign_token(
            endpoint,
            "private",
            rule_name=rule.name,
            key=rule.primary_key,
            expires_at=int(time.time() + lifetime_s),
        ),
        id=ANN_ID,
        is_web=is_web,
        ca=ca,
    )


def brought_here(text: str) -> ConnectionConfig:
    return ConnectionConfig(
        credential=Credential(text=text), direction=Direction.CONNECT, local=LocalAddress(LOOPBACK, 0)
    )


async def test_invitation_brings_a_service_to_a_local_port(gateway: RunningGateway, tcp: TcpTarget):
    given = await invitation(gateway)
    async with (
        running_listener(listening(gateway, tcp.address, "private", invited=(ANN,))),
        running_agent(brought_here(given.text())) as agent,
    ):
        assert (agent.first.path, agent.first.token_expires_at) == ("private", given.expires_at)
        program = await RawStream.open(LOOPBACK, agent.port())
        await program.send(b"hello")
        service = await tcp.accept()
        assert await service.read_exactly(5) == b"hello"
        await program.close()
        await service.end()


async def test_key_alone_does_not_get_in_where_an_invitation_is_needed(
    gateway: RunningGateway, tcp: TcpTarget
):
    async with (
        running_listener(listening(gateway, tcp.address, "private", invited=(ANN,))),
        running_agent(connecting(gateway, "private")) as agent,
    ):
        program = await RawStream.open(LOOPBACK, agent.port())
        assert await program.end() is End.RESET
        status = await agent.until(lambda now: now.connections[0].last_error is not None)
        assert "403 This service is for invited people" in str(status.connections[0].last_error)
        await program.close()
    assert tcp.connections == 0


async def test_withdrawn_invitation_cuts_the_program_and_says_why_to_the_next(
    gateway: RunningGateway, tcp: TcpTarget
):
    given = await invitation(gateway)
    async with (
        running_listener(listening(gateway, tcp.address, "private", invited=(ANN,))) as share,
        running_agent(brought_here(given.text())) as agent,
    ):
        program = await RawStream.open(LOOPBACK, agent.port())
        service = await tcp.accept()
        share.invite_only(BEN)
        assert await program.end() is End.RESET
        await service.end()
        again = await RawStream.open(LOOPBACK, agent.port())
        assert await again.end() is End.RESET
        await agent.until(lambda now: "403 The invitation is not known" in str(now.connections[0].last_error))
        await program.close()
        await again.close()


async def test_invitation_that_is_over_is_said_with_its_time(gateway: RunningGateway):
    given = await invitation(gateway, lifetime_s=-60.0)
    async with running_agent(brought_here(given.text()), is_ready=False) as agent:
        status = (await agent.until(lambda now: now.connections[0].last_error is not None)).connections[0]
        assert str(status.last_error).startswith("the invitation ended on 20")
        assert (status.state, status.token_expires_at) == (State.WAITING, given.expires_at)


async def test_invitation_serves_requests_of_the_agent_and_of_curl(gateway: RunningGateway, site: str):
    given = await invitation(gateway, is_web=True)
    async with running_listener(listening(gateway, f"http://{site}", "private", invited=(ANN,))):
        access = await find_access(brought_here(given.text()))
        network = Network(NetworkConfig(proxy="none"))
        async with send_request(access, network, QUICK, Clock(), suffix="/x") as response:
            body = b"".join([piece async for piece in response])
        assert response.status == 200
        url = urlsplit(given.url())
        by_curl = await gateway.ask("GET", f"{url.path}?{url.query}")
        assert by_curl.status == 200
        assert json.loads(by_curl.body)[0] == "/"
        for seen in (body, by_curl.body):
            assert b"nvitation" not in seen
            assert ANN_ID.encode() not in seen
            assert b"sig" not in seen


async def test_gateway_with_an_authority_of_its_own_is_trusted_by_its_invitations_alone(tcp: TcpTarget):
    async with running_gateway(tls_self_signed=True) as gateway:
        await gateway.create("private")
        ca_file = gateway.gateway.config.data_folder / "tls" / "ca.pem"
        given = await invitation(gateway, ca=ssl.PEM_cert_to_DER_cert(ca_file.read_text()))
        key = f"SharedAccessKeyName={gateway.rule.name};SharedAccessKey={gateway.rule.primary_key}"
        share = ConnectionConfig(
            credential=Credential(text=f"Endpoint=sb://{gateway.host}/;{key};EntityPath=private"),
            target=parse_target(tcp.address),
            invited=(ANN,),
        )
        async with (
            running_agent(share, network=NetworkConfig(proxy="none", ca_file=ca_file)),
            running_agent(
                brought_here(given.text()), brought_here(dataclasses.replace(given, ca=None).text())
            ) as guest,
        ):
            program = await RawStream.open(LOOPBACK, guest.port(0))
            service = await tcp.accept()
            stranger = await RawStream.open(LOOPBACK, guest.port(1))
            assert await stranger.end() is End.RESET
            await guest.until(lambda now: "not trusted" in str(now.connections[1].last_error))
            for stream in (program, stranger):
                await stream.close()
            await service.end()
