"""What the desktop was started for, read from its arguments. Without Qt: a second start hands it on before Qt is loaded.

relaydesk [--hidden] [relaydesk:LINK]
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from . import ipc

#: What this program is called where systems keep its files.
NAME: Final = "relaydesk"

SCHEME: Final = "relaydesk:"

#: Start in the tray. Where there is none the window is shown all the same.
HIDDEN: Final = "--hidden"


@dataclass(frozen=True, slots=True)
class Start:
    """How the desktop is to start.

    Attributes:
        is_hidden: Without a window.
        link: What to look at; the window asks before anything is done with it.
    """

    is_hidden: bool = False
    link: str | None = field(default=None, repr=False)

    @property
    def request(self) -> ipc.Request | None:
        """What to ask of a desktop that is running already; None: nothing."""
        if self.link is not None:
            return ipc.Open(self.link)
        # a compositor gives the program that somebody clicked on the leave to raise a window
        return None if self.is_hidden else ipc.Show(os.environ.get("XDG_ACTIVATION_TOKEN") or None)


def parse_start(arguments: Sequence[str]) -> Start | None:
    """Read arguments for the desktop; None for those that are the command line's."""
    links = [argument for argument in arguments if argument[: len(SCHEME)].lower() == SCHEME]
    others = {argument for argument in arguments if argument not in links}
    if len(links) > 1 or others - {HIDDEN}:
        return None
    return Start(is_hidden=HIDDEN in others, link=links[0] if links else None)
