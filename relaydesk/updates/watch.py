"""Looking for new versions: once a week where it is wanted, and when somebody says so. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import enum
import json
import logging
import math
import platform
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from agent.clock import Clock

from ..build_facts import BuildFacts
from ..private_files import PrivateFileError, ensure_private_folder, read_private, write_private
from .channel import Channel
from .manifest import Manifest, Package, UpdateError, read_manifest

log = logging.getLogger(__name__)

#: As the list of versions has it.
MACHINE: Final = f"{sys.platform}-{platform.machine().lower()}"

#: A start has other things to do.
FIRST_S: Final = 300.0
WEEK_S: Final = 7 * 86_400.0
#: After a look that failed.
DAY_S: Final = 86_400.0
#: How long it waits at a time: a clock of waiting stands still while the computer sleeps, and the calendar does not.
HOUR_S: Final = 3_600.0
#: By how much of the time looks are spread, so that not all come at once.
_SPREAD: Final = 0.1


class Stage(enum.Enum):
    """What is going on."""

    RESTING = enum.auto()
    LOOKING = enum.auto()
    DOWNLOADING = enum.auto()


@dataclass(frozen=True, slots=True)
class News:
    """What is known.

    Attributes:
        stage: What is going on.
        looked_at: When the list was last seen, POSIX seconds.
        version: The newer version; empty: there is none, or none is known.
        notes: Where it is described.
        package: Its file for this copy; None where somebody else brings it, or there is none.
        done_bytes: How much of it is there, while it is fetched.
        file: Where it is, once it is there.
        problem: Why the last look, or the download, failed.
    """

    stage: Stage = Stage.RESTING
    looked_at: float | None = None
    version: str = ""
    notes: str = ""
    package: Package | None = None
    done_bytes: int = 0
    file: Path | None = None
    problem: str = ""


class UpdateWatch:
    """Keeps up with new versions.

    Args:
        facts: What this copy is, where it looks, whom it believes.
        channel: The way there.
        clock: The time.
        state: A file to remember in when it last looked.
        downloads: Where packages go.
        is_wanted: Whether to look by itself.
        spread: Gives a number between 0 and 1 by chance.
    """

    def __init__(
        self,
        facts: BuildFacts,
        channel: Channel,
        clock: Clock,
        *,
        state: Path,
        downloads: Callable[[], Path],
        is_wanted: Callable[[], bool],
        spread: Callable[[], float] = random.random,
    ) -> None:
        self.facts = facts
        self.news = News()
        self.on_change: Callable[[News], object] = lambda _: None
        self.on_found: Callable[[str], object] = lambda _: None
        """Called with a newer version, once for each, where it was found without being asked for."""
        self._channel = channel
        self._clock = clock
        self._state = state
        self._downloads = downloads
        self._is_wanted = is_wanted
        self._spread = spread
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._fetching: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._newest_seen: dt.datetime | None = None
        self._told = ""
        self._next_at: float | None = None
        self._signed: tuple[bytes, bytes] | None = None

    @property
    def can_look(self) -> bool:
        """Whether this copy knows where versions are announced, and whom to believe."""
        return bool(self.facts.update_url and self.facts.update_key)

    def preference_changed(self) -> None:
        """Say that it may be wanted now, or no more."""
        self._wake.set()

    async def run(self) -> None:
        """Look once a week, until cancelled."""
        self._recall()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await self._clock.wait(FIRST_S)
                while True:
                    self._wake.clear()
                    if not (self.can_look and self._is_wanted()):
                        await self._clock.wait(None, self._wake)
                        continue
                    left_s = self._left_s()
                    if left_s > 0:
                        await self._clock.wait(min(left_s, HOUR_S), self._wake)
                        continue
                    await self.look()
                    if self.news.version and self.news.version != self._told:
                        self._told = self.news.version
                        self._keep()
                        self.on_found(self.news.version)
            finally:
                self._tasks = None

    def _left_s(self) -> float:
        """How long until the next look."""
        return 0.0 if self._next_at is None else self._next_at - self._clock.now()

    async def look(self) -> None:
        """Look now; ``news`` says what came of it, also where it failed."""
        async with self._turn:
            now = self._clock.now()
            before = self.news
            self._say(replace(before, stage=Stage.LOOKING, done_bytes=0, file=None, problem=""))
            try:
                manifest = await self._fetch(now)
            except UpdateError as error:
                log.warning("looking for a new version: %s", error)
                self._next_at = now + DAY_S * (1 + _SPREAD * self._spread())
                self._keep()
                self._say(replace(self.news, stage=Stage.RESTING, problem=str(error)))
                return
            self._newest_seen = manifest.released
            self._next_at = now + WEEK_S * (1 + _SPREAD * self._spread())
            self._say(self._news_of(manifest, now))
            self._keep()

    async def _fetch(self, now: float) -> Manifest:
        if not self.can_look:
            raise UpdateError("this copy does not know where new versions are announced")
        signed = await self._channel.fetch_list(self.facts.update_url)
        manifest = self._believed(*signed, now)
        self._signed = signed
        return manifest

    def _believed(self, content: bytes, signature: bytes, now: float) -> Manifest:
        return read_manifest(
            content,
            signature,
            self.facts.update_key,
            now=dt.datetime.fromtimestamp(now, dt.UTC),
            newest_seen=self._newest_seen,
        )

    def _news_of(self, manifest: Manifest, looked_at: float) -> News:
        if not manifest.is_newer_than(self.facts.version):
            return News(Stage.RESTING, looked_at)
        managed = self.facts.is_managed
        package = None if managed else manifest.package_for(self.facts.package, MACHINE)
        return News(Stage.RESTING, looked_at, manifest.version, manifest.notes, package)

    def start_download(self) -> None:
        """Begin to fetch the package, because somebody asked for it."""
        if self._tasks is not None and self.news.package is not None and self._fetching is None:
            self._fetching = self._tasks.create_task(self._download(self.news), name="download")

    def cancel_download(self) -> None:
        """Stop fetching it; nothing of it is left."""
        if self._fetching is not None:
            self._fetching.cancel()

    async def _download(self, news: News) -> None:
        package = news.package
        assert package is not None

        def say(stage: Stage, **more: Any) -> None:  # noqa: ANN401 - members of News
            self._say(replace(news, stage=stage, **{"done_bytes": 0, "file": None, "problem": "", **more}))

        try:
            say(Stage.DOWNLOADING)
            file = await self._channel.download(
                package, self._downloads(), lambda count: say(Stage.DOWNLOADING, done_bytes=count)
            )
            say(Stage.RESTING, file=file)
        except UpdateError as error:
            log.warning("fetching %s: %s", package.name, error)
            say(Stage.RESTING, problem=str(error))
        except asyncio.CancelledError:
            say(Stage.RESTING)
            raise
        finally:
            self._fetching = None

    def _say(self, news: News) -> None:
        self.news = news
        self.on_change(news)

    # --- what is remembered: it may be lost

    def _recall(self) -> None:
        try:
            content = read_private(self._state)
            said = json.loads(content) if content is not None else {}
            next_at = float(said["next_at"])
            if not math.isfinite(next_at):
                return
            self._told = str(said["told"])
            seen = said["newest_seen"]
            newest_seen = None if seen is None else dt.datetime.fromisoformat(seen)
            # a clock that was far ahead must not keep it from looking for years
            self._next_at = min(next_at, self._clock.now() + WEEK_S * (1 + _SPREAD))
            if newest_seen is not None and newest_seen.tzinfo is not None:
                self._newest_seen = newest_seen
            if said["list"] is not None:
                # what lies on the disk is believed no more than what comes from the network
                signed = base64.b64decode(said["list"]), said["signature"].encode()
                manifest = self._believed(*signed, self._clock.now())
                self._signed = signed
                self._say(self._news_of(manifest, float(said["looked_at"])))
        except (
            *(PrivateFileError, UpdateError, ValueError, KeyError, TypeError),
            *(AttributeError, OverflowError, RecursionError),
        ):
            return  # it is looked for again

    def _keep(self) -> None:
        seen = None if self._newest_seen is None else self._newest_seen.isoformat()
        content, signature = self._signed or (None, None)
        said = {
            "next_at": self._next_at,
            "told": self._told,
            "newest_seen": seen,
            "looked_at": self.news.looked_at,
            "list": None if content is None else base64.b64encode(content).decode(),
            "signature": None if signature is None else signature.decode("ascii", "replace"),
        }
        try:
            ensure_private_folder(self._state.parent)
            write_private(self._state, json.dumps(said).encode())
        except PrivateFileError as error:
            log.info("when new versions were looked for is not remembered: %s", error)
