"""When it looks, what it tells, what it fetches: with a channel that is a fake, and with a server of its own over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from agent.config import NetworkConfig
from agent.network import Network
from relaydesk import __version__
from relaydesk.build_facts import BuildFacts
from relaydesk.updates import channel as channel_module
from relaydesk.updates.channel import Channel
from relaydesk.updates.manifest import UpdateError
from relaydesk.updates.watch import DAY_S, FIRST_S, HOUR_S, MACHINE, WEEK_S, News, Stage, UpdateWatch
from tests.support.clocks import SteppedClock
from tests.support.waiting import until

from .test_manifest import NOW, PUBLIC, changed, sign

PACKAGE = b"the new version\n" * 5_000
LOOK_WARNING = pytest.mark.expect_log_warnings("looking for a new version")


class FakeChannel(Channel):
    """Gives a list, or fails."""

    def __init__(self) -> None:
        super().__init__(lambda: Network(NetworkConfig()))
        self.content = changed(version="9.0.0")
        self.looks = 0
        self.error = ""

    async def fetch_list(self, url: str) -> tuple[bytes, bytes]:
        self.looks += 1
        if self.error:
            raise UpdateError(self.error)
        return self.content, sign(self.content)


def facts(package: str = "portable", url: str = "https://releases.example.org/versions.json") -> BuildFacts:
    return BuildFacts(__version__, package, update_url=url, update_key=PUBLIC)


def make(
    folder: Path,
    channel: Channel,
    *,
    clock: SteppedClock | None = None,
    of: BuildFacts | None = None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> UpdateWatch:
    return UpdateWatch(
        of or facts(),
        channel,
        clock or SteppedClock(NOW.timestamp()),
        state=folder / "updates.json",
        downloads=lambda: folder / "downloads",
        is_wanted=is_wanted,
        spread=lambda: 0.0,
    )


@contextlib.asynccontextmanager
async def running(watch: UpdateWatch) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.run())
        try:
            yield
        finally:
            task.cancel()


# --- when ---------------------------------------------------------------------------------------------------------------


async def test_it_looks_some_minutes_after_the_start_and_then_once_a_week(tmp_path: Path):
    channel, clock = FakeChannel(), SteppedClock(NOW.timestamp())
    watch = make(tmp_path, channel, clock=clock)
    found: list[str] = []
    watch.on_found = found.append
    async with running(watch):
        assert await clock.next_wait() == FIRST_S
        assert channel.looks == 0
        clock.advance(FIRST_S)
        assert await clock.next_wait() == HOUR_S  # and looks at the calendar again
        assert watch._left_s() == pytest.approx(WEEK_S)
        assert (channel.looks, found) == (1, ["9.0.0"])
        clock.advance(WEEK_S)
        await clock.next_wait()
        assert (channel.looks, found) == (2, ["9.0.0"])  # once for each version
    # another start, a day later: it was looked at, and was told
    clock = SteppedClock(NOW.timestamp() + WEEK_S + DAY_S)
    watch = make(tmp_path, channel, clock=clock)
    watch.on_found = found.append
    async with running(watch):
        await clock.next_wait()
        clock.advance(FIRST_S)
        assert await clock.next_wait() == HOUR_S
        assert (channel.looks, found) == (2, ["9.0.0"])
        # what was found is still known, and can be fetched
        assert (watch.news.version, watch.news.looked_at) == ("9.0.0", NOW.timestamp() + FIRST_S + WEEK_S)


async def test_it_never_looks_where_nobody_wants_it_and_at_once_when_somebody_does(tmp_path: Path):
    channel, clock, wanted = FakeChannel(), SteppedClock(NOW.timestamp()), [False]
    watch = make(tmp_path, channel, clock=clock, is_wanted=lambda: wanted[0])
    async with running(watch):
        await clock.next_wait()
        clock.advance(FIRST_S)
        assert await clock.next_wait() is None
        assert channel.looks == 0
        wanted[0] = True
        watch.preference_changed()
        assert await clock.next_wait() is not None
        assert channel.looks == 1


async def test_a_week_is_a_week_also_for_a_computer_that_sleeps(tmp_path: Path):
    channel, clock = FakeChannel(), SteppedClock(NOW.timestamp())
    async with running(make(tmp_path, channel, clock=clock)):
        await clock.next_wait()
        clock.advance(FIRST_S)
        await clock.next_wait()
        clock.sleep(30 * DAY_S)
        clock.advance(HOUR_S)
        await clock.next_wait()
        assert channel.looks == 2


async def test_it_remembers_where_no_folder_was_yet(tmp_path: Path):
    await make(tmp_path / "state", FakeChannel()).look()
    assert (tmp_path / "state" / "updates.json").stat().st_mode & 0o077 == 0


@LOOK_WARNING
async def test_a_look_that_failed_is_made_again_the_next_day_and_told_nobody(tmp_path: Path):
    channel, clock = FakeChannel(), SteppedClock(NOW.timestamp())
    channel.error = "the network is gone"
    watch = make(tmp_path, channel, clock=clock)
    found: list[str] = []
    watch.on_found = found.append
    async with running(watch):
        await clock.next_wait()
        clock.advance(FIRST_S)
        assert await clock.next_wait() == HOUR_S
        assert watch._left_s() == pytest.approx(DAY_S)
    assert (found, watch.news.problem) == ([], "the network is gone")


async def test_a_copy_that_knows_no_place_looks_nowhere(tmp_path: Path):
    channel, clock = FakeChannel(), SteppedClock(NOW.timestamp())
    watch = make(tmp_path, channel, clock=clock, of=BuildFacts(__version__, "checkout"))
    async with running(watch):
        await clock.next_wait()
        clock.advance(FIRST_S)
        assert await clock.next_wait() is None
    assert (watch.can_look, channel.looks) == (False, 0)


@LOOK_WARNING
async def test_an_older_list_is_refused_after_another_start(tmp_path: Path):
    channel = FakeChannel()
    channel.content = changed(version="9.0.0", released="2026-11-25T00:00:00Z")
    first = make(tmp_path, channel)
    await first.look()
    assert first.news.version == "9.0.0"
    second = make(tmp_path, channel)
    second._recall()
    channel.content = changed(version="8.0.0", released="2026-11-24T00:00:00Z")
    await second.look()
    assert "older than one" in second.news.problem


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"next_at": "soon"}',
        '{"next_at": 1e30, "told": "", "newest_seen": null}',
        '{"next_at": NaN, "told": "", "newest_seen": null}',
        '{"next_at": 1' + "0" * 400 + ', "told": "", "newest_seen": null}',
        '{"next_at": 1.0, "told": "", "newest_seen": null, "list": "e30=", "signature": 3}',
        '{"next_at": 1.0, "told": "", "newest_seen": null, "list": "e30=", "signature": "AAAA"}',
    ],
)
async def test_a_damaged_memory_is_none(tmp_path: Path, content: str):
    file = tmp_path / "updates.json"
    file.write_text(content, encoding="utf-8")
    file.chmod(0o600)
    channel, clock = FakeChannel(), SteppedClock(NOW.timestamp())
    async with running(make(tmp_path, channel, clock=clock)):
        await clock.next_wait()
        clock.advance(FIRST_S)
        waited = await clock.next_wait()
        assert waited is not None
        assert waited <= WEEK_S * 1.2


# --- what ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "offered"), [("portable", True), ("deb", False), ("msi", False), ("setup", False)]
)
async def test_only_a_copy_that_nobody_else_looks_after_is_offered_a_file(
    tmp_path: Path, package: str, offered: bool
):
    channel = FakeChannel()
    file = {"machine": MACHINE, "url": "https://releases.example.org/x", "sha256": "0" * 64, "bytes": 5}
    channel.content = changed(
        version="9.0.0", files=[{**file, "package": one} for one in ("portable", "deb", "msi")]
    )
    watch = make(tmp_path, channel, of=facts(package))
    await watch.look()
    assert watch.news.version == "9.0.0"
    assert (watch.news.package is not None) is offered


async def test_what_is_not_newer_is_no_news(tmp_path: Path):
    channel = FakeChannel()
    channel.content = changed(version=__version__)
    watch = make(tmp_path, channel)
    await watch.look()
    assert watch.news == News(Stage.RESTING, NOW.timestamp())


# --- over the network ---------------------------------------------------------------------------------------------------


class Server:
    """Announces versions, over TLS; what it does wrong is up to the test."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str]] = []
        self.told: set[str] = set()
        self.package = PACKAGE
        self.gate = asyncio.Event()
        self.gate.set()
        self.begin = asyncio.Event()
        self.begin.set()
        self.redirect = ""
        self.list: bytes | None = None

    def content(self) -> bytes:
        file = {
            "package": "portable",
            "machine": MACHINE,
            "url": f"{self.url}/relaydesk-9.0.0.tar.gz",
            "sha256": hashlib.sha256(PACKAGE).hexdigest(),
            "bytes": len(PACKAGE),
        }
        return self.list if self.list is not None else changed(version="9.0.0", files=[file])

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers.get("User-Agent", "")))
        self.told |= set(request.headers)
        await self.begin.wait()
        if self.redirect:
            return web.Response(status=302, headers={"Location": self.redirect})
        match request.path:
            case "/versions.json":
                return web.Response(body=self.content())
            case "/versions.json.sig":
                return web.Response(body=sign(self.content()))
            case "/relaydesk-9.0.0.tar.gz":
                response = web.StreamResponse()
                await response.prepare(request)
                half = len(self.package) // 2
                with contextlib.suppress(ConnectionError):
                    await response.write(self.package[:half])
                    await self.gate.wait()
                    await response.write(self.package[half:])
                return response
        raise web.HTTPNotFound


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Server, Channel]]:
    """A server, and a channel that trusts it."""
    made, authority = Server(), trustme.CA()
    app = web.Application()
    app.router.add_get("/{anything:.*}", made.answer)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=theirs)
    await site.start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}"

    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(roots)

    try:
        yield made, Channel(lambda: Network(NetworkConfig(ca_file=roots)))
    finally:
        made.gate.set()
        made.begin.set()
        await runner.cleanup()


async def look(server: tuple[Server, Channel], folder: Path) -> UpdateWatch:
    watch = make(folder, server[1], of=facts(url=f"{server[0].url}/versions.json"))
    await watch.look()
    return watch


async def test_a_version_is_found_and_its_file_fetched_on_request_alone(
    server: tuple[Server, Channel], tmp_path: Path
):
    watch = await look(server, tmp_path)
    assert (watch.news.version, watch.news.problem) == ("9.0.0", "")
    assert server[0].asked == [
        ("/versions.json", f"RelayDesk/{__version__}"),
        ("/versions.json.sig", f"RelayDesk/{__version__}"),
    ]
    assert not (tmp_path / "downloads").exists()
    async with running(watch):
        await until(lambda: watch._tasks is not None)
        watch.start_download()
        watch.start_download()  # twice is once
        await until(lambda: watch.news.file is not None, "the file")
    file = tmp_path / "downloads" / "relaydesk-9.0.0.tar.gz"
    assert (watch.news.file, file.read_bytes()) == (file, PACKAGE)
    assert list(file.parent.iterdir()) == [file]
    assert [path for path, _ in server[0].asked].count("/relaydesk-9.0.0.tar.gz") == 1


async def test_nothing_of_the_user_is_sent(
    server: tuple[Server, Channel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """aiohttp, told to trust the environment, sends what ~/.netrc has for the host."""
    passwords = tmp_path / "netrc"
    passwords.write_text("machine 127.0.0.1 login ann password secret\n", encoding="utf-8")
    passwords.chmod(0o600)
    monkeypatch.setenv("NETRC", str(passwords))
    await look(server, tmp_path)
    assert server[0].told <= {"Host", "User-Agent", "Accept", "Accept-Encoding"}


@LOOK_WARNING
async def test_the_proxy_of_the_settings_is_used_and_one_that_cannot_be_is_named(tmp_path: Path):
    network = Network(NetworkConfig(proxy="socks5h://127.0.0.1:1"))
    watch = make(tmp_path, Channel(lambda: network))
    await watch.look()
    assert "not a SOCKS one" in watch.news.problem
    network = Network(NetworkConfig(proxy="http://127.0.0.1:1"))
    await watch.look()
    assert "127.0.0.1" in watch.news.problem  # nobody listens there


@pytest.mark.allow_log_warnings("looking for a new version")
async def test_what_a_server_says_does_not_end_the_watching(server: tuple[Server, Channel], tmp_path: Path):
    server[0].redirect = "https://["
    clock = SteppedClock(NOW.timestamp())
    watch = make(tmp_path, server[1], clock=clock, of=facts(url=f"{server[0].url}/versions.json"))
    async with running(watch):
        await clock.next_wait()
        clock.advance(FIRST_S)
        assert await clock.next_wait() is not None


async def test_a_file_that_was_there_stays(server: tuple[Server, Channel], tmp_path: Path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "relaydesk-9.0.0.tar.gz").write_bytes(b"mine")
    watch = await look(server, tmp_path)
    async with running(watch):
        await until(lambda: watch._tasks is not None)
        watch.start_download()
        await until(lambda: watch.news.file is not None, "the file")
    assert (folder / "relaydesk-9.0.0.tar.gz").read_bytes() == b"mine"
    assert (folder / "2-relaydesk-9.0.0.tar.gz").read_bytes() == PACKAGE


@pytest.mark.expect_log_warnings("fetching relaydesk-9.0.0.tar.gz")
@pytest.mark.parametrize(
    ("package", "cause"),
    [
        (PACKAGE[:-1], "not what was signed"),
        (PACKAGE[:-1] + b"!", "not what was signed"),
        (PACKAGE + b"!", "more came than was announced"),
    ],
)
async def test_a_file_that_is_not_what_was_signed_is_thrown_away(
    server: tuple[Server, Channel], tmp_path: Path, package: bytes, cause: str
):
    server[0].package = package
    watch = await look(server, tmp_path)
    async with running(watch):
        await until(lambda: watch._tasks is not None)
        watch.start_download()
        await until(lambda: watch.news.problem, "the problem")
    assert cause in watch.news.problem
    assert list((tmp_path / "downloads").iterdir()) == []


async def test_a_download_that_is_cancelled_leaves_nothing(server: tuple[Server, Channel], tmp_path: Path):
    server[0].gate.clear()
    watch = await look(server, tmp_path)
    async with running(watch):
        await until(lambda: watch._tasks is not None)
        watch.start_download()
        await until(lambda: watch.news.done_bytes > 0, "some of it")
        assert list((tmp_path / "downloads").iterdir())
        watch.cancel_download()
        await until(lambda: watch.news.stage is Stage.RESTING, "the end")
        assert list((tmp_path / "downloads").iterdir()) == []
        assert watch.news.package is not None  # and it can be fetched again


@LOOK_WARNING
@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"redirect": "http://127.0.0.1:1/versions.json"}, "over HTTPS alone"),
        ({"redirect": "/again"}, "redirects do not end"),
        ({"redirect": "https://["}, "redirects to what is no address"),
        ({"redirect": "https://127.0.0.1:99999/"}, "redirects to what is no address"),
        ({"list": b"x" * 70_000}, "too long"),
        ({"list": json.dumps({"version": "9.0.0"}).encode()}, "cannot be read"),
    ],
)
async def test_an_answer_that_is_no_list_is_refused(
    server: tuple[Server, Channel], tmp_path: Path, wrong: dict[str, object], cause: str
):
    for name, value in wrong.items():
        setattr(server[0], name, value)
    watch = await look(server, tmp_path)
    assert cause in watch.news.problem
    assert watch.news.version == ""


@LOOK_WARNING
async def test_a_server_that_is_not_trusted_is_not_asked(server: tuple[Server, Channel], tmp_path: Path):
    watch = await look((server[0], Channel(lambda: Network(NetworkConfig()))), tmp_path)
    assert "cannot be reached" in watch.news.problem
    assert server[0].asked == []


@LOOK_WARNING
async def test_a_server_that_never_answers_is_given_up(
    server: tuple[Server, Channel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(channel_module, "LIST_S", 0.3)
    server[0].begin.clear()
    watch = await look(server, tmp_path)
    assert "no answer within" in watch.news.problem
