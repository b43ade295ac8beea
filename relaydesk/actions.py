"""What can be asked of the desktop: by its window and tray, and by the command line through the local socket.

``desk.py`` does these things; views know only what is written here. Every action is a coroutine of the Qt event loop. It
raises :class:`ActionError` where it could not be done, and then nothing has changed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

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

from .check_report import Examined
from .preferences import DEFAULT_LIFETIME_S, Preferences, Who
from .snapshot import KeystoreState, Problem, Service, Snapshot


class ActionError(Exception):
    """An action could not be done.

    Attributes:
        problem: Why, for ``models/problems.py`` to turn into words.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.cause)
        self.problem = problem


class Reach(enum.Enum):
    """Whom the bundled gateway serves."""

    THIS_COMPUTER = "this computer"
    NETWORK = "network"
    """Whoever reaches this computer's addresses; then with TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposeRequest:
    """A service to share.

    Attributes:
        target: ``PORT``, ``HOST:PORT`` or ``http://HOST:PORT``.
        name: What people will call it; None: made from the target.
        gateway: The name of a gateway; None: the last one used, or the bundled one, which is started where it is needed.
        who: Who may use it. ``PUBLIC`` only after somebody chose it.
        lifetime_s: None: until it is stopped.
        is_demo: Share RelayDesk's own page, which it serves for as long as that is shared; *target* does not matter.
    """

    target: str
    name: str | None = None
    gateway: str | None = None
    who: Who = Who.INVITED
    lifetime_s: float | None = DEFAULT_LIFETIME_S
    is_demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A service that has just been shared."""

    service: str
    """Its name."""
    link: str = field(repr=False)
    """What others need, for the clipboard: an address, with an invitation in it where one is needed."""
    shown_link: str
    """The same, as it may be seen: without the invitation's secret."""
    is_only_this_computer: bool = False
    """Whether the gateway can only be reached from this computer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What was pasted offers, before anything is done with it: an invitation, or a key in one of its many forms."""

    service: str
    """What its maker calls it, or the path, or the gateway."""
    gateway: str
    """Host and port."""
    is_secure: bool
    path: str
    """Empty: it is for a whole namespace."""
    is_invitation: bool
    is_web: bool
    rights: tuple[str, ...] | None
    """None while that is not known."""
    are_rights_told: bool = True
    """Whether whoever made it says so; otherwise they are what a key of this name may most likely do."""
    expires_at: float | None
    suggested_port: int
    """A free local port: that of the service where possible."""
    key_name: str = ""
    target: str = ""
    """What it is meant to lead to on this side, where that is said."""
    purpose: Direction | None = None
    """What it is for, where it is for one thing alone."""
    text: str = field(repr=False)
    """What is kept of it: a connection string or an invitation, whatever stood around that."""
    others: tuple[Offer, ...] = ()
    """What else was pasted with it: a configuration of azbridge has many forwards."""


class Actions(Protocol):
    """Everything that can be asked for."""

    def snapshot(self) -> Snapshot:
        """The state of this moment."""
        ...

    async def expose(self, request: ExposeRequest) -> Shared:
        """Share a service: the hybrid connection is made, the listener started, the link made."""
        ...

    async def stop(self, service: str) -> None:
        """End a share, or give a local port back. Its settings go; ``undo_stop`` brings it back while this runs."""
        ...

    async def undo_stop(self) -> None:
        """Bring back what was stopped last."""
        ...

    async def pause(self, service: str) -> None:
        """Turn senders away until ``resume``."""
        ...

    async def resume(self, service: str, lifetime_s: float | None = DEFAULT_LIFETIME_S) -> None:
        """Go on after a pause, or share again for *lifetime_s* what has expired."""
        ...

    async def pause_all(self) -> None:
        """Pause everything."""
        ...

    async def resume_all(self) -> None:
        """Resume everything that is paused."""
        ...

    async def link(self, service: str) -> Shared:
        """The link of a service, with a new invitation where one is needed."""
        ...

    async def invite(self, service: str, name: str, lifetime_s: float) -> Shared:
        """Make an invitation by name: a text for another RelayDesk."""
        ...

    async def withdraw(self, service: str, invitation: str) -> None:
        """Make an invitation, by its id, worthless; whoever came by it is cut."""
        ...

    def examine(self, text: str) -> Offer:
        """Read what was pasted, whatever form it has (``agent.pasted``); nothing is connected."""
        ...

    async def connect(self, offer: Offer, port: int) -> Service:
        """Bring what is offered to a local port of this computer."""
        ...

    async def cut(self, connection: int) -> None:
        """End one relayed connection."""
        ...

    async def retry_now(self, service: str | None = None) -> None:
        """Do not wait for the next try: of one service, or of all."""
        ...

    async def add_gateway(self, connection_string: str, name: str | None = None) -> str:
        """Keep a gateway's connection string in the keystore; the name that the gateway got.

        The same connection string once more, without a name, is the gateway that is there already.
        """
        ...

    async def check(self, what: Offer | str, tell: Callable[[Check], object]) -> None:
        """Try the way to a gateway, by its name, or to what is offered, hop by hop. Nothing is changed anywhere.

        Args:
            what: What is tried.
            tell: Gets each check as it is made, in the order of ``agent.checks.Step``.
        """
        ...

    async def diagnose(self, service: str, tell: Callable[[Check], object]) -> None:
        """Try every hop between a service and its senders, as it is served now.

        Args:
            service: Its name.
            tell: Gets each check as it is made, in the order of ``agent.checks.Step``.
        """
        ...

    async def save_report(self, path: Path, examined: Sequence[Examined]) -> None:
        """Write what the doctor found, without secrets, to *path*."""
        ...

    async def remove_gateway(self, name: str) -> None:
        """Forget a gateway and its key. Not while services go through it."""
        ...

    async def gateway_connection_string(self, name: str) -> str:
        """The connection string of a gateway, to be shown or copied because somebody asked for it."""
        ...

    async def start_bundled(self, reach: Reach) -> None:
        """Start the gateway that comes with RelayDesk, as a child of this program."""
        ...

    async def stop_bundled(self) -> None:
        """Stop it."""
        ...

    async def unlock_keystore(self, passphrase: str | None = None) -> KeystoreState:
        """Ask the keyring again, or open the sealed file with *passphrase*."""
        ...

    async def choose_keystore(self, state: KeystoreState, passphrase: str | None = None) -> None:
        """Where there is no keyring: a file sealed with *passphrase*, or until quit."""
        ...

    def preferences(self) -> Preferences:
        """What the user chose."""
        ...

    async def set_preferences(self, preferences: Preferences) -> None:
        """Keep what the user chose."""
        ...

    async def save_log(self, path: Path) -> None:
        """Write the log, without secrets, to *path*."""
        ...

    # The inspector. What is given out holds secrets: views mask them (agent.masks) until somebody asks for one.

    def exchanges(self, since: int = 0) -> ExchangeChanges:
        """What was relayed over HTTP and has changed since that version; 0: everything."""
        ...

    def exchange(self, number: int) -> CapturedExchange | None:
        """One of them, by its id; None where it is gone."""
        ...

    async def exchange_body(self, number: int, side: Side, offset: int = 0, length: int = 1 << 20) -> bytes:
        """At most *length* bytes of a kept body from *offset* on; empty behind its end, or where it is gone."""
        ...

    async def exchange_messages(self, number: int, cursor: object = None, limit: int = 1_000) -> MessagePage:
        """The next messages of a WebSocket, from both sides in order; from the first one kept where *cursor* is None."""
        ...

    async def exchange_message(self, number: int, message: Message, length: int = 1 << 20) -> bytes:
        """At most *length* bytes of the payload of *message*."""
        ...

    async def save_body(self, number: int, side: Side, path: Path) -> int:
        """Write what is kept of a body to *path*; how many bytes that were."""
        ...

    async def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        """Send a captured request, or *edited* in its place, to the local server again; the id of the new exchange.

        It has begun then, and is captured whether capturing is on or off. Nothing of it goes to the gateway.
        """
        ...

    async def pin(self, number: int, is_pinned: bool) -> None:
        """Keep an exchange when room is made and when the list is cleared; or no longer."""
        ...

    async def annotate(self, number: int, note: str) -> None:
        """Write a note on an exchange."""
        ...

    async def clear_exchanges(self) -> None:
        """Forget all exchanges but the pinned ones."""
        ...

    async def export_har(self, numbers: Sequence[int], path: Path, *, reveals_secrets: bool = False) -> int:
        """Write these exchanges as a HAR file; how many were still there."""
        ...

    async def curl(self, number: int, *, reveals_secrets: bool = False) -> str:
        """A command line for a POSIX shell that sends the request to the local server."""
        ...

    async def difference(self, number: int, other: int) -> str:
        """How exchange *other* differs from *number*: unified, secrets masked; empty where it does not."""
        ...
