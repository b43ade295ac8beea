"""How windows were left, in a small file of the state folder. It may be lost: nothing depends on it.

One that cannot be read is kept aside before a new one takes its place.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
from pathlib import Path
from typing import Final

from .private_files import PrivateFileError, put_aside, write_private

log = logging.getLogger(__name__)

MAX_BYTES: Final = 65_536


class WindowMemory:
    """Remembers states by name. See :class:`relaydesk.views.bridge.WindowMemory`.

    Args:
        file: Made when something is kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._states = self._read()

    def recall(self, name: str) -> bytes | None:
        """What was kept as *name*; None the first time, or where it cannot be read."""
        try:
            return base64.b64decode(self._states.get(name, ""), validate=True) or None
        except (binascii.Error, TypeError, ValueError):
            return None

    def keep(self, name: str, state: bytes) -> None:
        """Keep *state* as *name*."""
        text = base64.b64encode(state).decode()
        if self._states.get(name) == text:
            return
        self._states[name] = text
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._file, json.dumps(self._states).encode())
        except (OSError, PrivateFileError) as error:
            log.info("how the window was left is not remembered: %s", error)

    def _read(self) -> dict[str, str]:
        try:
            with self._file.open("rb") as file:
                found = json.loads(file.read(MAX_BYTES))
        except OSError:
            return {}
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return {key: value for key, value in found.items() if isinstance(value, str)}
        try:
            aside = put_aside(self._file)
        except PrivateFileError as error:
            log.warning("how windows were left cannot be read: %s", error)
        else:
            log.warning(
                "how windows were left cannot be read from %s; it is kept as %s", self._file, aside.name
            )
        return {}
