"""Addresses that every gateway of a cluster can tell from made-up ones.

A listener that comes to the wrong gateway is passed on without anybody having looked at a token. What it shows is that some
gateway of the cluster wrote its address, not long ago: the secret in it ends with a time and a signature over both and the
gateway's name, by a key that all of them share. Whether the secret is still good is known only where its sender waits.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

from .store.interface import ABSENT, ConflictError, Store

#: Where the store has the key.
KIND: Final = "cluster"
KEY: Final = "tickets"

_KEY_BYTES: Final = 32
_TIME_DIGITS: Final = 8
_TAG_DIGITS: Final = 32
#: How far the clocks of two gateways may be apart.
_SKEW_S: Final = 60.0


async def shared_key(store: Store) -> bytes:
    """The key of all gateways that use *store*; made by the first.

    Raises:
        StoreUnavailableError: It can be neither read nor made.
    """
    while True:
        entry = await store.get(KIND, KEY)
        if entry is not None:
            return bytes.fromhex(entry.value["key"])
        try:
            await store.put(KIND, KEY, {"key": secrets.token_hex(_KEY_BYTES)}, if_rev=ABSENT)
        except ConflictError:
            continue  # another one was first


class Tickets:
    """Signs secrets, and checks those that others signed."""

    def __init__(self, key: bytes, validity_s: float, *, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._validity_s = validity_s
        self._now = now

    def signed(self, node: str, secret: str) -> str:
        """*secret*, which leads to *node*, with its end."""
        until = f"{int(self._now() + self._validity_s):0{_TIME_DIGITS}x}"
        return f"{secret}{until}{self._tag(node, secret + until)}"

    def is_good(self, node: str, signed: str) -> bool:
        """Whether a gateway made *signed* for *node*, and not too long ago."""
        rest, tag = signed[:-_TAG_DIGITS], signed[-_TAG_DIGITS:]
        if not rest.isascii() or not tag.isascii():
            return False
        if not hmac.compare_digest(tag, self._tag(node, rest)):
            return False
        return int(rest[-_TIME_DIGITS:], 16) + _SKEW_S >= self._now()

    def _tag(self, node: str, text: str) -> str:
        message = f"{node}/{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:_TAG_DIGITS]
