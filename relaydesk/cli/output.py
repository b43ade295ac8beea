"""What a verb says: to people, or with ``--json`` to programs.

Standard output holds the product of a verb alone: what it was asked for, or with ``--json`` one JSON object a line and
nothing else. Everything that accompanies it (warnings, what is being waited for, errors) goes to standard error.
Nothing that came over the network reaches a terminal unescaped.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hyco.redaction import escape_controls, one_line
from hyco.tracking import untraced

#: What JSON can say.
Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

#: Rich folds lines at the terminal's edge; what is piped or copied must stay whole.
_UNFOLDED_WIDTH = 1_000


class Output:
    """Where one verb's words go.

    Args:
        as_json: For programs.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._said_waiting: set[str] = set()
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at standard error as it is written."""
        return self._err.is_terminal

    def event(self, name: str, text: str, *, style: str = "", **fields: Json) -> None:
        """Say that something happened: *text* to people, ``{"event": name, …}`` to programs."""
        if self.as_json:
            self._write_json({"event": name, **fields})
        elif text:
            self._said_waiting.clear()
            self._say(text, style)

    def trouble(self, name: str, text: str, **fields: Json) -> None:
        """Say that something went wrong and the verb goes on: to people on standard error, to programs as any event."""
        if self.as_json:
            self._write_json({"event": name, **fields})
        else:
            self._said_waiting.clear()
            self._err.print(Text(one_line(text), style="red"), soft_wrap=True)

    def result(self, text: str, value: Json) -> None:
        """Give what was asked for: *text* to people, as it is; *value* to programs."""
        if self.as_json:
            self._write_json(value)
        else:
            self._say(text)

    def show(self, text: str) -> None:
        """Show people a line of what others have written: it may rewrite nothing on a terminal."""
        self._out.print(Text(escape_controls(text)), soft_wrap=True)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows to people."""
        table = Table(*headings, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(one_line(cell)) for cell in row))
        self._out.print(table)

    def note(self, text: str) -> None:
        """Tell people something beside the product."""
        self._err.print(Text(one_line(text), style="dim"), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Tell people of a danger, in one line."""
        self._err.print(Text.assemble(("warning: ", "yellow"), one_line(text)), soft_wrap=True)

    @contextlib.contextmanager
    def waiting(self, text: str, *, plain: str | None = None) -> Iterator[None]:
        """Show what is being waited for while the block runs.

        A pipe or file gets it as a line: *plain*, where *text* has what changes from try to try. It gets each line once
        until something happens, for a gateway that is away for a night is tried a thousand times.
        """
        if not self._err.is_terminal:
            line = plain or text
            if not self.as_json and untraced(line) not in self._said_waiting:
                self._said_waiting.add(untraced(line))
                self.note(f"{line} ...")
            yield
            return
        with self._err.status(Text(one_line(text)), spinner="line"):
            yield

    def _say(self, text: str, style: str = "") -> None:
        for line in text.splitlines() or [""]:
            # not redacted: a verb that prints a connection string was asked for one
            self._out.print(Text(line, style=style), soft_wrap=True)
        self._out.file.flush()

    def _write_json(self, value: Json) -> None:
        self._out.file.write(json.dumps(value) + "\n")
        self._out.file.flush()


def _console(stream: IO[str]) -> Console:
    width = None if stream.isatty() else _UNFOLDED_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
