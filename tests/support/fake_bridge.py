"""A bridge without a desktop behind it: it keeps what was asked for, and shows what a test gives it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from agent.captured import (
    CapturedExchange,
    EditedRequest,
    ExchangeChanges,
    Message,
    MessagePage,
    Side,
)
from agent.checks import Check
from agent.config import Direction
from agent.curl import command_line
from agent.difference import difference
from agent.errors import AgentError
from agent.exchanges import Capture, Exchanges
from agent.pasted import PastedError
from relaydesk.actions import ActionError, ExposeRequest, Offer, Reach, Shared
from relaydesk.check_report import Examined
from relaydesk.desk.offers import offers
from relaydesk.preferences import Preferences
from relaydesk.snapshot import KeystoreState, LogLine, Problem, Service, ServiceState, Snapshot, Trouble

from .captures import begun

CONNECTION_STRING = "Endpoint=sb://gw.example/;SharedAccessKeyName=desk;SharedAccessKey=bm90IGEgcmVhbCBrZXk="
#: For one hybrid connection.
KEY_OF_ONE = f"{CONNECTION_STRING};EntityPath=orders"


class FakeActions:
    """Does nothing, and remembers it.

    ``asked`` has every action with its arguments, in order. An action named in ``refused`` fails with that problem. What was
    captured is real, in memory; a replay has the answer ``replayed`` at once, or once ``answer()`` is called where
    ``answers_later`` is set.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.current = snapshot
        self.asked: list[tuple[Any, ...]] = []
        self.refused: dict[str, Problem] = {}
        self.chosen = Preferences()
        self.checks: tuple[Check, ...] = ()
        self.captured = Exchanges(Path("no-captures-of-tests"))
        self.replayed = b"again"
        self.answers_later = False
        self.unanswered: list[Capture] = []
        self.read: list[tuple[int, int]] = []
        """Offset and length of each piece of a body that was asked for."""

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
        try:
            first, *others = offers(text, 0.0)
        except PastedError as error:
            raise ActionError(Problem(trouble=Trouble.CREDENTIAL, cause=str(error))) from None
        return dataclasses.replace(first, suggested_port=5432, others=tuple(others))

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

    async def check(self, what: Offer | str, tell: Callable[[Check], object]) -> None:
        self._note("check", what)
        for one in self.checks:
            tell(one)

    async def diagnose(self, service: str, tell: Callable[[Check], object]) -> None:
        self._note("diagnose", service)
        for one in self.checks:
            tell(one)

    async def save_report(self, path: Path, examined: Sequence[Examined]) -> None:
        self._note("save_report", path, tuple(examined))

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

    def exchanges(self, since: int = 0) -> ExchangeChanges:
        self.captured.is_capturing = self.chosen.captures
        return self.captured.changes(since)

    def exchange(self, number: int) -> CapturedExchange | None:
        return self.captured.get(number)

    async def exchange_body(self, number: int, side: Side, offset: int = 0, length: int = 1 << 20) -> bytes:
        self.read.append((offset, length))
        return self.captured.body(number, side, offset, length)

    async def exchange_messages(self, number: int, cursor: object = None, limit: int = 1_000) -> MessagePage:
        return self.captured.messages(number, cursor, limit)

    async def exchange_message(self, number: int, message: Message, length: int = 1 << 20) -> bytes:
        return self.captured.message(number, message, length)

    async def save_body(self, number: int, side: Side, path: Path) -> int:
        self._note("save_body", number, side, path)
        return 0

    async def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        self._note("replay", number, edited)
        one = self.captured.find(number)
        again = begun(
            self.captured,
            edited.method if edited else one.method,
            edited.request_target if edited else one.request_target,
            edited.headers if edited else one.request_headers,
            route=one.route,
            replay_of=number,
        )
        again.request_ended()
        again.asked()
        self.unanswered.append(again)
        if not self.answers_later:
            self.answer()
        return again.id

    def answer(self) -> None:
        """Answer the oldest replay that has no answer yet."""
        again = self.unanswered.pop(0)
        again.answered(200, "OK", (("Content-Type", "text/plain"),))
        again.response_piece(self.replayed)
        again.response_ended()
        again.ended(None)

    async def pin(self, number: int, is_pinned: bool) -> None:
        self._note("pin", number, is_pinned)
        self.captured.pin(number, is_pinned=is_pinned)

    async def annotate(self, number: int, note: str) -> None:
        self._note("annotate", number, note)
        self.captured.annotate(number, note)

    async def clear_exchanges(self) -> None:
        self._note("clear_exchanges")
        self.captured.clear()

    async def export_har(self, numbers: Sequence[int], path: Path, *, reveals_secrets: bool = False) -> int:
        self._note("export_har", tuple(numbers), path, reveals_secrets)
        return len(numbers)

    async def curl(self, number: int, *, reveals_secrets: bool = False) -> str:
        self._note("curl", number, reveals_secrets)
        try:
            return command_line(self.captured.find(number), reveals_secrets=reveals_secrets)
        except AgentError as error:
            raise ActionError(Problem(trouble=Trouble.OTHER, cause=str(error))) from None

    async def difference(self, number: int, other: int) -> str:
        self._note("difference", number, other)
        one, another = self.captured.find(number).freeze(), self.captured.find(other).freeze()
        return difference(one, another, self.captured.body)


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
