"""What time does: tokens that run out (row 14 of protocol reference §16), pings, deletion, and the end of a gateway."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from hyco.sas import Right
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_relay import response_text
from tests.support.raw_stream import End
from tests.support.raw_websocket import BINARY, PING, PONG, frame
from tests.support.waiting import until

#: Seconds by which the tokens of these tests have run out when they are shown; less than the skew that is allowed.
AGO_S = 100


def short_grace() -> float:
    """A grace that ends in 0.3 to 1.3 s for a token that ran out AGO_S ago: tokens count in whole seconds."""
    return AGO_S + 1.3


# --- row 14 --------------------------------------------------------------------------------------------------------------


async def test_row_14_a_control_channel_outlives_its_token_by_the_grace_and_is_closed_with_1008():
    async with running_gateway(token_grace_s=short_grace()) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc", token=relay.token("hc", expires_at=time.time() - AGO_S))
        sender, far = await relay.pair(listener)  # the token has run out, the channel works
        closed = await listener.socket.read_close()
        assert closed.code == 1008
        assert "ExpiredToken" in closed.reason
        assert (await (await relay.connecting("hc")).refusal()).status == 404
        # what was established goes on (§8)
        await sender.send_text("hello")
        assert (await far.read_message()).text == "hello"


async def test_row_14_a_token_renewed_at_or_after_its_expiry_carries_the_channel_on():
    async with running_gateway(token_grace_s=short_grace()) as relay:
        await relay.create("hc")
        old = relay.token("hc", expires_at=time.time() - AGO_S)
        renews = await relay.listen("hc", token=old)
        does_not = await relay.listen("hc", token=old)
        await renews.renew(relay.token("hc"))
        await renews.socket.barrier()
        assert (await does_not.socket.read_close()).code == 1008
        sender, far = await relay.pair(renews)
        await sender.send_text("hello")
        assert (await far.read_message()).text == "hello"


async def test_row_14_a_channel_is_renewed_again_and_again_while_a_connection_runs():
    """F14 at the size of a test: a relayed connection crosses renewals unharmed."""
    async with running_gateway(token_grace_s=short_grace()) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        sender, far = await relay.pair(listener)
        for number in range(5):
            await listener.renew(relay.token("hc", expires_at=time.time() + 3_600 + number))
            assert await listener.socket.barrier() == []
            await sender.send_binary(b"%d" % number)
            assert (await far.read_message()).data == b"%d" % number


@pytest.mark.parametrize("fault", ["junk", "wrong key", "audience", "right", "long expired", "empty"])
async def test_row_14_a_bad_renewal_closes_the_channel_with_1008(relay: RunningGateway, fault: str):
    send_only = await relay.create_rule("hc", "SendOnly", Right.SEND)
    tokens = {
        "junk": "hello",
        "wrong key": relay.token("hc")[:-1] + "X",
        "audience": relay.token("other"),
        "right": relay.token("hc", rule=send_only),
        "long expired": relay.token("hc", expires_at=time.time() - 7_200),
        "empty": "",
    }
    listener = await relay.listen("hc")
    sender, far = await relay.pair(listener)
    await listener.renew(tokens[fault])
    closed = await listener.socket.read_close()
    assert closed.code == 1008
    assert "SharedAccessSignature" not in closed.reason
    assert (await (await relay.connecting("hc")).refusal()).status == 404
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"


async def test_row_14_a_renewal_may_use_another_rule(relay: RunningGateway):
    listen = await relay.create_rule("hc", "ListenOnly", Right.LISTEN)
    listener = await relay.listen("hc")
    await listener.renew(relay.token("hc", rule=listen))
    assert await listener.socket.barrier() == []
    await relay.pair(listener)


# --- keep-alive --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["listener", "sender", "rendezvous", "request rendezvous"])
async def test_every_socket_is_pinged_and_one_that_does_not_answer_ends(kind: str):
    """F5: a peer that has stopped is dropped; one that answers stays for as long as that takes."""
    async with running_gateway(ping_interval_s=0.15) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        lively = await relay.listen("hc")
        if kind == "request rendezvous":
            http = await relay.http()
            await http.send("GET", "/hc", relay.authorization())
            command = await _command_of_either(listener, lively)
            silent = await listener.rendezvous(command)
        elif kind == "listener":
            silent = listener.socket
        else:
            waiting = await relay.connecting("hc")
            far = await listener.rendezvous(await _command_of_either(listener, lively))
            silent = await waiting.answer() if kind == "sender" else far
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(lively.socket.read_frame_but_pings(), name="answers pings")
            opcodes = set()
            try:
                while True:
                    opcodes.add((await silent.read_frame()).opcode)
            except (asyncio.IncompleteReadError, ConnectionResetError):
                pass
            assert opcodes == {PING}
            assert not keeper.done()
            keeper.cancel()


async def _command_of_either(*listeners: object) -> str:
    """The address in the next command, whichever of the listeners gets it."""
    from tests.support.raw_relay import RawListener

    async with asyncio.TaskGroup() as tasks:
        reads = [
            tasks.create_task(listener.read_command(), name="read command")
            for listener in listeners
            if isinstance(listener, RawListener)
        ]
        await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
        [done] = [read for read in reads if read.done()]
        for read in reads:
            read.cancel()
        return done.result().address


async def test_an_unsolicited_pong_is_a_sign_of_life():
    """What .NET's built-in WebSocket and hyco-https send instead of pings (§7)."""
    async with running_gateway(ping_interval_s=0.15) as relay:
        await relay.create("hc")
        alive = await relay.listen("hc")
        silent = await relay.listen("hc")
        async with asyncio.TaskGroup() as tasks:

            async def pong_at_each_ping() -> None:
                while (await alive.socket.read_frame()).opcode == PING:
                    await alive.socket.send_frame(PONG, b"unsolicited")

            keeper = tasks.create_task(pong_at_each_ping(), name="pong")
            await silent.socket.stream.read_to_end()
            assert not keeper.done()
            keeper.cancel()
        await relay.pair(alive)


async def test_a_peer_that_is_held_back_is_not_taken_for_dead():
    """While its bytes are not read its pongs cannot be seen: the stalled one is the other side."""
    async with running_gateway(ping_interval_s=0.1) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        sender, far = await relay.pair(listener)
        clock = await relay.listen("hc")
        size = 64
        for _ in range(size):
            sender.stream.write(frame(BINARY, bytes(1 << 20)))
        # far does not read, so sender is held back; both would be dropped by now if that counted
        await clock.socket.stream.read_to_end()
        received = 0
        while received < size << 20:
            part = await far.read_frame_but_pings()
            received += len(part.payload)
        assert received == size << 20


async def test_a_reader_that_stalls_for_too_long_is_cut():
    """F8: after the write timeout, and only the pair that is concerned."""
    async with running_gateway(ping_interval_s=0.1, write_stall_timeout_s=0.3, missed_pongs=1_000) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        sender, far = await relay.pair(listener)
        near, other = await relay.pair(listener)
        for _ in range(64):
            sender.stream.write(frame(BINARY, bytes(1 << 20)))
        with contextlib.suppress(ConnectionResetError):  # what it sent and nobody read makes it a reset
            while not sender.stream.has_ended:
                await sender.stream.read_some()
        await near.send_text("hello")
        assert (await other.read_message()).text == "hello"
        assert far.stream.unread_bytes > 0


# --- deletion and the end --------------------------------------------------------------------------------------------------


async def test_deleting_a_hybrid_connection_closes_its_control_channels_with_1001(relay: RunningGateway):
    listeners = [await relay.listen("hc") for _ in range(3)]
    other = await relay.listen("open")
    await relay.delete("hc")
    for listener in listeners:
        assert (await listener.socket.read_close()).code == 1001
    response = await (await relay.connecting("hc")).refusal()
    assert response.reason.startswith("Endpoint does not exist.")
    assert (await (await relay.listening("hc")).refusal()).status == 404
    waiting = await relay.connecting("open", token=None)
    await other.accept()
    await waiting.answer()


async def test_a_gateway_that_drains_finishes_what_is_going_on_and_takes_nothing_new():
    async with running_gateway(drain_s=30.0) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send("GET", "/open")
        request = await listener.expect("request")
        idle = await relay.http()
        assert (await idle.request("GET", "/nowhere")).status == 401
        async with asyncio.TaskGroup() as tasks:
            drain = tasks.create_task(relay.gateway.drain(), name="drain")
            assert await idle.stream.read_to_end() == (b"", End.FIN)
            # 503 and never 404: a .NET listener gives up for good on that (§10)
            for refused in (await relay.listening("open"), await relay.connecting("open", token=None)):
                assert (await refused.refusal()).status == 503
            assert (await relay.ask("GET", "/open")).status == 503
            assert not drain.done()
            await listener.answer(request, 200, b"finished")
            response = await http.read_response()
            assert (response.status, response.body) == (200, b"finished")
            assert response.header("connection") == "close"


@pytest.mark.slow
async def test_a_listener_that_has_connected_when_the_drain_begins_still_answers():
    """A long answer's rendezvous is often there and has not said what it is: once it was ended as idle."""
    async with running_gateway(drain_s=30.0) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send("GET", "/open")
        request = await listener.expect("request")
        silent, half = await listener.dial.open(), await relay.http()
        await half.stream.send(b"GET /open HTTP/1.1\r\n")
        coming = await listener.dial.open()
        await until(lambda: relay.gateway.status()["connections"] == 4, "all are counted")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(relay.gateway.drain(), name="drain")
            assert (await relay.ask("GET", "/open")).status == 503
            rendezvous = await (await listener.come(request.address, by=coming)).answer()
            await rendezvous.send_text(response_text(request.id, statusCode=200, body=True))
            await rendezvous.send_binary(b"whole")
            response = await http.read_response()
            assert (response.status, response.body, response.is_cut) == (200, b"whole", False)
            # and who asks for nothing is not waited for as long as at other times
            assert await silent.read_to_end() == (b"", End.FIN)
            assert (await half.read_response()).status == 408


async def test_a_relayed_connection_may_finish_while_the_gateway_drains():
    async with running_gateway(drain_s=30.0) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        sender, far = await relay.pair(listener)
        async with asyncio.TaskGroup() as tasks:
            drain = tasks.create_task(relay.gateway.drain(), name="drain")
            assert (await (await relay.connecting("hc")).refusal()).status == 503
            await sender.send_text("last words")
            assert (await far.read_message()).text == "last words"
            assert not drain.done()
            await sender.send_close(1000)
            await far.read_close()
            await far.send_close(1000)
            await sender.read_close()


async def test_what_is_left_after_the_drain_is_cut_and_seen_as_cut():
    async with running_gateway(drain_s=0.1) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        waiting = await relay.connecting("open", token=None)
        far = await listener.accept()
        sender = await waiting.answer()
        http = await relay.http()
        await http.send("GET", "/open")
        request = await listener.expect("request")
        stream = await listener.rendezvous(request.address)
        await stream.send_text(response_text(request.id, statusCode=200, body=True))
        response = await http.read_head()
        await relay.gateway.drain()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_stop(relay), name="stop")
            await http.read_body(response)
            assert response.is_cut
            assert (await listener.close()).code == 1001
            for socket in (sender, far):
                data, _ = await socket.stream.read_to_end()
                assert data == b"" or (data[0], data[2:4]) == (0x88, (1001).to_bytes(2, "big"))


async def _stop(relay: RunningGateway) -> None:
    await relay.stop()
