"""Every limit and deadline of the protocol, each with its source.

Times are seconds (``_S``), sizes are bytes (``_BYTES``). "Protocol reference" is the project's collected description
of the wire protocol; its section is named. "Ours" marks a value that no source gives, with the reason for it.
Programs may offer other values as settings; these are their defaults.
"""

from __future__ import annotations

# --- listeners and control channels ----------------------------------------------------------------------------------

MAX_LISTENERS = 25
"""Listeners of one hybrid connection at one time. Protocol reference §11 (documentation and FAQ)."""

MAX_CONTROL_BODY_BYTES = 65_536
"""The longest body that crosses on the control channel; one byte more goes by rendezvous. §6.1, §11."""

MAX_CONTROL_MESSAGE_BYTES = 65_535
"""The longest JSON message, in UTF-8. It must stay *under* 65,536: .NET reads into a buffer of that size. §3.2."""

MAX_HEADER_BYTES = 32_768
"""All headers of one request or response together: names, values and four bytes each for ``: `` and line end. §11."""

MAX_REASON_PHRASE_LENGTH = 1_024
"""The longest reason phrase, in characters. Ours: longer than any text of Azure's, far below what HTTP parsers take."""

# --- deadlines of one relayed connection or request ------------------------------------------------------------------

RENDEZVOUS_VALIDITY_S = 30.0
"""How long the one-time address given to a listener can be used. §4.1, §9.2."""

ACCEPT_CONNECT_TIMEOUT_S = 20.0
"""How long a listener tries to reach a rendezvous address, as Microsoft's .NET and Java listeners do. §9.2."""

RESPONSE_TIMEOUT_S = 60.0
"""From a relayed HTTP request to its ``response`` message; then the gateway answers 504. §6.10, §9.2."""

BODY_IDLE_TIMEOUT_S = 60.0
"""The longest silence inside a relayed HTTP body. §6.10, §9.2."""

CONNECT_TIMEOUT_S = 70.0
"""How long a sender waits for its 101, which is held until the listener came. §9.2 (.NET client), §17."""

OPERATION_TIMEOUT_S = 60.0
"""What ``OperationTimeout`` means when a connection string does not give it. §2.6, §9.2."""

# --- keep-alive ------------------------------------------------------------------------------------------------------

PING_INTERVAL_S = 30.0
"""Between two pings on any WebSocket: short enough for NATs that forget after four minutes. §9.1."""

MISSED_PONGS = 2
"""Pings without an answer after which a peer is dead. §9.1."""

# --- tokens ----------------------------------------------------------------------------------------------------------

TOKEN_GRACE_S = 300.0
"""How long a control channel outlives its token: the SDKs renew *at* expiry, never before it. §9.3."""

MAX_CLOCK_SKEW_S = 300.0
"""How far clocks may differ before a token counts as expired. §2.2."""

MAX_TOKEN_BYTES = 16_384
"""The longest token text looked at. Ours: real SAS tokens have some 300 bytes, Entra's a few thousand."""

MAX_KEY_NAME_LENGTH = 256
"""The longest rule name a token may carry, in characters. §2.2 (.NET); rules are created with fewer, see below."""

MAX_KEY_LENGTH = 256
"""The longest key, in characters. §2.2 (.NET)."""

MIN_RULE_NAME_LENGTH = 1
MAX_RULE_NAME_LENGTH = 50
"""Length of a SAS rule's name when it is created, in characters. §11 (resource API)."""

MAX_RULES = 12
"""SAS rules of one namespace or of one hybrid connection. §2.2, §11."""

GENERATED_KEY_BYTES = 32
"""Random bytes behind a generated key, which is their base64 text: 256 bits, as Azure's. §2.2."""

# --- names and addresses ---------------------------------------------------------------------------------------------

MIN_NAME_LENGTH = 1
MAX_NAME_LENGTH = 260
"""Length of a hybrid connection's name, in characters. §11 (resource API)."""

MIN_NAMESPACE_NAME_LENGTH = 6
MAX_NAMESPACE_NAME_LENGTH = 50
"""Length of a namespace's name, in characters. §11 (resource API)."""

MAX_TARGET_BYTES = 16_384
"""The whole request target. Ours: twice the 8 KiB that RFC 9112 section 3 asks for, as a token may be in it."""

MAX_CONNECTION_STRING_LENGTH = 16_384
"""The longest connection string looked at, in characters. Ours: one may hold a whole token, little else."""

# --- moving frames ---------------------------------------------------------------------------------------------------

MAX_FRAGMENT_BYTES = 131_072
"""Longer frames are cut into fragments of at most this, so that a ping never waits behind a gigabyte. Ours, measured."""

READ_BUFFER_BYTES = 131_072
"""One read of a socket, from the buffer that all legs of a loop share. Ours, measured."""

HIGH_WATER_BYTES = 65_536
"""Unsent bytes at which a leg stops its other side from reading. Ours, measured."""

MAX_CLOSE_REASON_BYTES = 123
"""The reason of a Close frame, in UTF-8: a control frame holds 125, two are the code. RFC 6455 section 5.5, §8."""

# --- connections before and between requests -------------------------------------------------------------------------

HANDSHAKE_TIMEOUT_S = 15.0
"""From an accepted TCP connection to the end of its first request's head, TLS included. Ours."""

HTTP_IDLE_TIMEOUT_S = 60.0
"""The longest silence of an HTTP connection between two requests. Ours."""
