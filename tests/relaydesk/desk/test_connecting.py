"""Bringing a service that somebody shares to a local port, by what was pasted."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent.clock import Clock
from hyco.sas import Right
from relaydesk.actions import ActionError, ExposeRequest
from relaydesk.snapshot import ServiceState, Trouble
from tests.support.desks import connection_string, running_desk
from tests.support.gateways import running_gateway
from tests.support.raw_stream import End, RawStream
from tests.support.targets import tcp_target

pytestmark = [pytest.mark.slow, pytest.mark.allow_log_warnings("is reached without TLS")]


async def test_an_invitation_becomes_a_local_port(tmp_path: Path):
    async with (
        running_gateway() as gateway,
        tcp_target() as target,
        running_desk(tmp_path / "there") as there,
        running_desk(tmp_path / "here") as here,
    ):
        await there.actions.add_gateway(await connection_string(gateway))
        await there.actions.expose(ExposeRequest(target=target.address, name="Database"))
        await there.until_state("Database", ServiceState.ONLINE)
        invited = await there.actions.invite("Database", "Ann", 3600)
        offer = here.actions.examine(f"  {invited.link}\n")
        assert (offer.service, offer.is_invitation, offer.is_web) == ("Database", True, False)
        assert offer.suggested_port != target.port, "that one is taken on this computer"
        assert offer.text not in repr(offer)
        service = await here.actions.connect(offer, offer.suggested_port)
        assert service.state is ServiceState.ONLINE
        assert service.local == f"127.0.0.1:{offer.suggested_port}"
        for _ in range(target.connections):  # what asked it whether it is a web site
            await target.accept()
        stream = await RawStream.open("127.0.0.1", offer.suggested_port)
        far = await target.accept()
        await stream.send(b"question")
        assert await far.read_exactly(8) == b"question"
        await far.send(b"answer")
        assert await stream.read_exactly(6) == b"answer"
        (live,) = [one for one in there.now.connections if one.ended_at is None]
        assert live.service == "Database"
        assert live.bytes_received >= len("question")
        assert live.bytes_sent >= len("answer")
        (invitation,) = [one for one in there.service("Database").invitations if one.name == "Ann"]
        await there.actions.withdraw("Database", invitation.id)
        assert await stream.end() is End.RESET
        await here.actions.stop("Database")


async def test_an_invitation_that_was_withdrawn_is_the_problem(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
        await desk.until_state("Database", ServiceState.ONLINE)
        invited = await desk.actions.invite("Database", "Ann", 3600)
        offer = desk.actions.examine(invited.link)
        here = await desk.actions.connect(offer, offer.suggested_port)
        (invitation,) = [one for one in desk.service("Database").invitations if one.name == "Ann"]
        await desk.actions.withdraw("Database", invitation.id)
        stream = await RawStream.open("127.0.0.1", offer.suggested_port)
        assert await stream.end() is End.RESET
        await desk.until(lambda _: desk.service(here.name).problem, "it is said")
        problem = desk.service(here.name).problem
        assert problem is not None
        assert problem.trouble is Trouble.INVITATION
        assert "withdrawn" in problem.cause


class _Later(Clock):
    ahead_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s


async def test_an_invitation_that_is_over_is_the_problem(tmp_path: Path):
    clock = _Later()
    async with (
        running_gateway() as gateway,
        tcp_target() as target,
        running_desk(tmp_path / "there") as there,
        running_desk(tmp_path / "here", clock=clock) as here,
    ):
        await there.actions.add_gateway(await connection_string(gateway))
        await there.actions.expose(ExposeRequest(target=target.address, name="Database"))
        offer = here.actions.examine((await there.actions.invite("Database", "Ann", 3600)).link)
        await here.actions.connect(offer, offer.suggested_port)
        assert here.service("Database").problem is None
        clock.ahead_s = 3601
        problem = here.service("Database").problem
        assert problem is not None
        assert problem.trouble is Trouble.INVITATION
        with pytest.raises(ActionError, match="ended on") as caught:
            here.actions.examine(offer.text)
        assert caught.value.problem.trouble is Trouble.INVITATION


async def test_what_is_no_invitation_is_said_and_nothing_is_kept(tmp_path: Path):
    async with running_desk(tmp_path) as desk:
        for text, trouble in (
            ("hello", Trouble.CREDENTIAL),
            ("relaydesk://invitation/1#xxxx", Trouble.INVITATION),
            ("relaydesk://invitation/99#xxxx", Trouble.INVITATION),
            ("LocalForward:\n- RelayName: x", Trouble.CREDENTIAL),
            ('{"keyName": "x"}', Trouble.CREDENTIAL),
        ):
            with pytest.raises(ActionError) as caught:
                desk.actions.examine(text)
            assert caught.value.problem.trouble is trouble
            assert caught.value.problem.cause
        assert desk.keyring.kept == {}


async def test_the_key_of_a_namespace_is_read_and_brings_nothing_to_a_port(tmp_path: Path):
    async with running_desk(tmp_path) as desk:
        offer = desk.actions.examine(
            "Your key:\n\nEndpoint=sb://x.example/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=b\n"
        )
        assert (offer.gateway, offer.path, offer.rights) == ("x.example", "", ("Listen", "Send", "Manage"))
        assert not offer.are_rights_told, "its name says so, and nobody else"
        with pytest.raises(ActionError, match="names no hybrid connection"):
            await desk.actions.connect(offer, offer.suggested_port)
        assert desk.keyring.kept == {}


async def test_each_forward_of_azbridge_is_an_offer_and_its_key_is_kept_alone(tmp_path: Path):
    key = "Endpoint=sb://x.example/;SharedAccessKeyName=a;SharedAccessKey=b"
    async with running_desk(tmp_path) as desk:
        offer = desk.actions.examine(
            f"AzureRelayConnectionString: {key}\nLocalForward:\n- {{RelayName: one, BindPort: 54321}}\n"
            "RemoteForward:\n- {RelayName: two, HostPort: 80}\n"
        )
        assert [(one.path, one.target) for one in (offer, *offer.others)] == [
            ("one", ""),
            ("two", "localhost:80"),
        ]
        assert await desk.actions.add_gateway(offer.others[0].text) == "x"
        assert desk.keyring.kept == {("relaydesk", "gateway:x"): f"{key};EntityPath=two"}


async def test_a_port_that_is_taken_is_refused_before_anything_is_kept(tmp_path: Path):
    async with running_gateway() as gateway, running_desk(tmp_path) as desk:
        await gateway.create("given")
        offer = desk.actions.examine(await connection_string(gateway, Right.SEND, "given"))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(ActionError, match="another program has") as caught:
                await desk.actions.connect(offer, taken.getsockname()[1])
        assert caught.value.problem.trouble is Trouble.PORT_TAKEN
        assert desk.keyring.kept == {}
        assert desk.now.services == ()
