"""A bridge without a desktop behind it: it keeps what was asked for, and shows what a test gives it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from agent.config import Direction
from relaydesk.actions import ActionError, ExposeRequest, Offer, Preferences, Reach, Shared
from relaydesk.snapshot import KeystoreState, LogLine, Problem, Service, ServiceState, Snapshot, Trouble

CONNECTION_STRING = "Endpoint=sb://gw.example/;SharedAccessKeyName=desk;SharedAccessKey=bm90IGEgcmVhbCBrZXk="


class FakeActions:
    """Does nothing, and remembers it.

    ``asked`` has every action with its arguments, in order. An action named in ``refused`` fails with that problem.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.current = snapshot
        self.asked: list[tuple[Any, ...]] = []
        self.refused: dict[str, Problem] = {}
        self.chosen = Preferences()

    def _note(self, name: str, *arguments: object) -> None:
        self.asked.append((name, *arguments))
        if name in self.refused:
            raise ActionError(self.refused[name])

    def snapshot(self) -> Snapshot:
        return self.current

    async def expose(self, request: ExposeRequest) -> Shared:
        self._note("expose", request)
        return _shared(request.name or request.target)

    async def stop(self, service: str) -> None:
        self._note("stop", service)

    async def undo_stop(self) -> None:
        self._note("undo_stop")

    async def pause(self, service: str) -> None:
        self._note("pause", service)

    async def resume(self, service: str, lifetime_s: float | None = 0.0) -> None:
        self._note("resume", service, lifetime_s)

    async def pause_all(self) -> None:
        self._note("pause_all")

    async def resume_all(self) -> None:
        self._note("resume_all")

    async def link(self, service: str) -> Shared:
        self._note("link", service)
        return _shared(service)

    async def invite(self, service: str, name: str, lifetime_s: float) -> Shared:
        self._note("invite", service, name, lifetime_s)
        return _shared(service)

    async def withdraw(self, service: str, invitation: str) -> None:
        self._note("withdraw", service, invitation)

    def examine(self, text: str) -> Offer:
        self._note("examine", text)
        if "Endpoint=" not in text:
            raise ActionError(Problem(trouble=Trouble.INVITATION, cause="it holds no Endpoint"))
        return Offer(
            service="orders",
            gateway="gw.example:443",
            is_secure=True,
            path="",
            is_invitation=False,
            is_web=False,
            rights=("Listen", "Send"),
            expires_at=None,
            suggested_port=5432,
            text=text,
        )

    async def connect(self, offer: Offer, port: int) -> Service:
        self._note("connect", offer, port)
        return Service(
            name=offer.service,
            direction=Direction.CONNECT,
            local=f"127.0.0.1:{port}",
            state=ServiceState.ONLINE,
            since=0.0,
            gateway=offer.gateway,
            path=offer.path,
            url="",
            is_web=offer.is_web,
        )

    async def cut(self, connection: int) -> None:
        self._note("cut", connection)

    async def retry_now(self, service: str | None = None) -> None:
        self._note("retry_now", service)

    async def add_gateway(self, connection_string: str, name: str | None = None) -> str:
        self._note("add_gateway", connection_string, name)
        return name or "gw.example"

    async def remove_gateway(self, name: str) -> None:
        self._note("remove_gateway", name)

    async def gateway_connection_string(self, name: str) -> str:
        self._note("gateway_connection_string", name)
        return CONNECTION_STRING

    async def start_bundled(self, reach: Reach) -> None:
        self._note("start_bundled", reach)

    async def stop_bundled(self) -> None:
        self._note("stop_bundled")

    async def unlock_keystore(self, passphrase: str | None = None) -> KeystoreState:
        self._note("unlock_keystore", passphrase)
        return KeystoreState.SEALED_FILE if passphrase == "right" else self.current.keystore

    async def choose_keystore(self, state: KeystoreState, passphrase: str | None = None) -> None:
        self._note("choose_keystore", state, passphrase)

    def preferences(self) -> Preferences:
        return self.chosen

    async def set_preferences(self, preferences: Preferences) -> None:
        self._note("set_preferences", preferences)
        self.chosen = preferences

    async def save_log(self, path: Path) -> None:
        self._note("save_log", path)


def _shared(service: str) -> Shared:
    link = f"https://gw.example/{service}?relaydesk-invitation=0123456789abcdef"
    return Shared(
        service=service, link=link, shown_link=f"https://gw.example/{service}?relaydesk-invitation=…"
    )


class FakeBridge(QObject):
    """What views get in tests. Actions run to their end at once; while ``is_held``, only when ``release`` is called."""

    snapshot_changed = Signal(object)
    log_lines = Signal(object)

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        super().__init__()
        self.actions = FakeActions(snapshot or Snapshot(at=0.0))
        self.is_held = False
        self._held: list[Callable[[], None]] = []

    @property
    def asked(self) -> list[tuple[Any, ...]]:
        """What was asked for, in order."""
        return self.actions.asked

    def do(
        self,
        action: Coroutine[Any, Any, Any],
        *,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Problem], None] | None = None,
    ) -> None:
        self._held.append(lambda: _run(action, done, failed))
        if not self.is_held:
            self.release()

    def release(self) -> None:
        """Let what was asked for happen."""
        held, self._held = self._held, []
        for run in held:
            run()

    def feed(self, snapshot: Snapshot) -> None:
        """Show another state."""
        self.actions.current = snapshot
        self.snapshot_changed.emit(snapshot)

    def log(self, *lines: LogLine) -> None:
        """Write to the log."""
        self.log_lines.emit(lines)


def _run(
    action: Coroutine[Any, Any, Any],
    done: Callable[[Any], None] | None,
    failed: Callable[[Problem], None] | None,
) -> None:
    try:
        action.send(None)
    except StopIteration as end:
        if done is not None:
            done(end.value)
    except ActionError as error:
        if failed is not None:
            failed(error.problem)
    else:
        raise AssertionError("a fake action waits for nothing")


class FakeMemory:
    """Remembers in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def recall(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def keep(self, name: str, state: bytes) -> None:
        self.kept[name] = state
