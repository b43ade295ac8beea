"""Relayed connections on which nothing happens: what each keeps of the relay's memory."""

from __future__ import annotations

import contextlib
import time

from .relays import Relay

#: Pairs that are opened first: they pay for what is needed once, and for the allocator's first arenas.
FIRST_PAIRS = 50
_SETTLE_S = 0.3


def measure(relay: Relay, *, pairs: int) -> dict[str, float]:
    """Open *pairs* relayed connections and keep them; ``kib_per_pair`` is the growth of resident memory for each.

    *relay* must be fresh: memory that earlier work left free would be used again, and hide what is measured.
    """
    with contextlib.ExitStack() as stack:
        meeting = relay.meeting()
        stack.callback(meeting.close)

        def open_pairs(count: int) -> int:
            for _ in range(count):
                for end in meeting.pair():
                    stack.callback(end.sock.close)
            time.sleep(_SETTLE_S)
            return relay.program.rss_bytes()

        before = open_pairs(FIRST_PAIRS)
        after = open_pairs(pairs)
    return {"kib_per_pair": (after - before) / pairs / 1024, "base_mib": before / 2**20}
