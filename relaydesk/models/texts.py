"""Texts that came from elsewhere, made fit to be shown: as they are, on one line, and never longer than a window can bear."""

from __future__ import annotations

import html

from hyco.redaction import escape_controls

#: What a table's cell takes of a text. Qt lays out the whole of it even where it shows thirty letters.
CELL_LENGTH = 200

#: What a tooltip or a paragraph takes.
PARAGRAPH_LENGTH = 1_000


def literal(text: str, limit: int = CELL_LENGTH) -> str:
    """*text* on one line and bounded; line breaks and changes of writing direction become visible escapes."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return escape_controls(cut)


def paragraph(text: str) -> str:
    """*text* for a label that wraps."""
    return literal(text, PARAGRAPH_LENGTH)


def tooltip(text: str) -> str:
    """*text* as a tooltip that shows just that: Qt takes what looks like HTML for HTML, unless it is HTML."""
    if not text:
        return ""
    return f"<qt>{html.escape(paragraph(text))}</qt>"


def unmarked(text: str) -> str:
    """*text* for the system's tray and notifications, some of which take what looks like markup for markup."""
    return text.replace("<", "‹").replace(">", "›")


def caption(text: str) -> str:
    """*text* for a button or a menu, where an ampersand would mark a key."""
    return literal(text, 60).replace("&", "&&")
