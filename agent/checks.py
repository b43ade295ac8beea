"""What the doctor finds, as data: one check for each hop between a local service and its senders. Frozen and pure.

``doctor.py`` makes these; the command line, the Doctor page and the first start show the same ones.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Step(enum.Enum):
    """A hop, in the order in which they are walked."""

    TARGET = "target"
    """The local service."""
    DNS = "dns"
    PROXY = "proxy"
    TCP = "tcp"
    TLS = "tls"
    """The handshake, and the gateway's certificate."""
    CLOCK = "clock"
    """This computer's clock against the gateway's, measured against the life of a token."""
    TOKEN = "token"
    """Whether the gateway takes the key, and what it may do."""
    HYBRID_CONNECTION = "hybrid connection"
    """Whether there is one."""
    LISTENERS = "listeners"
    """Whether somebody listens there, and how many."""
    END_TO_END = "end to end"
    """A request of our own, the whole way."""


class Outcome(enum.Enum):
    """How a check went."""

    PASSED = "passed"
    WARNING = "warning"
    """It works, and something about it will stop working or is not as it should be."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be tried, or does not apply; the text says why."""


class Fault(enum.Enum):
    """What is wrong: each has its own words and its own fix."""

    TARGET_REFUSES = "target refuses"
    TARGET_SILENT = "target silent"
    NAME_UNKNOWN = "name unknown"
    PROXY_UNREACHABLE = "proxy unreachable"
    PROXY_REFUSES = "proxy refuses"
    PORT_REFUSED = "port refused"
    PORT_BLOCKED = "port blocked"
    """Nothing answers: a firewall, most often."""
    NOT_TLS = "not tls"
    CERTIFICATE_UNTRUSTED = "certificate untrusted"
    CERTIFICATE_EXPIRED = "certificate expired"
    CERTIFICATE_NAME = "certificate name"
    CLOCK_WRONG = "clock wrong"
    NOT_A_GATEWAY = "not a gateway"
    KEY_REJECTED = "key rejected"
    RIGHT_MISSING = "right missing"
    TOKEN_EXPIRED = "token expired"
    HYBRID_CONNECTION_MISSING = "hybrid connection missing"
    LISTENERS_FULL = "listeners full"
    NO_LISTENER = "no listener"
    PROBE_LOST = "probe lost"
    CONNECTION_STRING = "connection string"
    KEYSTORE = "keystore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One hop, tried."""

    step: Step
    outcome: Outcome
    tried: str
    """What was done and to what: ``connected to 127.0.0.1:3000``. Without a secret, one line."""
    found: str = ""
    """What came of it, or why it failed, as the part that failed said it. Without a secret, one line."""
    fault: Fault | None = None
    """Set where the outcome is FAILED or WARNING."""
    took_s: float | None = None
