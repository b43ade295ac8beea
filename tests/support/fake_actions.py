"""A desktop that only remembers what it was asked for."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path

from agent.checks import Check
from agent.config import Direction
from relaydesk.actions import ActionError, ExposeRequest, Offer, Reach, Shared
from relaydesk.preferences import DEFAULT_LIFETIME_S, Preferences
from relaydesk.snapshot import KeystoreState, Problem, Service, ServiceState, Snapshot


def a_service(name: str, **members: object) -> Service:
    """A service that is shared and online."""
    service = Service(
        name=name,
        direction=Direction.LISTEN,
        local="127.0.0.1:3000",
        state=ServiceState.ONLINE,
        since=1.0,
        gateway="home",
        path=name,
        url=f"https://relay.example/{name}/",
        is_web=True,
    )
    return dataclasses.replace(service, **members)  # type: ignore[arg-type]  # a test's business


class FakeActions:
    """Does nothing, in the order in which it is asked to; implements ``relaydesk.actions.Actions``.

    Attributes:
        services: What the snapshot shows.
        done: Each action that was asked for and its arguments.
        problem: What every action fails with; None: they work.
        error: What every action raises besides, as a bug would.
        checks: What a check gives.
        gate: What actions wait for before they end; None: nothing.
    """

    def __init__(self, *names: str) -> None:
        self.services = tuple(a_service(name) for name in names)
        self.done: list[tuple[object, ...]] = []
        self.problem: Problem | None = None
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.kept = Preferences()
        self.checks: tuple[Check, ...] = ()

    def snapshot(self) -> Snapshot:
        return Snapshot(at=2.0, services=self.services)

    async def _do(self, *what: object) -> None:
        self.done.append(what)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        if self.problem is not None:
            raise ActionError(self.problem)

    async def expose(self, request: ExposeRequest) -> Shared:
        await self._do("expose", request)
        return _shared(request.name or "it")

    async def stop(self, service: str) -> None:
        await self._do("stop", service)

    async def undo_stop(self) -> None:
        await self._do("undo_stop")

    async def pause(self, service: str) -> None:
        await self._do("pause", service)

    async def resume(self, service: str, lifetime_s: float | None = DEFAULT_LIFETIME_S) -> None:
        await self._do("resume", service)

    async def pause_all(self) -> None:
        await self._do("pause_all")

    async def resume_all(self) -> None:
        await self._do("resume_all")

    async def link(self, service: str) -> Shared:
        await self._do("link", service)
        return _shared(service)

    async def invite(self, service: str, name: str, lifetime_s: float) -> Shared:
        await self._do("invite", service, name, lifetime_s)
        return _shared(service)

    async def withdraw(self, service: str, invitation: str) -> None:
        await self._do("withdraw", service, invitation)

    def examine(self, text: str) -> Offer:
        self.done.append(("examine", text))
        return Offer(
            service="it",
            gateway="relay.example:443",
            is_secure=True,
            path="it",
            is_invitation=True,
            is_web=True,
            rights=("Send",),
            expires_at=None,
            suggested_port=3000,
            text=text,
        )

    async def connect(self, offer: Offer, port: int) -> Service:
        await self._do("connect", offer, port)
        return a_service(offer.service, direction=Direction.CONNECT, local=f"127.0.0.1:{port}")

    async def cut(self, connection: int) -> None:
        await self._do("cut", connection)

    async def retry_now(self, service: str | None = None) -> None:
        await self._do("retry_now", service)

    async def add_gateway(self, connection_string: str, name: str | None = None) -> str:
        await self._do("add_gateway", connection_string, name)
        return name or "gateway"

    async def check(self, what: Offer | str, tell: Callable[[Check], object]) -> None:
        await self._do("check", what)
        for one in self.checks:
            tell(one)

    async def remove_gateway(self, name: str) -> None:
        await self._do("remove_gateway", name)

    async def gateway_connection_string(self, name: str) -> str:
        await self._do("gateway_connection_string", name)
        return f"Endpoint=sb://{name}.example/"

    async def start_bundled(self, reach: Reach) -> None:
        await self._do("start_bundled", reach)

    async def stop_bundled(self) -> None:
        await self._do("stop_bundled")

    async def unlock_keystore(self, passphrase: str | None = None) -> KeystoreState:
        await self._do("unlock_keystore", passphrase)
        return KeystoreState.SYSTEM

    async def choose_keystore(self, state: KeystoreState, passphrase: str | None = None) -> None:
        await self._do("choose_keystore", state, passphrase)

    def preferences(self) -> Preferences:
        return self.kept

    async def set_preferences(self, preferences: Preferences) -> None:
        await self._do("set_preferences", preferences)
        self.kept = preferences

    async def save_log(self, path: Path) -> None:
        await self._do("save_log", path)


def _shared(service: str) -> Shared:
    return Shared(
        service=service,
        link=f"https://relay.example/{service}/?relaydesk-invitation=secret",
        shown_link=f"https://relay.example/{service}/",
    )
