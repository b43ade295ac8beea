"""Tokens as Microsoft's clients make them, with the HMAC written out: nothing here comes from `hyco.sas`.

Source: protocol reference §2.2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import quote

#: How long the tokens of tests are good for.
LIFETIME_S = 3_600


def encode(text: str) -> str:
    """Percent-encode everything that is not unreserved, with upper-case hex: .NET, Node, Python."""
    return quote(text, safe="")


def encode_in_lower_case(text: str) -> str:
    """The same with lower-case hex: PHP, and tokens made by hand."""
    encoded = encode(text)
    return "".join(
        part if index == 0 else "%" + part[:2].lower() + part[2:]
        for index, part in enumerate(encoded.split("%"))
    )


def signature(encoded_resource: str, expires_at: str, key: str) -> str:
    """base64(HMAC-SHA256) over the resource as it stands in the token, a line feed and the expiry."""
    digest = hmac.new(key.encode(), f"{encoded_resource}\n{expires_at}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def sas_token_of_encoded(
    encoded_resource: str, rule: str, key: str, *, expires_at: float | None = None
) -> str:
    """A token whose ``sr`` is *encoded_resource*, letter for letter."""
    expiry = str(int(time.time() + LIFETIME_S if expires_at is None else expires_at))
    sig = encode(signature(encoded_resource, expiry, key))
    return f"SharedAccessSignature sr={encoded_resource}&sig={sig}&se={expiry}&skn={encode(rule)}"


def sas_token(resource: str, rule: str, key: str, *, expires_at: float | None = None) -> str:
    """A token for *resource* (a URI); *expires_at* in POSIX seconds, an hour from now by default."""
    return sas_token_of_encoded(encode(resource), rule, key, expires_at=expires_at)


@dataclass(frozen=True)
class Fields:
    """A token in pieces, for tests that put them together wrongly. Values stand as they go on the wire."""

    sr: str
    sig: str
    se: str
    skn: str

    @classmethod
    def good(cls, resource: str, rule: str, key: str, *, expires_at: float | None = None) -> Fields:
        """The pieces of a token that is right."""
        expiry = str(int(time.time() + LIFETIME_S if expires_at is None else expires_at))
        encoded = encode(resource)
        return cls(sr=encoded, sig=encode(signature(encoded, expiry, key)), se=expiry, skn=encode(rule))

    def text(self, order: str = "sr sig se skn") -> str:
        """The token with the fields that *order* names, in that order; one named twice stands there twice."""
        return "SharedAccessSignature " + "&".join(f"{name}={getattr(self, name)}" for name in order.split())


def sr_variants(host: str, path: str) -> dict[str, str]:
    """Who sends which ``sr`` for a hybrid connection: the table of protocol reference §2.2, encoded for the token."""
    return {
        "dotnet": encode(f"http://{host}/{path}/"),
        "node-wss": encode(f"http://{host}:443/{path}"),
        "node-https, python": encode(f"http://{host}/{path}"),
        "java-listener": encode(f"sb://{host}/{path}"),
        "java-websocket-sender": encode(f"sb://{host}"),
        "java-websocket-sender with a port": encode(f"sb://{host}:8443"),
        "java-http-sender": encode(f"https://{host}/{path}"),
        "dotnet-websocket-tests": encode(f"http://{host}/"),
        "docs-wss": encode(f"wss://{host}/{path}"),
        "php, lower-case hex": encode_in_lower_case(f"https://{host}/{path}"),
        "whole URI lower-cased": encode_in_lower_case(f"http://{host}/{path}/".lower()),
        "whole URI upper-cased": encode(f"HTTP://{host}/{path}".upper()),
    }
