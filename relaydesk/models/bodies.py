"""What can be shown of a body: laid out, as text, as a picture, as bytes. Bounded, whatever it is."""

from __future__ import annotations

import dataclasses
import enum
from itertools import islice
from typing import Final

from PySide6.QtCore import QCoreApplication

from agent.captured import BodyState
from agent.contents import Form, as_text, form_of, is_image, media_type, unpacked
from agent.layout import lines_of
from hyco.fields import Headers
from hyco.redaction import escape_controls

from . import formats

translate = QCoreApplication.translate

#: Of a body, at first; more on request.
FIRST_BYTES: Final = 131_072
#: In all. Longer ones can be saved.
MOST_BYTES: Final = 4_194_304
MOST_LINES: Final = 20_000
#: Qt lays out a line whole.
MOST_LINE_CHARACTERS: Final = 2_000
MOST_HEX_BYTES: Final = 65_536
_HEX_ROW: Final = 16


class BodyView(enum.Enum):
    """A way to look at a body."""

    LAID_OUT = "laid out"
    TEXT = "text"
    PICTURE = "picture"
    BYTES = "bytes"


def view_words(view: BodyView) -> str:
    """What a way to look at a body is called."""
    return {
        BodyView.LAID_OUT: translate("Bodies", "Laid out"),
        BodyView.TEXT: translate("Bodies", "As text"),
        BodyView.PICTURE: translate("Bodies", "Picture"),
        BodyView.BYTES: translate("Bodies", "Bytes"),
    }[view]


@dataclasses.dataclass(frozen=True, slots=True)
class OpenBody:
    """A body, or the beginning of one, ready to be looked at.

    Attributes:
        data: Without its coding.
        text: What it says; None where it is no text.
        form: What the text can be laid out as.
        views: The ways to look at it, the best first.
        remark: What one should know about it.
        has_more: Whether more of it can be shown.
    """

    data: bytes = dataclasses.field(repr=False)
    text: str | None = dataclasses.field(repr=False)
    form: Form
    views: tuple[BodyView, ...]
    remark: str
    has_more: bool


def open_body(raw: bytes, headers: Headers, state: BodyState, limit: int) -> OpenBody:
    """Look what *raw* is, which is the beginning of what is kept of a body, for at most *limit* bytes of it."""
    body = unpacked(raw, headers, limit)
    is_cut = not body.is_whole or len(raw) < state.size
    text = as_text(body.data, headers, is_cut=is_cut) if body.data else ""
    media = media_type(headers)
    form = form_of(media)
    if form is Form.OTHER and text is not None and text.lstrip()[:1] in ("{", "["):
        form = Form.JSON  # many a server does not say so
    views = []
    if is_image(media) and not is_cut:
        views.append(BodyView.PICTURE)
    if text is not None and form is not Form.OTHER:
        views.append(BodyView.LAID_OUT)
    if text is not None:
        views.append(BodyView.TEXT)
    views.append(BodyView.BYTES)
    remarks = []
    if body.problem:
        remarks.append(translate("Bodies", "Shown as it came: {why}").format(why=body.problem))
    elif body.coding:
        remarks.append(translate("Bodies", "Unpacked from {coding}").format(coding=body.coding))
    if is_cut:
        remarks.append(translate("Bodies", "The first {size}").format(size=formats.size(len(body.data))))
    return OpenBody(
        data=body.data,
        text=text,
        form=form,
        views=tuple(views),
        remark=" · ".join(remarks),
        has_more=limit < MOST_BYTES and (len(raw) < state.kept or not body.is_whole) and not body.problem,
    )


def render(body: OpenBody, view: BodyView) -> str:
    """The text of a view."""
    match view:
        case BodyView.LAID_OUT:
            return _bounded(lines_of(body.form, body.text or ""))
        case BodyView.TEXT:
            return _bounded(lines_of(Form.OTHER, body.text or ""))
        case _:
            return hex_dump(body.data)


def hex_dump(data: bytes) -> str:
    """Offsets, bytes and letters, sixteen in a row."""
    rows = []
    for start in range(0, min(len(data), MOST_HEX_BYTES), _HEX_ROW):
        row = data[start : start + _HEX_ROW]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"{start:08x}  {row[:8].hex(' '):23}  {row[8:].hex(' '):23}  {letters}")
    if len(data) > MOST_HEX_BYTES:
        rows.append("…")
    return "\n".join(rows)


def _bounded(lines: object) -> str:
    """Lines as Qt can bear them: so many, each so long, and none of them rewriting another's direction."""
    found = []
    for line in islice(lines, MOST_LINES + 1):  # type: ignore[call-overload]
        cut = line if len(line) <= MOST_LINE_CHARACTERS else f"{line[:MOST_LINE_CHARACTERS]}…"
        found.append("\t".join(escape_controls(part) for part in cut.split("\t")))
    if len(found) > MOST_LINES:
        found[-1] = "…"
    return "\n".join(found)
