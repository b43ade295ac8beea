"""Texts laid out to be read: JSON and XML with a line for each member and element, forms with a line for each field.

What is shown is what was sent: no value is ever parsed, so that numbers keep their digits, repeated members stay, entities
are not resolved, and a text with a mistake in it is laid out as far as it goes. Each generator gives lines without their
ends, costs linear time, and holds no more than a line; nesting does not make it recurse, and indents only so far.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

from .contents import Form

INDENT: Final = "  "
MAX_INDENTS: Final = 40
"""Deeper than this, lines stand below each other: a bomb of brackets would be nothing but blanks."""


def lines_of(form: Form, text: str) -> Iterator[str]:
    """The lines of *text*, laid out."""
    match form:
        case Form.JSON:
            return json_lines(text)
        case Form.XML:
            return xml_lines(text)
        case Form.FORM:
            return form_lines(text)
        case Form.OTHER:
            return iter(plain_lines(text))


_BREAK: Final = re.compile(r"\r\n|\r|\n")


def plain_lines(text: str) -> list[str]:
    """The lines of *text* as they are; only what ends a line everywhere does so here."""
    lines = _BREAK.split(text)
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    return lines


# --- JSON ------------------------------------------------------------------------------------------------------------

#: A string, which may lack its end; one sign; or a run of anything else.
_JSON: Final = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\\?\Z))|([\[\]{},:])|([^\s"\[\]{},:]+)', re.DOTALL)


def json_lines(text: str) -> Iterator[str]:
    """JSON, or several of them one after the other, as in an NDJSON stream."""
    line: list[str] = []
    depth = 0
    was_opened = is_after_value = False

    def pad() -> str:
        return INDENT * min(depth, MAX_INDENTS)

    for found in _JSON.finditer(text):
        token = found[0]
        if found[2] is None or token in "[{":
            if was_opened or is_after_value:
                yield "".join(line)
                line = [pad()]
            line.append(_on_one_line(token))
            is_after_value = found[2] is None
            was_opened = not is_after_value
            depth += was_opened
        elif token in "]}":
            depth = max(0, depth - 1)
            if not was_opened:  # an empty one stays on its line
                if line:
                    yield "".join(line)
                line = [pad()]
            line.append(token)
            was_opened, is_after_value = False, True
        elif token == ",":
            line.append(token)
            yield "".join(line)
            line = [pad()]
            was_opened = is_after_value = False
        else:
            line.append(": ")
            is_after_value = was_opened = False
    if line and any(part.strip() for part in line):
        yield "".join(line)


def _on_one_line(token: str) -> str:
    """A string that was broken over lines, which JSON's cannot be."""
    return _BREAK.sub("⏎", token)


# --- XML -------------------------------------------------------------------------------------------------------------

_CLOSERS: Final = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<", ">"))


def xml_lines(text: str) -> Iterator[str]:
    """XML. Text that stands alone in an element stays on its line."""
    depth = 0
    held = ""
    """A start tag, and the text behind it, while it is not known whether its end follows at once."""
    is_start = False
    for kind, token in _xml_tokens(text):
        pad = INDENT * min(depth, MAX_INDENTS)
        if kind == "text":
            if not token.strip():
                continue
            if is_start and "\n" not in token.strip() and len(token) <= 200:
                held += token.strip()
            else:
                if held:
                    yield held
                    held = ""
                yield from (f"{pad}{part.strip()}" for part in plain_lines(token.strip()))
            is_start = False
        elif kind == "end":
            depth = max(0, depth - 1)
            if held:
                yield held + token
                held = ""
            else:
                yield f"{INDENT * min(depth, MAX_INDENTS)}{token}"
            is_start = False
        else:
            if held:
                yield held
                held = ""
            if kind == "start":
                held, is_start = f"{pad}{_JOINED.sub(' ', token)}", True
                depth += 1
            else:
                yield from (f"{pad}{part}" for part in plain_lines(token))
                is_start = False
    if held:
        yield held


_JOINED: Final = re.compile(r"\s*[\r\n]\s*")


def _xml_tokens(text: str) -> Iterator[tuple[str, str]]:
    """Split *text*, every letter of it, into ``start``, ``end``, ``other`` and ``text``."""
    missing: set[str] = (
        set()
    )  # what is not found once is not looked for again: that would cost the square of the length
    place = 0
    while place < len(text):
        opened = text.find("<", place)
        if opened < 0:
            yield "text", text[place:]
            return
        if opened > place:
            yield "text", text[place:opened]
        opener, closer = next(pair for pair in _CLOSERS if text.startswith(pair[0], opened))
        closed = -1 if closer in missing else text.find(closer, opened + len(opener))
        if closed < 0:
            missing.add(closer)
            closed, closer = (-1 if ">" in missing else text.find(">", opened)), ">"
            if closed < 0:
                yield "text", text[opened:]
                return
        place = closed + len(closer)
        token = text[opened:place]
        if opener != "<" or token.startswith("<!"):
            yield "other", token
        elif token.startswith("</"):
            yield "end", token
        else:
            yield ("other" if token.endswith("/>") else "start"), token


# --- forms -----------------------------------------------------------------------------------------------------------


def form_lines(text: str) -> Iterator[str]:
    """The fields of a form, decoded, a line each."""
    for part in text.strip().split("&"):
        if part:
            name, equals, value = part.partition("=")
            line = f"{unquote_plus(name)}{' = ' if equals else ''}{unquote_plus(value)}"
            yield _BREAK.sub("⏎", line)
