"""Verbs that are loaded when they are asked for.

A program that begins with all of them pays for all of them: most of a second of imports, for a verb that needs a fifth of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb is.

    Attributes:
        module: Below this package.
        function: In it; what it takes are the verb's arguments and options.
        panel: What the help shows it under.
    """

    module: str
    function: str
    panel: str | None = None

    def command(self, name: str) -> TyperCommand:
        """Load it."""
        function: Callable[..., object] = getattr(
            import_module(f".{self.module}", __package__), self.function
        )
        # typer gives the command itself where an application has but one
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name, rich_help_panel=self.panel)(function)
        command = typer.main.get_command(alone)
        assert isinstance(command, TyperCommand)
        return command


class VerbGroup(TyperGroup):
    """Verbs by their names, in the order of the help; what typer was given besides comes after them."""

    verbs: ClassVar[Mapping[str, Verb]] = {}

    def __init__(self, *, commands: Mapping[str, Any] | None = None, **others: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**others)
        self.commands = _Commands(self.verbs, commands or {})


class _Commands(MutableMapping[str, Any]):
    """What a group of typer's looks its commands up in: their names are known before they are loaded."""

    def __init__(self, verbs: Mapping[str, Verb], others: Mapping[str, Any]) -> None:
        self._known: dict[str, Any] = {**verbs, **others}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - typer's own class of commands is not public
        found = self._known[name]
        if isinstance(found, Verb):
            found = self._known[name] = found.command(name)
        return found

    def __setitem__(self, name: str, command: Any) -> None:  # noqa: ANN401
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
