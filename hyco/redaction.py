"""Hiding secrets in text that people may see: logs, errors, diagnostics.

It works on text of any kind, because secrets turn up in all of it: URLs, header dumps, connection strings, JSON,
exceptions of other libraries. It would rather hide too much than too little. It is no proof against somebody who spells
their own secret so that it cannot be recognised; whoever holds a secret keeps it out of texts in the first place.

Every pattern either matches where it starts to look, or gives up at once, so that hostile text costs linear time.
"""

from __future__ import annotations

import re

HIDDEN = "…"

_EQUALS = r"(?:=|%3[Dd]|%253[Dd])"
# Inside a query, a value ends at the next "&", which may itself be percent-encoded, once or twice.
_QUERY_VALUE = r"""(?:(?!%26|%2526)[^\s&;"'<>])*"""
# Form-decoding turns each "+" of a signature into a space; 43 such characters and a "=" are one HMAC-SHA256.
_SIGNATURE = r"(?:(?:[A-Za-z0-9+/ ]|%2[BbFf]|%20){43}(?:=|%3[Dd]))"

_AUTHORIZATION = "(?:ServiceBus|Proxy-)?Authorization"

_PATTERNS = (
    # {"ServiceBusAuthorization": "…"}   ('authorization', 'Basic …')   to the closing quote
    re.compile(
        rf"""({_AUTHORIZATION}["']?\s*[:=,]\s*b?(["']))(?:(?!\2)[^\r\n\\]|\\.)+""",
        re.IGNORECASE,
    ),
    # Authorization: Bearer …   to the end of the line: the schemes of others have quotes and spaces in their values
    re.compile(rf"""({_AUTHORIZATION}\s*[:=][ \t]*)(?!b?["'])[^\r\n]+""", re.IGNORECASE),
    # ?sb-hc-token=…   and the one-time secret of a rendezvous address
    re.compile(rf"(sb-hc-(?:token|sas-key|rdv){_EQUALS})[^\s&;\"'<>]*", re.IGNORECASE),
    # relaydesk://invitation/1#…   RelayDesk's own invitations: all that follows is the secret
    re.compile(
        r"(relaydesk(?:://|%3A%2F%2F|%253A%252F%252F)invitation(?:/|%2F|%252F)[0-9]+(?:/|%2F|%252F)?(?:#|%23|%2523))"
        r"[A-Za-z0-9_=-]+",
        re.IGNORECASE,
    ),
    # ?relaydesk-invitation=…   Cookie: relaydesk-invitation=…   RelayDesk-Invitation: …   and the nonce of a probe
    re.compile(
        rf"""(relaydesk-(?:invitation|probe)(?:\\?["']?\s*(?:{_EQUALS}|:)|\\?["']\s*,)\s*b?\\?["']?)"""
        r"""(?:(?!%26|%2526)[^\s&;,"'<>\\])+""",
        re.IGNORECASE,
    ),
    # SharedAccessSignature sr=…&sig=…&se=…&skn=…   all but the signature is worth reading
    re.compile(rf"(sig{_EQUALS})(?:{_SIGNATURE}|{_QUERY_VALUE})", re.IGNORECASE),
    # SharedAccessKey=… in connection strings
    re.compile(r"(SharedAccessKey\s*=\s*)[^;\s]+", re.IGNORECASE),
    # "primaryKey": "…"   secondary_key='…'   and the like, of the resource API and of settings
    re.compile(
        r"""((?:primary|secondary|shared_?access)_?key["']?\s*[:=]\s*["']?)[^\s"',;&}]+""", re.IGNORECASE
    ),
    # A JSON Web Token anywhere; its header always begins like this
    re.compile(r"((?<![A-Za-z0-9_-])eyJ)[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"),
    # http://user:password@proxy
    re.compile(r"(://)[^/\s@:\"']*:[^/\s@\"']*(?=@)"),
)


def hide_secrets(text: str) -> str:
    """Return *text* with the values of tokens, signatures, keys and passwords replaced by ``…``.

    Hiding what is already hidden changes nothing.
    """
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


_NOT_PRINTABLE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: line breaks, terminal escapes
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # invisible, line separators, changes of writing direction
    "\ud800-\udfff"  # cannot be written as UTF-8
    "]"
)


def escape_controls(text: str) -> str:
    r"""Return *text* with every character that could break or rewrite a line shown as an escape (``\n``, ``\x1b``)."""
    return _NOT_PRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return *text* as it may be shown: secrets hidden, on one line, without terminal escapes."""
    return escape_controls(hide_secrets(text))


def safe_lines(text: str, indent: str = "    ") -> str:
    """Return *text* as it may be logged: every line but the first begins with *indent*, as none but that begins a record."""
    return f"\n{indent}".join(escape_controls(line) for line in hide_secrets(text).splitlines())
