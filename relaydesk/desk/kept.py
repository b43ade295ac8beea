"""What is kept in the settings files, and served by the agent: read, watched, and changed in one turn after the other.

A change first makes sure that it can be done, then is written, then served: what fails leaves everything as it was, and a
crash in between leaves settings that are right.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.config import AgentConfig, ConnectionConfig
from agent.errors import ConfigError
from hyco.redaction import one_line

from ..actions import ActionError
from ..settings import DesktopConfig, Settings
from ..settings_file import SettingsError
from ..snapshot import Problem, Trouble
from .engine import Engine
from .failures import fail, told

log = logging.getLogger(__name__)

#: How often the settings files are looked at for changes by hand.
LOOK_S: Final = 2.0


class Kept:
    """The settings that are in effect.

    Args:
        settings: The files.
        engine: The agent that serves them.
        clock: Time.
        on_change: Called whenever there is something else to show.
        authority: The certificate authority of a gateway of our own, for as long as it runs: it is trusted, too.

    Attributes:
        agent: What is shared and brought here.
        desktop: All that the desktop knows besides.
        problem: What is wrong since the start; gone when the files are put right.
        misread: Why the settings that are in the files now are not those that are in effect.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        clock: Clock,
        on_change: Callable[[], object],
        *,
        authority: Callable[[], Path | None],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._on_change = on_change
        self._authority = authority
        self._turn = asyncio.Lock()
        self._has_begun = asyncio.Event()
        self._is_without_ca_file = False
        self.agent = AgentConfig()
        self.desktop = DesktopConfig()
        self.problem: Problem | None = None
        self.misread: Problem | None = None

    # Changes by actions

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[None]:
        """One change after the other, and what goes wrong in the words of an action."""
        await self._has_begun.wait()  # what is clicked in the first moment comes after what was there before
        with told():
            async with self._turn:
                self._take_changes_by_hand()
                if self.misread is not None:
                    raise ActionError(self.misread)  # what somebody is writing there is not written over
                yield

    def change(self, connections: Iterable[ConnectionConfig] | None, desktop: DesktopConfig) -> None:
        """Write what changed, and have the agent do it; within changing().

        Raises:
            ActionError: Somebody has changed the files by hand since changing() began; theirs stays, and is taken soon.
            SettingsError: It cannot be written; nothing has changed.
        """
        if self._settings.have_changed():
            raise fail(Trouble.CONFIG, "the settings were changed by hand in the same moment; do it again")
        agent = self.agent
        if connections is not None:
            agent = dataclasses.replace(agent, connections=tuple(connections))
        if agent != self.agent:
            self._settings.save_agent(agent)
        if desktop != self.desktop:
            try:
                self._settings.save_desktop(desktop)
            except SettingsError:
                if agent != self.agent:
                    with contextlib.suppress(SettingsError):  # the first of them is what is said
                        self._settings.save_agent(self.agent)
                raise
        self._take(agent, desktop)

    # Changes by hand

    def load(self) -> None:
        """Read the settings; files that cannot be read are put aside, and said."""
        try:
            agent, desktop = self._settings.load_agent(), self._settings.load_desktop()
        except SettingsError as error:
            log.warning("%s", error)
            cause = str(error)
            try:
                kept = self._settings.keep_aside()
                agent, desktop = self._settings.load_agent(), self._settings.load_desktop()
                cause += f"; it is kept as {', '.join(path.name for path in kept)}"
            except SettingsError as second:
                log.warning("%s", second)
                agent, desktop = AgentConfig(), DesktopConfig()
            self.problem = self._wrong(cause)
        try:
            self._take(agent, desktop)
        except ConfigError as error:
            # certificates that cannot be read: what needs none of them works all the same
            log.warning("%s", error)
            self.problem = self._wrong(str(error))
            self.agent = agent
            self._is_without_ca_file = True
            self._take(agent, desktop)

    def begin(self) -> None:
        """Let changes begin: what they need runs now."""
        self._has_begun.set()

    async def watch(self) -> None:
        """Take what is changed by hand, until cancelled."""
        while True:
            await self._clock.wait(LOOK_S)
            async with self._turn:
                self._take_changes_by_hand()

    def _take_changes_by_hand(self) -> None:
        """Take what was changed by hand, when it is right; otherwise say what is wrong and go on as before."""
        if not self._settings.have_changed():
            return
        try:
            agent, desktop = self._settings.load_agent(), self._settings.load_desktop()
            self._take(agent, desktop)
        except (SettingsError, ConfigError) as error:
            log.warning("%s; what was there before stays", error)
            self.misread = self._wrong(str(error))
            self._on_change()
            return
        log.info("the settings were changed by hand")
        self.misread = self.problem = None
        self._on_change()

    def _wrong(self, cause: str) -> Problem:
        return Problem(trouble=Trouble.CONFIG, cause=one_line(cause), since=self._clock.now())

    # What is in effect

    def serve(self) -> None:
        """Have the agent serve what there is: as in the settings, with the authority of a gateway of our own trusted.

        Raises:
            ConfigError: It cannot.
        """
        network = self.agent.network
        ca_file = None if self._is_without_ca_file else network.ca_file
        if ca_file is None:
            ca_file = self._authority()
        if ca_file == network.ca_file:
            self._engine.apply(self.agent)
        else:
            network = dataclasses.replace(network, ca_file=ca_file)
            self._engine.apply(dataclasses.replace(self.agent, network=network))

    def _take(self, agent: AgentConfig, desktop: DesktopConfig) -> None:
        """Go on with these settings.

        Raises:
            ConfigError: The agent cannot serve them; what was there before stays.
        """
        before = self.agent, self.desktop
        if agent.network != self.agent.network:
            self._is_without_ca_file = False
        self.agent, self.desktop = agent, desktop
        try:
            self.serve()
        except ConfigError:
            self.agent, self.desktop = before
            raise
        self._on_change()
