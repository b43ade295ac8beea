"""The command line as a user runs it: every verb, how it ends, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web

from hyco.sas import sign
from tests.support.command_line import CommandLine
from tests.support.processes import LOOPBACK, PYTHON, free_port
from tests.support.raw_stream import RawStream
from tests.support.secrets_watch import SecretsWatch
from tests.support.targets import tcp_target, web_target
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


async def hello(request: web.Request) -> web.Response:
    body = await request.read()
    return web.Response(
        text=f"{request.method} {request.path_qs} {len(body)}",
        status=418 if request.path == "/teapot" else 200,
        headers={"X-Content": request.headers.get("Content-Type", "")},
    )


async def get(url: str) -> tuple[int, str, str]:
    """What curl would get: status, body, Via."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text(), response.headers.get("Via", "")


@contextlib.asynccontextmanager
async def web_relay(cli: CommandLine, *options: str) -> AsyncIterator[str]:
    """A web server exposed as ``web`` through a gateway that serves; gives the URL."""
    async with (
        web_target(hello) as address,
        cli.serving(),
        cli.start("expose", address, "--relay", "web", *options) as expose,
    ):
        yield (await expose.event("listening"))["url"]


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone; whoever inherited it may not have taken notice yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# --- expose ----------------------------------------------------------------------------------------------------------


async def test_a_service_is_exposed_with_nothing_but_its_port(cli: CommandLine):
    async with web_target(hello) as address:
        port = address.rpartition(":")[2]
        async with cli.start("expose", port, "--anonymous-send") as expose:
            gateway = await expose.event("gateway")
            assert gateway["started"]
            assert (await expose.event("created"))["relay"] == f"port-{port}"
            listening = await expose.event("listening")
            assert listening["url"] == f"{gateway['url']}/port-{port}"
            assert listening["curl"] == f"curl {listening['url']}"
            status, body, via = await get(f"{listening['url']}/a?b=c")
            assert (status, body) == (200, "GET /a?b=c 0")
            assert via
            request = await expose.event("request")
            assert (request["method"], request["status"]) == ("GET", 200)
            assert psutil.pid_exists(gateway["pid"])
            assert await expose.process.stop(signal.SIGINT) == 130
        assert not psutil.pid_exists(gateway["pid"])


async def test_the_bundled_gateway_ends_with_a_parent_that_was_killed(cli: CommandLine):
    async with tcp_target() as target, cli.start("expose", target.address) as expose:
        gateway = psutil.Process((await expose.event("gateway"))["pid"])
        await expose.event("listening")
        await expose.process.kill()
        await until(lambda: has_ended(gateway), "the gateway's end")


async def test_a_bundled_gateway_that_dies_ends_what_it_was_started_for(cli: CommandLine):
    async with tcp_target() as target, cli.start("expose", target.address) as expose:
        gateway = psutil.Process((await expose.event("gateway"))["pid"])
        await expose.event("listening")
        gateway.kill()
        assert await expose.process.ended() == 1
        assert "ended unexpectedly" in expose.process.lines[-1]


async def test_a_second_expose_takes_the_gateway_that_runs(cli: CommandLine):
    async with (
        web_target(hello) as address,
        cli.serving() as (_, url),
        cli.start("expose", f"http://{address}", "--relay", "one", "--anonymous-send") as one,
    ):
        assert not (await one.event("gateway"))["started"]
        listening = await one.event("listening")
        assert listening["url"] == f"{url}/one"
        assert "connect" not in listening, "a web server takes no byte streams"
        assert (await get(listening["url"]))[0] == 200


async def test_a_connection_string_with_manage_makes_the_hybrid_connection(cli: CommandLine):
    async with cli.serving() as (_, url), web_target(hello) as address:
        key = cli.key_file((await cli.run("gateway", "keys")).out)
        options = ("--connection-string-file", key, "--relay", "made")
        async with cli.start("expose", address, *options, "--anonymous-send") as expose:
            assert (await expose.event("created"))["anonymousSend"] is True
            assert (await expose.event("listening"))["gateway"] == url
            assert (await get(f"{url}/made/x"))[1] == "GET /x 0"
        # there already, and to be changed
        async with cli.start("expose", address, *options, "--no-anonymous-send") as expose:
            assert (await expose.event("listening"))["anonymousSend"] is False
            assert (await get(f"{url}/made/x"))[0] == 401


async def test_expose_waits_for_a_gateway_that_comes_later(cli: CommandLine):
    """As after a cold boot: the agent is there before the network, the gateway, or the hybrid connection."""
    bind = f"{LOOPBACK}:{free_port()}"
    await cli.run("gateway", "relay", "create", "late", "--anonymous-send")
    keys = await cli.run("gateway", "keys", "late", "--rights", "listen", "--public-url", f"http://{bind}")
    async with web_target(hello) as address:
        options = ("--connection-string-file", cli.key_file(keys.out))
        async with cli.start("expose", address, *options) as expose:
            assert "connection refused" in (await expose.event("retrying"))["error"]
            async with cli.start("gateway", "serve", "--bind", bind, "--admin-bind", f"{LOOPBACK}:0"):
                listening = await expose.event("listening")
                assert (await get(listening["url"]))[0] == 200


async def test_no_retry_tells_by_the_exit_code_why_not(cli: CommandLine):
    await cli.run("gateway", "relay", "create", "there")
    keys = (await cli.run("gateway", "keys", "there", "--rights", "listen")).out
    away = await cli.run(
        *("expose", "1", "--no-retry", "--connection-string-file"),
        cli.key_file(keys.replace(":9400/", f":{free_port()}/")),
    )
    assert (away.code, away.out) == (3, "")
    assert "connection refused" in away.err.splitlines()[-1]
    async with cli.serving():
        keys = (await cli.run("gateway", "keys", "there", "--rights", "listen")).out
        elsewhere = keys.replace("EntityPath=there", "EntityPath=elsewhere")
        refused = await cli.run(
            "expose", "1", "--no-retry", "--connection-string-file", cli.key_file(elsewhere)
        )
        assert refused.code == 4
        assert "the gateway answered 401 about elsewhere" in refused.err.splitlines()[-1]
        # a key that may be asked about, and not listen: only the control channel is told so
        send = (await cli.run("gateway", "keys", "there", "--rights", "send")).out
        refused = await cli.run("expose", "1", "--no-retry", "--connection-string-file", cli.key_file(send))
        assert refused.code == 4
        assert "lack the right" in refused.err.splitlines()[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_expose_and_connect_end_in_order(cli: CommandLine, number: signal.Signals, code: int):
    async with tcp_target() as target, cli.serving() as (gateway, _):
        async with cli.start("expose", target.address, "--relay", "tcp") as expose:
            await expose.event("listening")
            async with cli.start("connect", "tcp", "--local", "0") as connect:
                await connect.event("listening")
                assert await connect.process.stop(number) == code
            assert await expose.process.stop(number) == code
            assert json.loads(expose.process.lines[-1])["event"] == "stopped"
        assert await gateway.process.stop(number) == 0, (
            "a gateway that is told to stop drains, and has done its work"
        )


async def test_a_request_that_was_taken_is_answered_before_expose_ends(cli: CommandLine):
    was_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        if not was_asked.is_set():
            was_asked.set()
            await may_answer.wait()
        return web.Response(text="at last")

    async with (
        web_target(slow) as address,
        cli.start("expose", address, "--anonymous-send") as expose,
        asyncio.TaskGroup() as tasks,
    ):
        url = (await expose.event("listening"))["url"]
        asked = tasks.create_task(get(url))
        await was_asked.wait()
        expose.process.send(signal.SIGTERM)
        # it has turned to its end once it takes nothing new
        await until(lambda: is_refused(url), "a listener that has left")
        may_answer.set()
        assert (await asked)[1] == "at last"
        assert await expose.process.ended() == 0


async def is_refused(url: str) -> bool:
    """Whether nobody listens any more."""
    return (await get(url))[0] in (404, 503)


# --- connect ---------------------------------------------------------------------------------------------------------


async def test_a_tcp_service_comes_to_a_local_port(cli: CommandLine):
    async with (
        tcp_target() as target,
        cli.serving(),
        cli.start("expose", target.address, "--relay", "db") as expose,
    ):
        assert (await expose.event("listening"))["connect"] == "relaydesk connect db --local PORT"
        async with cli.start("connect", "db", "--local", "0") as connect:
            host, _, port = (await connect.event("listening"))["local"].rpartition(":")
            assert host == LOOPBACK
            client = await RawStream.open(LOOPBACK, int(port))
            service = await target.accept()
            await client.send(b"ping")
            assert await service.read_exactly(4) == b"ping"
            await service.send(b"pong")
            assert await client.read_exactly(4) == b"pong"
            assert (await expose.event("connection-opened"))["open"] == 1
            await client.close()
            await service.close()
            ended = await expose.event("connection-ended")
            assert (ended["open"], ended["total"]) == (0, 1)


async def test_an_anonymous_url_needs_no_key(cli: CommandLine):
    async with (
        tcp_target() as target,
        cli.serving() as (_, url),
        cli.start("expose", target.address, "--relay", "open", "--anonymous-send") as expose,
    ):
        await expose.event("listening")
        async with cli.start("connect", f"{url}/open", "--local", "0") as connect:
            port = int((await connect.event("listening"))["local"].rpartition(":")[2])
            client = await RawStream.open(LOOPBACK, port)
            service = await target.accept()
            await client.send(b"x")
            assert await service.read_exactly(1) == b"x"
            await client.close()


async def test_a_local_port_that_is_taken_is_a_configuration_error(cli: CommandLine):
    async with tcp_target() as target:
        ran = await cli.run("connect", "http://127.0.0.1:1/x", "--local", target.address)
        assert ran.code == 2
        assert "another program has it" in ran.err


# --- send ------------------------------------------------------------------------------------------------------------


async def test_send_makes_the_token(cli: CommandLine):
    async with web_relay(cli) as url:
        assert (await get(url))[0] == 401, "without a token"
        by_name = await cli.run("send", "web/a/?q=1%2F2")
        assert (by_name.code, by_name.out) == (0, "GET /a/?q=1%2F2 0")
        assert (await cli.run("send", f"{url}/b")).out == "GET /b 0"
        for rights in ("", "web"):  # a key for the namespace, and one for the hybrid connection
            keys = await cli.run("gateway", "keys", *filter(None, [rights]), "--rights", "send")
            ran = await cli.run("send", "web/c", "--connection-string", "-", stdin=keys.out.encode())
            assert (ran.code, ran.out) == (0, "GET /c 0"), ran.err


async def test_send_is_a_small_curl(cli: CommandLine, tmp_path: Path):
    async with web_relay(cli):
        posted = await cli.run("send", "web/form", "-d", "a=b")
        assert posted.out == "POST /form 3"
        streamed = await cli.run("send", "web/up", "-X", "PUT", "--data", "-", stdin=b"x" * 200_000)
        assert streamed.out == "PUT /up 200000"
        (tmp_path / "body").write_bytes(b"12345")
        saved = await cli.run("send", "web/f", "-d", f"@{tmp_path / 'body'}", "-o", tmp_path / "answer")
        assert (saved.out, (tmp_path / "answer").read_text()) == ("", "POST /f 5")
        head = await cli.run("send", "web/", "-i", "-H", "Content-Type: text/x-test")
        assert head.out.startswith("HTTP/1.1 200 OK\r\n")
        assert "X-Content: text/x-test\r\n" in head.out
        assert head.out.endswith("\r\n\r\nGET / 0")
        told = (await cli.run("send", "web/teapot", "--json")).json
        assert (told["status"], told["relayed"], told["body"]) == (418, True, "GET /teapot 0")
        assert (await cli.run("send", "web/teapot")).code == 0, "the service's own answer is an answer"
        assert (await cli.run("send", "web/teapot", "--fail")).code == 1


async def test_send_tells_a_relays_no_from_a_services(cli: CommandLine):
    async with cli.serving() as (_, url):
        await cli.run("gateway", "relay", "create", "lonely", "--anonymous-send")
        nobody = await cli.run("send", "lonely")
        assert (nobody.code, nobody.out) == (4, "")
        assert nobody.err.startswith("error: the gateway answered 404 about lonely: There are no")
        assert len(nobody.err.splitlines()) == 1
        assert (await cli.run("send", "lonely", "--json")).json["relayed"] is False
        assert (await cli.run("send", "nosuch")).code == 4
        assert (await cli.run("send", f"{url}/nosuch")).code == 4
    unreachable = await cli.run("send", f"http://{LOOPBACK}:{free_port()}/x")
    assert unreachable.code == 3
    assert "connection refused" in unreachable.err
    assert (await cli.run("send", "name-of-no-gateway")).code == 2


async def test_send_ends_when_its_time_is_over(cli: CommandLine):
    async with (
        tcp_target() as target,
        cli.serving(),
        cli.start("expose", target.address, "--relay", "mute") as expose,
    ):
        await expose.event("listening")
        ran = await cli.run("send", "mute", "--timeout", "0.5")
        assert ran.code == 3
        assert "within 0.5 s" in ran.err
        # the listener's side cannot know that nobody waits any more, and would drain
        await expose.process.kill()


async def test_a_key_goes_to_its_own_gateway_only(cli: CommandLine):
    async with tcp_target() as other, cli.serving():
        await cli.run("gateway", "relay", "create", "web")
        keys = await cli.run("gateway", "keys", "web")
        ran = await cli.run(
            "send", f"http://{other.address}/web", "--connection-string-file", cli.key_file(keys.out)
        )
        assert ran.code == 2
        assert other.connections == 0


# --- the gateway -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runs", [False, True])
async def test_hybrid_connections_with_and_without_a_running_gateway(cli: CommandLine, runs: bool):
    async with contextlib.AsyncExitStack() as stack:
        if runs:
            await stack.enter_async_context(cli.serving())
        relay = ("gateway", "relay")
        if runs:
            assert (await cli.run(*relay, "list", "--json")).json == []
        else:
            assert (await cli.run(*relay, "list", "--json")).code == 2
            assert not cli.data.exists(), "who only asks makes nothing"
        made = (await cli.run(*relay, "create", "Team/Web", "--anonymous-send", "--json")).json
        assert (made["name"], made["created"], made["anonymousSend"]) == ("Team/Web", True, True)
        again = (await cli.run(*relay, "create", "team/web", "--json")).json
        assert (again["created"], again["anonymousSend"]) == (False, True), "what is not given stays"
        changed = (await cli.run(*relay, "create", "team/web", "--no-anonymous-send", "--json")).json
        assert changed["anonymousSend"] is False
        assert (await cli.run(*relay, "list", "--json")).json == [
            {
                "name": "Team/Web",
                "kind": "stream",
                "anonymousSend": False,
                "listenerCount": 0 if runs else None,
            }
        ]
        assert "Team/Web" in (await cli.run(*relay, "list")).out
        other = await cli.run(*relay, "create", "team/web", "--kind", "event")
        assert other.code == 4
        assert "is of the kind 'stream', which stays" in other.err
        first = (await cli.run("gateway", "keys", "team/web", "--rights", "listen")).out
        assert "SharedAccessKeyName=listen;" in first
        assert "EntityPath=Team/Web" in first
        assert (await cli.run("gateway", "keys", "Team/Web", "--rights", "listen")).out == first, (
            "one rule is enough"
        )
        assert (await cli.run("gateway", "keys", "Team/Web", "--rights", "send")).out != first
        assert (await cli.run(*relay, "delete", "TEAM/WEB")).code == 0
        assert (await cli.run(*relay, "delete", "Team/Web")).code == 4
        assert (await cli.run("gateway", "keys", "Team/Web")).code == 4


@pytest.mark.parametrize("runs", [False, True])
async def test_a_name_that_cannot_be_one_is_refused(cli: CommandLine, runs: bool):
    async with contextlib.AsyncExitStack() as stack:
        if runs:
            await stack.enter_async_context(cli.serving())
        assert (await cli.run("gateway", "relay", "create", "-no-")).code == 2
        for name in ("", "a b", "x" * 300):
            assert (await cli.run("gateway", "relay", "create", "--", name)).code == 2
        assert runs or not cli.data.exists()


async def test_connection_strings_name_the_address_of_the_last_run(cli: CommandLine):
    async with cli.serving() as (_, url):
        pass
    said = (await cli.run("gateway", "keys", "--json")).json
    assert said["url"] == url
    other = (await cli.run("gateway", "keys", "--json", "--public-url", "https://relay.example.org")).json
    assert "Endpoint=sb://relay.example.org/;" in other["connectionString"]
    assert "UseDevelopmentEmulator" not in other["connectionString"]


async def test_a_second_gateway_on_one_data_folder_says_so(cli: CommandLine):
    async with cli.serving() as (gateway, _):
        second = await cli.run("gateway", "serve", "--bind", f"{LOOPBACK}:0", "--admin-bind", f"{LOOPBACK}:0")
        assert (second.code, second.out) == (2, "")
        assert len(second.err.splitlines()) == 1
        assert (
            f"another gateway (process {gateway.process.pid}) is using the data folder {cli.data}"
            in second.err
        )


async def test_every_wrong_setting_is_named_at_once(cli: CommandLine):
    ran = await cli.run(
        *("gateway", "serve", "--bind", "nowhere", "--public-url", "ftp://x", "--trusted-proxy", "10.0.0.1/8")
    )
    assert ran.code == 2
    for option in ("--bind: ", "--public-url: ", "--trusted-proxy: "):
        assert option in ran.err


async def test_a_gateway_with_a_certificate_of_its_own(cli: CommandLine):
    async with (
        web_target(hello) as address,
        cli.serving("--tls-self-signed") as (serve, url),
        cli.start("expose", address, "--relay", "web") as expose,
    ):
        assert url.startswith("https://")
        await expose.event("listening")
        assert (await cli.run("send", "web/a")).out == "GET /a 0", "its own user needs no --ca"
        key = cli.key_file((await cli.run("gateway", "keys", "web")).out)
        untrusted = await cli.run("send", "web/a", "--connection-string-file", key)
        assert untrusted.code == 3
        assert "certificate is not trusted" in untrusted.err
        ca = (await serve.event("ready"))["ca"]
        trusted = await cli.run("send", "web/a", "--connection-string-file", key, "--ca", ca)
        assert trusted.out == "GET /a 0", trusted.err


# --- secrets and files -----------------------------------------------------------------------------------------------


async def test_lists_of_processes_hold_no_secret(cli: CommandLine):
    """Reliability reference P2: command lines, and the environment that children get."""
    async with tcp_target() as target, cli.serving():
        await cli.run("gateway", "relay", "create", "web")
        text = (await cli.run("gateway", "keys", "web")).out.strip()
        key = text.partition("SharedAccessKey=")[2].partition(";")[0]
        async with cli.start(
            "expose", target.address, "--connection-string-file", cli.key_file(text)
        ) as expose:
            await expose.event("listening")
            for process in expose.process.family():
                assert key not in " ".join(process.cmdline())
                assert key not in str(process.environ())
            assert not any(key in line for line in expose.process.lines)


async def test_logs_at_their_most_talkative_hold_no_secret(cli: CommandLine):
    """Reliability reference P1: our own lines, and those of every library."""
    watch = SecretsWatch()
    async with web_target(hello) as address, cli.serving("-vv") as (gateway, url):
        await cli.run("gateway", "relay", "create", "web")
        text = (await cli.run("gateway", "keys", "web")).out.strip()
        watch.add(text.partition("SharedAccessKey=")[2].partition(";")[0])
        watch.add((cli.data / "admin-token").read_text().strip())
        key = cli.key_file(text)
        async with cli.start(
            "expose", address, "--connection-string-file", key, "-vv", "--log-json"
        ) as expose:
            await expose.event("listening")
            sent = await cli.run("send", "web/x", "--connection-string-file", key, "-vv")
            assert sent.out == "GET /x 0"
            token = sign(f"{url}/web", "listen-send", "not the key, but good for its shape", 4_000_000_000)
            async with aiohttp.ClientSession() as session:
                await (await session.get(f"{url}/web", params={"sb-hc-token": token})).read()
            watch.add_token(token)
            await expose.event("request")
        watch.check("expose", expose.process.lines)
        assert any('"logger": "agent"' in line for line in expose.process.lines), "it was talkative"
    watch.check("gateway", gateway.process.lines)
    watch.check("send", sent.err.splitlines())
    assert sent.err


async def test_children_inherit_no_connection_string(cli: CommandLine):
    """One in the environment is the user's own choice; it is not handed on. An empty one is none."""
    async with tcp_target() as target:
        options = {"RELAYDESK_CONNECTION_STRING": ""}
        async with cli.start("expose", target.address, environment=options) as expose:
            gateway = psutil.Process((await expose.event("gateway"))["pid"])
            assert "RELAYDESK_CONNECTION_STRING" not in gateway.environ()
            admin_token = (cli.data / "admin-token").read_text().strip()
            for process in (gateway, psutil.Process(expose.process.pid)):
                assert admin_token not in " ".join(process.cmdline()) + str(process.environ())


async def test_a_connection_string_on_the_command_line_is_warned_of(cli: CommandLine):
    async with web_relay(cli):
        text = (await cli.run("gateway", "keys", "web")).out.strip()
        ran = await cli.run("send", "web/x", "--connection-string", text)
        assert (ran.code, ran.out) == (0, "GET /x 0")
        assert len(ran.err.splitlines()) == 1
        assert ran.err.startswith("warning: ")
        by_environment = await cli.run("send", "web/x", environment={"RELAYDESK_CONNECTION_STRING": text})
        assert (by_environment.out, by_environment.err) == ("GET /x 0", "")


async def test_files_are_private_whatever_the_umask(cli: CommandLine):
    """Reliability reference P3."""
    async with cli.serving("--tls-self-signed", umask=0):
        await cli.run("gateway", "relay", "create", "x", umask=0)
        found = {path: stat.S_IMODE(path.lstat().st_mode) for path in cli.data.rglob("*")}
        assert len(found) > 5
        for path, mode in found.items():
            is_certificate = path.name in ("server.pem", "ca.pem")
            assert mode == (0o700 if path.is_dir() else 0o644 if is_certificate else 0o600), path
        assert stat.S_IMODE(cli.data.stat().st_mode) == 0o700


async def test_a_key_file_that_others_can_read_is_refused(cli: CommandLine):
    path = cli.key_file("Endpoint=sb://h/;SharedAccessKeyName=a;SharedAccessKey=b;EntityPath=c")
    path.chmod(0o644)
    ran = await cli.run("send", "c", "--connection-string-file", path)
    assert ran.code == 2
    assert "chmod 600" in ran.err


# --- demo, help and surroundings -------------------------------------------------------------------------------------


async def test_the_demonstration_checks_itself(cli: CommandLine):
    ran = await cli.run("demo", "--once", "--json")
    assert ran.code == 0, ran.err
    checked = json.loads(ran.out.splitlines()[-1])
    assert (checked["event"], checked["status"]) == ("checked", 200)
    assert checked["via"]


async def test_the_demonstration_shows_a_page_and_what_passes(cli: CommandLine):
    async with cli.start("demo") as demo:
        url = (await demo.event("listening"))["url"]
        status, body, via = await get(url)
        assert (status, bool(via)) == (200, True)
        assert "This page came through a relay." in body
        assert (await demo.event("request"))["path"] == "/demo"
        facts = json.loads((await get(f"{url}/facts"))[1])
        assert facts["headers"]["X-Forwarded-For"] == LOOPBACK
        async with aiohttp.ClientSession() as session, session.get(f"{url}/events") as events:
            # the stream never ends: what has come of it came before its end
            assert (await events.content.readline()).startswith(b'data: {"number": 1,')
        assert await demo.process.stop(signal.SIGINT) == 130


async def test_the_demonstration_exposes_a_service_of_ones_own(cli: CommandLine):
    async with web_target(hello) as address:
        ran = await cli.run("demo", "--port", address.rpartition(":")[2], "--once")
        assert ran.code == 0, ran.err
        assert ran.out.splitlines()[-1].startswith("ok: ")
    broken = await cli.run("demo", "--port", str(free_port()), "--once")
    assert broken.code == 1


async def test_it_works_without_a_terminal_in_the_c_locale(cli: CommandLine):
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TERM": "dumb"}
    for arguments in (
        ["--help"],
        ["expose", "--help"],
        ["--version"],
        ["gateway", "relay", "create", "x"],
    ):
        ran = await cli.run(*arguments, environment=plain)
        assert ran.code == 0, ran.err
        assert ran.out.isascii()
        assert "\x1b" not in ran.out + ran.err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_closed_standard_streams_change_no_exit_code(cli: CommandLine, closed: str):
    async def run(*arguments: str) -> tuple[int | None, bytes]:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", f'exec "$@" {closed}', "sh", PYTHON, "-m", "relaydesk", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "HOME": str(cli.home), "XDG_DATA_HOME": str(cli.home / "data")},
        )
        out, _ = await process.communicate()
        return process.returncode, out

    assert (await run("--version"))[0] == 0
    assert await run("gateway", "keys") == (2, b""), "an error is not the product"
    assert await run("nope") == (2, b"")


async def test_a_reader_that_leaves_ends_it_quietly(cli: CommandLine):
    async with web_relay(cli):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as closed:
            process = await asyncio.create_subprocess_exec(
                *(PYTHON, "-m", "relaydesk", "send", "web/x"),
                stdout=closed,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "XDG_DATA_HOME": str(cli.home / "data")},
            )
            _, errors = await process.communicate()
        assert (process.returncode, errors) == (1, b"")
