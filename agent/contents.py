"""What a body is, by its headers and its first bytes: its type, its coding undone, its text. Bounded, and without parsers.

A body comes from strangers. No more than is asked for is ever unpacked, whatever it was packed from; the codec is one of a
list, because Python knows some that take for ever.
"""

from __future__ import annotations

import codecs
import dataclasses
import enum
import re
import zlib
from collections.abc import Iterable
from typing import Final

from hyco.fields import elements_of, values_of

Fields = Iterable[tuple[str, str]]

MAX_CODINGS: Final = 3
"""Codings one over the other that are undone. Nobody has a use for two."""


class Form(enum.Enum):
    """What can be made of a text."""

    JSON = "json"
    XML = "xml"
    FORM = "form"
    OTHER = "other"


def media_type(headers: Fields) -> str:
    """The type without its parameters, in lower case; empty where none is given."""
    values = values_of(headers, "content-type")
    return values[0].partition(";")[0].strip().lower() if values else ""


def form_of(media: str) -> Form:
    """What a body of the type *media* can be laid out as."""
    if media.endswith(("/json", "+json", "/x-json", "/json5", "/ndjson", "/x-ndjson", "/jsonl")):
        return Form.JSON
    if media.endswith(("/xml", "+xml", "/xml-dtd")):
        return Form.XML
    if media == "application/x-www-form-urlencoded":
        return Form.FORM
    return Form.OTHER


def is_image(media: str) -> bool:
    """Whether a body of the type *media* is a picture. SVG is not: it is a text that draws."""
    return media.startswith("image/") and "svg" not in media


@dataclasses.dataclass(frozen=True, slots=True)
class Unpacked:
    """A body without its coding."""

    data: bytes
    is_whole: bool
    """Whether that is all of what was given."""
    coding: str = ""
    """The coding that was undone, or could not be."""
    problem: str = ""
    """Why it was not undone, or not to the end; *data* has what could be."""


def unpacked(data: bytes, headers: Fields, limit: int) -> Unpacked:
    """Undo the content coding of *data*, which may be cut, for at most *limit* bytes."""
    codings = [coding.lower() for coding in elements_of(headers, "content-encoding")]
    codings = [coding for coding in codings if coding != "identity"]
    shown = ", ".join(codings)
    if not codings:
        return Unpacked(data[:limit], len(data) <= limit)
    if len(codings) > MAX_CODINGS:
        return Unpacked(data[:limit], len(data) <= limit, shown, "it is packed too often")
    is_whole = True
    for coding in reversed(codings):
        if coding not in ("gzip", "x-gzip", "deflate"):
            problem = f"the coding {coding} is not known here"
            return Unpacked(data[:limit], is_whole and len(data) <= limit, shown, problem)
        try:
            data, is_all = _inflated(data, coding, limit)
        except zlib.error as error:
            return Unpacked(data[:limit], len(data) <= limit, shown, f"it is not {coding}: {error}")
        is_whole = is_whole and is_all
    return Unpacked(data, is_whole, shown)


def _inflated(data: bytes, coding: str, limit: int) -> tuple[bytes, bool]:
    made, rest, window = bytearray(), data, _window(data, coding)
    while rest and len(made) < limit:
        inflater = zlib.decompressobj(window)
        try:
            made += inflater.decompress(rest, limit - len(made))
        except zlib.error:
            if not made:
                raise
            return bytes(made), False  # rubbish behind what was good
        if not inflater.eof:
            return bytes(made), False  # cut, or longer than the limit
        rest = inflater.unused_data
        if coding == "deflate":
            break  # one stream; gzip may have several
    return bytes(made), not rest or coding == "deflate"


def _window(data: bytes, coding: str) -> int:
    """Zlib's name for the format. What HTTP calls deflate has a header of two bytes, which some leave out."""
    if coding != "deflate":
        return zlib.MAX_WBITS | 16
    has_header = len(data) >= 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


# --- text ------------------------------------------------------------------------------------------------------------

_CHARSET: Final = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_KNOWN_CHARSET: Final = re.compile(
    r"utf[-_]?(?:8|16|32)(?:[-_]?[lb]e)?|(?:us[-_])?ascii|latin[-_]?[0-9]{1,2}|iso[-_]?8859[-_][0-9]{1,2}"
    r"|(?:windows[-_]|cp)(?:125[0-8]|874|437|850|852|866|932|936|949|950)|koi8[-_][rut]|mac[-_]roman"
    r"|shift[-_]?jis|sjis|euc[-_]?(?:jp|kr)|iso[-_]2022[-_](?:jp|kr)|gbk|gb2312|gb18030|big5|tis[-_]620",
    re.IGNORECASE,
)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Bytes that no text has: control characters but tab, line feed, form feed, carriage return and escape.
_NOT_TEXT: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_LOOKED_AT: Final = 8_192


def charset(headers: Fields) -> str:
    """The codec that the type names; empty where it names none, or one that is not known here."""
    values = values_of(headers, "content-type")
    found = _CHARSET.search(values[0]) if values else None
    if found is None or not _KNOWN_CHARSET.fullmatch(found[1]):
        return ""
    try:
        return codecs.lookup(found[1]).name
    except LookupError:
        return ""


def as_text(data: bytes, headers: Fields, *, is_cut: bool = False) -> str | None:
    """*data* as text; None where it is none.

    Args:
        data: A body without its coding.
        headers: Those that came with it.
        is_cut: Whether there is more: then its last character may be half.
    """
    named = charset(headers)
    for mark, codec in _BOMS:
        if data.startswith(mark):
            return _decoded(data, codec, is_cut=is_cut, errors="replace")
    if named and named != "utf-8":
        return _decoded(data, named, is_cut=is_cut, errors="replace")
    if _NOT_TEXT.search(data, 0, _LOOKED_AT):
        return None
    text = _decoded(data, "utf-8", is_cut=is_cut, errors="strict")
    if text is not None:
        return text
    if named or media_type(headers).startswith("text/"):
        return _decoded(data, named or "windows-1252", is_cut=is_cut, errors="replace")
    return None


def _decoded(data: bytes, codec: str, *, is_cut: bool, errors: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(codec)(errors).decode(data, not is_cut)
    except UnicodeError:
        return None
