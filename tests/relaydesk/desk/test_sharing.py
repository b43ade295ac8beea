"""Sharing through gateways of which there is a connection string: who gets in, for how long, and with which key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web

from agent.invitation import parse
from hyco.sas import Right
from relaydesk.actions import ActionError, ExposeRequest
from relaydesk.preferences import Who
from relaydesk.snapshot import Health, KeystoreState, LiveConnection, Proof, ServiceState, Snapshot, Trouble
from tests.support.desks import connection_string, running_desk
from tests.support.gateways import running_gateway
from tests.support.keyrings import LockableKeyring, MemoryKeyring
from tests.support.targets import tcp_target, web_target
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.allow_log_warnings("is reached without TLS")]


async def hello(request: web.Request) -> web.Response:
    return web.Response(text=f"hello {request.path_qs} {request.headers.get('Cookie', '')}")


async def get(url: str, **headers: str) -> tuple[int, str]:
    """What curl would get."""
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        return response.status, await response.text()


async def test_a_link_lets_in_and_the_bare_address_does_not(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        name = await desk.actions.add_gateway(await connection_string(gateway), "Mine")
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Storefront", gateway=name))
        assert shared.service == "Storefront"
        service = await desk.until_state("Storefront", ServiceState.ONLINE)
        assert (service.is_web, service.is_public, service.gateway) == (True, False, "Mine")
        status, text = await get(shared.link)
        assert (status, text) == (200, "hello / "), "the service sees neither token nor invitation"
        assert (await get(service.url))[0] == 401
        sender = gateway.token("storefront", rule=await gateway.create_rule("storefront", "s", Right.SEND))
        assert (await get(service.url, ServiceBusAuthorization=sender))[0] == 403, (
            "a key alone is not invited"
        )
        await desk.until(lambda now: now.services[0].proof is Proof.PROVEN, "the way is proven")
        assert desk.now.health is Health.ONLINE
        await desk.until(lambda now: any(map(_is_the_request, now.connections)), "the request is shown")
        live = next(filter(_is_the_request, desk.now.connections))
        assert live.service == "Storefront"


async def test_what_is_shown_of_a_link_lets_nobody_in(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        secret = urlsplit(shared.link).query
        assert secret
        assert secret not in shared.shown_link
        assert shared.link not in repr(shared)
        assert "SharedAccessKey" not in shared.link, "an invitation carries no key"


async def test_a_withdrawn_invitation_lets_nobody_in_and_others_stay(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        first = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        assert await desk.actions.link("Shop") == first, "a copy is no new invitation"
        second = await desk.actions.invite("Shop", "Ann", 3600)
        await desk.until_state("Shop", ServiceState.ONLINE)
        ann = {
            "RelayDesk-Invitation": parse(second.link).id,
            "ServiceBusAuthorization": parse(second.link).token,
        }
        url = desk.service("Shop").url
        assert [(await get(first.link))[0], (await get(url, **ann))[0]] == [200, 200]
        before, after = desk.service("Shop").invitations
        await desk.actions.withdraw("Shop", before.id)
        assert desk.service("Shop").invitations == (after,)
        await until(lambda: _status(first.link, 403), "the first link is refused")
        assert (await get(url, **ann))[0] == 200
        assert (await desk.actions.link("Shop")).link != first.link, "a new one, for the old one is worthless"
        with pytest.raises(ActionError, match="no such invitation"):
            await desk.actions.withdraw("Shop", before.id)


async def test_everybody_gets_in_where_somebody_chose_that(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop", who=Who.PUBLIC))
        service = await desk.until_state("Shop", ServiceState.ONLINE)
        assert service.is_public
        assert desk.now.public_services == 1
        assert service.path != "shop", "it cannot be guessed"
        assert await get(shared.link) == (200, "hello / ")
        assert shared.link == shared.shown_link


async def test_a_key_to_listen_serves_the_one_path_that_it_is_for(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await gateway.create("given")
        text = await connection_string(gateway, Right.LISTEN, "given")
        await desk.actions.add_gateway(text, "Lent")
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        service = await desk.until_state("Shop", ServiceState.ONLINE)
        assert (service.path, service.invitations) == ("given", ())
        assert "given" in shared.link
        await desk.until(lambda now: now.services[0].proof is Proof.IMPOSSIBLE, "it says that it cannot know")
        with pytest.raises(ActionError, match="the right Manage") as caught:
            await desk.actions.invite("Shop", "Ann", 3600)
        assert caught.value.problem.trouble is Trouble.MISSING_RIGHT
        with pytest.raises(ActionError, match="another service is shared there"):
            await desk.actions.expose(ExposeRequest(target=address, name="Second"))


async def test_a_key_without_manage_says_which_right_is_missing(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway, Right.LISTEN | Right.SEND))
        with pytest.raises(ActionError, match="lacks the right Manage, which it takes to make") as caught:
            await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        assert caught.value.problem.trouble is Trouble.MISSING_RIGHT
        assert desk.now.services == (), "what failed leaves nothing"
        assert desk.settings.load_agent().connections == ()


async def test_a_share_can_be_stopped_and_brought_back(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        await desk.until_state("Shop", ServiceState.ONLINE)
        await desk.actions.stop("Shop")
        assert desk.now.services == ()
        await until(lambda: _status(shared.link, 404), "nobody listens any more")
        await desk.actions.undo_stop()
        await desk.until_state("Shop", ServiceState.ONLINE)
        assert (await get(shared.link))[0] == 200, "the link is the same"
        with pytest.raises(ActionError, match="nothing was stopped"):
            await desk.actions.undo_stop()


async def test_a_paused_share_is_dark_until_it_is_resumed(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        await desk.until_state("Shop", ServiceState.ONLINE)
        await desk.actions.pause("shop")
        await desk.until_state("Shop", ServiceState.PAUSED)
        assert desk.now.health is Health.PAUSED
        await until(lambda: _status(shared.link, 404), "nobody listens any more")
        await desk.actions.resume_all()
        await desk.until_state("Shop", ServiceState.ONLINE)
        assert (await get(shared.link))[0] == 200


async def test_what_was_shared_is_there_again_after_a_restart(tmp_path: Path):
    keyring = MemoryKeyring()
    async with running_gateway() as gateway, web_target(hello) as address:
        async with running_desk(tmp_path, keyring=keyring) as desk:
            await desk.actions.add_gateway(await connection_string(gateway), "Mine")
            shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop", lifetime_s=None))
            before = desk.service("Shop")
        async with running_desk(tmp_path, keyring=keyring) as desk:
            after = await desk.until_state("Shop", ServiceState.ONLINE)
            assert (after.path, after.is_web, after.invitations) == (
                before.path,
                before.is_web,
                before.invitations,
            )
            assert (await get(shared.link))[0] == 200
            assert [one.name for one in desk.now.gateways] == ["This computer", "Mine"]


async def test_a_port_that_closes_is_said_and_comes_back_by_itself(tmp_path: Path):
    async with running_gateway() as gateway, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        async with tcp_target() as target:
            await desk.actions.expose(ExposeRequest(target=target.address, name="Database"))
            await desk.until_state("Database", ServiceState.ONLINE)
        service = await desk.until_state("Database", ServiceState.PORT_CLOSED)
        assert service.problem is not None
        assert service.problem.trouble is Trouble.TARGET
        assert desk.now.health is Health.DEGRADED


async def test_what_is_called_a_web_site_can_still_be_brought_to_a_port(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        shared = await desk.actions.expose(ExposeRequest(target=f"http://{bare(address)}", name="Shop"))
        service = await desk.until_state("Shop", ServiceState.ONLINE)
        assert (service.is_web, service.local) == (True, bare(address))
        assert not service.is_for_browsers_alone
        assert (await get(shared.link))[0] == 200
        invited = await desk.actions.invite("Shop", "Ann", 3600)
        offer = desk.actions.examine(invited.link)
        assert offer.is_web
        here = await desk.actions.connect(offer, offer.suggested_port)
        assert await get(f"http://{here.local}/x") == (200, "hello /x ")


async def test_nobody_is_invited_to_bring_a_web_server_with_tls_to_a_port(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        await desk.actions.expose(ExposeRequest(target=f"https://{target.address}", name="Shop"))
        assert desk.service("Shop").is_for_browsers_alone
        before = desk.service("Shop").invitations
        with pytest.raises(ActionError, match="copy its link instead") as caught:
            await desk.actions.invite("Shop", "Ann", 3600)
        assert caught.value.problem.trouble is Trouble.INVITATION
        assert desk.service("Shop").invitations == before


async def test_a_public_web_server_with_tls_stays_one(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target, running_desk(tmp_path) as desk:
        await desk.actions.add_gateway(await connection_string(gateway))
        request = ExposeRequest(target=f"https://{target.address}", name="Shop", who=Who.PUBLIC)
        await desk.actions.expose(request)
        assert desk.service("Shop").local == f"https://{target.address}"


async def test_the_keys_of_what_was_stopped_go_with_the_program(tmp_path: Path):
    keyring = MemoryKeyring()
    async with running_gateway() as gateway, web_target(hello) as address:
        async with running_desk(tmp_path, keyring=keyring) as desk:
            await desk.actions.add_gateway(await connection_string(gateway), "Mine")
            await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
            await desk.actions.stop("Shop")
            assert len(keyring.names()) == 2, "it can still be brought back"
        assert keyring.names() == {"gateway:Mine"}


async def test_a_locked_keyring_is_the_problem_of_what_needs_it(tmp_path: Path):
    keyring = LockableKeyring()
    keyring.is_open.set()
    async with running_gateway() as gateway, web_target(hello) as address:
        async with running_desk(tmp_path, keyring=keyring) as desk:
            await desk.actions.add_gateway(await connection_string(gateway), "Mine")
            await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        keyring.is_open.clear()
        try:
            async with running_desk(tmp_path, keyring=keyring) as desk:
                await desk.until(
                    lambda now: _has_problem(now, Trouble.KEYSTORE_LOCKED), "the keystore is the problem"
                )
                assert desk.now.keystore is KeystoreState.LOCKED
                keyring.is_open.set()
                await desk.actions.unlock_keystore()
                await desk.until_state("Shop", ServiceState.ONLINE)
        finally:
            keyring.is_open.set()


@pytest.mark.parametrize("how", ["resets", "nonsense", "closes"])
async def test_a_local_server_that_fails_is_the_problem_and_the_rest_goes_on(tmp_path: Path, how: str):
    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if how == "nonsense":
            writer.write(bytes(range(256)))
        if how == "resets":
            writer.transport.abort()
        writer.close()

    server = await asyncio.start_server(fail, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
            await desk.actions.add_gateway(await connection_string(gateway))
            request = ExposeRequest(target=f"http://127.0.0.1:{port}", name="Broken", who=Who.PUBLIC)
            broken = await desk.actions.expose(request)
            works = await desk.actions.expose(ExposeRequest(target=address, name="Shop", who=Who.PUBLIC))
            await desk.until_state("Broken", ServiceState.ONLINE)
            await desk.until_state("Shop", ServiceState.ONLINE)
            assert (await get(broken.link))[0] == 502
            await desk.until(lambda _: desk.service("Broken").problem, "it is said")
            problem = desk.service("Broken").problem
            assert problem is not None
            assert problem.trouble is Trouble.TARGET
            assert "target" in problem.cause
            assert desk.now.health is Health.DEGRADED
            assert (await get(works.link))[0] == 200
            assert desk.service("Shop").problem is None
    finally:
        server.close()


async def test_a_wrong_key_is_said_and_nothing_is_left(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        text = await connection_string(gateway)
        wrong = text.replace(gateway.rule.primary_key, "d3Jvbmcga2V5IG9mIHRoZSByaWdodCBsZW5ndGghISE=")
        await desk.actions.add_gateway(wrong, "Mine")
        with pytest.raises(ActionError) as caught:
            await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        assert caught.value.problem.trouble is Trouble.GATEWAY_REFUSED
        assert caught.value.problem.status == 401
        assert "signature" in caught.value.problem.cause
        assert desk.now.services == ()


async def test_no_key_and_no_link_is_in_any_file(tmp_path: Path):
    async with running_gateway() as gateway, web_target(hello) as address, running_desk(tmp_path) as desk:
        text = await connection_string(gateway)
        await desk.actions.add_gateway(text)
        shared = await desk.actions.expose(ExposeRequest(target=address, name="Shop"))
        invited = await desk.actions.invite("Shop", "Ann", 3600)
        kept = "".join(desk.keyring.kept.values())
        assert gateway.rule.primary_key in kept
        secrets = [gateway.rule.primary_key, shared.link, invited.link, urlsplit(shared.link).query]
        secrets += [urlsplit(shared.link).query.rpartition("=")[2]]
        written = _written_below(tmp_path)
        assert "Shop" in written
        assert not [secret for secret in secrets if secret in written]
        assert not [secret for secret in secrets if secret in repr(desk.now)]


def bare(address: str) -> str:
    """HOST:PORT, whatever the target is called."""
    return address.removeprefix("http://")


def _has_problem(now: Snapshot, trouble: Trouble) -> bool:
    return any(one.problem is not None and one.problem.trouble is trouble for one in now.services)


def _is_the_request(connection: LiveConnection) -> bool:
    return connection.about == "GET /storefront/ 200"


def _written_below(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


async def _status(url: str, status: int) -> bool:
    return (await get(url))[0] == status
