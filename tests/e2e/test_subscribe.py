"""What is published, as those who subscribe on a command line get it: lines, or requests to an endpoint of theirs."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.support.command_line import CommandLine
from tests.support.processes import LOOPBACK, PYTHON, ROOT, free_port
from tests.support.targets import web_target
from tests.support.tokens import sas_token
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
async def url(cli: CommandLine) -> AsyncIterator[str]:
    """A gateway with ``news`` for everybody and ``jobs`` for one."""
    async with cli.serving() as (_, url):
        assert (await cli.run("gateway", "relay", "create", "news", "--kind", "event")).code == 0
        assert (await cli.run("gateway", "relay", "create", "jobs", "--kind", "one-way")).code == 0
        yield url


async def _publish(cli: CommandLine, name: str, text: str, *options: str) -> tuple[int, str]:
    ran = await cli.run("send", name, "-d", text, "-H", "Content-Type: text/plain", *options)
    return ran.code, ran.out


@pytest.mark.usefixtures("url")
async def test_messages_are_lines_for_people_and_objects_for_programs(cli: CommandLine):
    async with cli.start("subscribe", "news") as verb:
        assert (await verb.event("subscribed"))["relay"] == "news"
        assert await _publish(cli, "news", "grüße") == (0, '{"delivered": 1, "dropped": 0}')
        message = await verb.event("message")
        assert (message["body"], message["contentType"]) == ("grüße", "text/plain")
        seen = verb.lines
        binary = cli.home / "binary"
        binary.write_bytes(b"\xff\x00")
        assert (await cli.run("send", "news", "-d", f"@{binary}", "-H", "Content-Type: image/x")).code == 0
        assert (await verb.event("message", after=seen))["bodyBase64"] == "/wA="
        assert await verb.process.stop(signal.SIGINT) == 130
        assert json.loads(verb.process.lines[-1]) == {"event": "stopped", "relay": "news"}


async def test_each_message_is_posted_after_the_one_before(cli: CommandLine, url: str):
    taken: list[tuple[str, str, bytes]] = []
    at_once, most_at_once = 0, 0

    async def hook(request: web.Request) -> web.Response:
        nonlocal at_once, most_at_once
        at_once += 1
        most_at_once = max(at_once, most_at_once)
        body = await request.read()
        await asyncio.sleep(0.01)  # room for the next one to overtake, if it could
        taken.append((request.path_qs, request.headers.get("Content-Type", ""), body))
        at_once -= 1
        return web.Response(status=500 if body == b"bad" else 204)

    key = cli.key_file((await cli.run("gateway", "keys", "news", "--rights", "listen")).out)
    async with (
        web_target(hook) as address,
        cli.start(
            "subscribe", "news", "--connection-string-file", key, "--to", f"http://{address}/hook?a=b"
        ) as verb,
    ):
        await verb.event("subscribed")
        for body in ("1", "bad", "2"):
            assert (await _publish(cli, "news", body))[0] == 0
        refused = await verb.event("refused")
        assert refused["error"].endswith("answered 500 Internal Server Error")
        await until(lambda: len(taken) == 3, "all were posted")
    assert taken == [("/hook?a=b", "text/plain", body) for body in (b"1", b"bad", b"2")]
    assert most_at_once == 1
    assert url


@pytest.mark.usefixtures("url")
async def test_an_endpoint_that_is_away_loses_messages_and_says_so(cli: CommandLine):
    async with cli.start("subscribe", "jobs", "--to", f"http://{LOOPBACK}:{free_port()}/") as verb:
        await verb.event("subscribed")
        assert (await _publish(cli, "jobs", "x"))[0] == 0
        assert "connection refused" in (await verb.event("refused"))["error"]


async def test_a_subscriber_comes_back_to_a_gateway_that_comes_back(cli: CommandLine):
    port = free_port()
    bind = ("--bind", f"{LOOPBACK}:{port}")
    assert (await cli.run("gateway", "relay", "create", "news", "--kind", "event")).code == 0
    key = await cli.run(
        "gateway", "keys", "news", "--rights", "listen", "--public-url", f"http://{LOOPBACK}:{port}"
    )
    async with cli.start("subscribe", "news", "--connection-string-file", cli.key_file(key.out)) as verb:
        await verb.event("retrying")
        for _ in range(2):
            seen = verb.lines
            async with cli.serving(*bind) as (gateway, _):
                await verb.event("subscribed", after=seen)
                assert (await _publish(cli, "news", "x"))[0] == 0
                await verb.event("message", after=seen)
                await gateway.process.kill()


@pytest.mark.usefixtures("url")
async def test_what_comes_faster_than_it_is_taken_is_lost_and_counted(cli: CommandLine):
    """And the connection stays: one that is not read would be taken for dead."""
    may_go_on = asyncio.Event()
    taken: list[bytes] = []

    async def hook(request: web.Request) -> web.Response:
        taken.append(await request.read())
        await may_go_on.wait()
        return web.Response(status=204)

    async with (
        web_target(hook) as address,
        cli.start("subscribe", "news", "--to", f"http://{address}/hook") as verb,
    ):
        await verb.event("subscribed")
        assert (await cli.run("send", "news", "-d", "first", "-H", "Content-Type: text/plain")).code == 0
        await until(lambda: taken, "the first is being taken")
        keys = (await cli.run("gateway", "keys", "news", "--rights", "send")).out
        parts = dict(part.split("=", 1) for part in keys.strip().rstrip(";").split(";"))
        host = parts["Endpoint"].removeprefix("sb://").rstrip("/")
        token = sas_token(f"http://{host}/news", parts["SharedAccessKeyName"], parts["SharedAccessKey"])
        async with aiohttp.ClientSession(headers={"ServiceBusAuthorization": token}) as session:
            for _ in range(300):
                async with session.post(f"http://{host}/news", data=b"x") as answer:
                    assert answer.status == 200
        assert (await verb.event("missed"))["count"] == 300 - 256
        may_go_on.set()
        await until(lambda: len(taken) == 257, "those that waited are taken", within_s=30)


@pytest.mark.usefixtures("url")
async def test_a_reader_that_leaves_ends_it_quietly(cli: CommandLine):
    process = await asyncio.create_subprocess_exec(
        *(PYTHON, "-m", "relaydesk", "subscribe", "news"),
        env=cli.environment,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"subscribed to news" in await process.stderr.readline()
    assert (await _publish(cli, "news", "one"))[0] == 0
    assert await process.stdout.readline() == b"one\n"
    process.stdout._transport.close()  # type: ignore[attr-defined]
    for _ in range(2):
        await cli.run("send", "news", "-d", "more")
    assert (await process.stderr.read()).decode() == ""
    assert await process.wait() == 1


@pytest.mark.usefixtures("url")
async def test_what_cannot_be_heard_is_said(cli: CommandLine):
    assert (await cli.run("gateway", "relay", "create", "web")).code == 0
    ran = await cli.run("subscribe", "web", "--no-retry")
    assert ran.code == 4
    assert "of the kind 'stream': come with the action listen" in ran.err
    key = cli.key_file((await cli.run("gateway", "keys", "news", "--rights", "send")).out)
    ran = await cli.run("subscribe", "news", "--no-retry", "--connection-string-file", key)
    assert (ran.code, ran.out) == (4, "")
    assert "lack the right" in ran.err
    ran = await cli.run("expose", "1", "--relay", "news", "--no-retry")
    assert ran.code == 4
    assert "of the kind 'event': come with the action subscribe" in ran.err
    for to, says in (("localhost:80", "is no URL to post to"), ("http://a:b@localhost/", "a password")):
        ran = await cli.run("subscribe", "news", "--to", to)
        assert ran.code == 2
        assert says in ran.err
    for name, says in (("news?x=1", "has no query"), ("nope", "there is no hybrid connection 'nope'")):
        assert says in (await cli.run("subscribe", name)).err
    ran = await cli.run("send", "news", "-d", "x")
    assert ran.code == 4
    assert "There are no listeners connected" in ran.err
