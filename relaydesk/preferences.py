"""What the user chose in the window. Light: what is shown first is chosen by it, before anything large is loaded."""

from __future__ import annotations

import enum
from dataclasses import dataclass

#: How long something is shared unless it is said otherwise.
DEFAULT_LIFETIME_S = 8 * 3600.0


class Who(enum.Enum):
    """Who may use a share."""

    INVITED = "invited"
    """Whoever has a link or invitation that was made here; each can be withdrawn."""
    KEY = "key"
    """Whoever has a key or token that the gateway takes for sending."""
    PUBLIC = "public"
    """Everybody who knows the address."""


class CloseChoice(enum.Enum):
    """What closing the window does."""

    ASK = "ask"
    KEEP = "keep"
    QUIT = "quit"


class Theme(enum.Enum):
    """Which palette."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"
    HIGH_CONTRAST = "high contrast"


class Language(enum.Enum):
    """What the window speaks: the system's language, or one by its ISO 639 code."""

    SYSTEM = "system"
    ENGLISH = "en"
    GERMAN = "de"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the user chose of the desktop itself. Kept in ``desktop.toml``; no secret among it."""

    theme: Theme = Theme.SYSTEM
    language: Language = Language.SYSTEM
    """In effect from the next start on."""
    close: CloseChoice = CloseChoice.ASK
    who: Who = Who.INVITED
    lifetime_s: float | None = DEFAULT_LIFETIME_S
    gateway: str | None = None
    """The gateway that was last used to share."""
    has_probes: bool = True
    """Whether states are proven by requests of our own."""
    notify_lost: bool = True
    notify_recovered: bool = True
    notify_expiring: bool = True
    notify_first_request: bool = False
    starts_at_login: bool = False
    starts_hidden: bool = False
    captures: bool = True
    """Whether the inspector keeps relayed HTTP exchanges and WebSockets."""
    looks_for_updates: bool = False
    """Whether a copy that knows where new versions are announced asks there once a week."""
    was_welcomed: bool = False
    """Whether the first start is over: its cards are not shown by themselves any more."""
