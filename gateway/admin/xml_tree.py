"""Reading XML that somebody sent: only elements, attributes and text; nothing that refers to anything.

A document type and with it every entity is refused before it can expand or be fetched, and so is whatever is nested more
deeply than a description ever is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from ..entities import InvalidEntityError

MAX_DEPTH = 16
MAX_ELEMENTS = 1_000


class BadXmlError(InvalidEntityError):
    """A body that is not XML, or more than plain XML."""


@dataclass(slots=True)
class Element:
    """One element. *name* and the names of attributes are without namespace."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> Element | None:
        """The child of that name; None without one.

        Raises:
            BadXmlError: There are several.
        """
        found = [child for child in self.children if child.name == name]
        if len(found) > 1:
            raise BadXmlError(f"there is more than one {name}")
        return found[0] if found else None

    def text_of(self, name: str) -> str | None:
        """The text of the child of that name; None without one."""
        found = self.child(name)
        return None if found is None else found.text


def parse(content: bytes) -> Element:
    """The root element of a document.

    Raises:
        BadXmlError: It is none, or holds more than elements, attributes and text.
    """
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_instruction
    try:
        parser.Parse(content, True)
    except (expat.ExpatError, UnicodeError, LookupError, ValueError) as error:
        # the parser's own texts name a place, and never quote
        raise BadXmlError(f"the body is not XML: {error}") from error
    assert builder.root is not None
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise BadXmlError("the body has too many elements, or they are too deeply nested")
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        self._open[-1].text += data


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _refuse_doctype(*_: object) -> NoReturn:
    raise BadXmlError("the body has a document type or an entity; neither is read")


def _refuse_instruction(*_: object) -> NoReturn:
    raise BadXmlError("the body has a processing instruction; none is read")
