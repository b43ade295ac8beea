"""The desk's inspector: what was relayed over HTTP, looked at, sent again, and taken elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from agent.captured import (
    CapturedExchange,
    EditedRequest,
    ExchangeChanges,
    Message,
    MessagePage,
    Side,
)
from agent.curl import command_line
from agent.difference import difference
from agent.exchanges import Exchanges
from agent.har import archive

from .. import __version__
from ..blocking import NoAnswerError, call_blocking
from ..private_files import PrivateFileError, write_private
from ..snapshot import Trouble
from .engine import Engine
from .failures import fail, told

T = TypeVar("T")

#: For a piece of a body, from a disk that spins up or is somewhere in the network.
READ_S: Final = 10.0
PIECE_BYTES: Final = 1_048_576

#: For a comparison, and for an archive of all that can be kept.
WORK_S: Final = 120.0


class Inspector:
    """See the inspector's part of :class:`relaydesk.actions.Actions`.

    Args:
        exchanges: What was captured.
        engine: The agent, which sends what is sent again.
    """

    def __init__(self, exchanges: Exchanges, engine: Engine) -> None:
        self._captured = exchanges
        self._sender = engine

    def exchanges(self, since: int = 0) -> ExchangeChanges:
        """See Actions."""
        return self._captured.changes(since)

    def exchange(self, number: int) -> CapturedExchange | None:
        """See Actions."""
        return self._captured.get(number)

    async def exchange_body(self, number: int, side: Side, offset: int = 0, length: int = 1 << 20) -> bytes:
        """See Actions."""
        return await self._work(lambda: self._captured.body(number, side, offset, length), READ_S)

    async def exchange_messages(self, number: int, cursor: object = None, limit: int = 1_000) -> MessagePage:
        """See Actions."""
        return await self._work(lambda: self._captured.messages(number, cursor, limit), READ_S)

    async def exchange_message(self, number: int, message: Message, length: int = 1 << 20) -> bytes:
        """See Actions."""
        return await self._work(lambda: self._captured.message(number, message, length), READ_S)

    async def save_body(self, number: int, side: Side, path: Path) -> int:
        """See Actions."""
        saved = 0

        def pieces() -> Iterator[bytes]:
            nonlocal saved
            while piece := self._captured.body(number, side, saved, PIECE_BYTES):
                saved += len(piece)
                yield piece

        await self._work(lambda: write_private(path, pieces()), WORK_S)
        return saved

    async def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        """See Actions."""
        with told():
            return self._sender.replay(number, edited)

    async def pin(self, number: int, is_pinned: bool) -> None:
        """See Actions."""
        with told():
            self._captured.pin(number, is_pinned=is_pinned)

    async def annotate(self, number: int, note: str) -> None:
        """See Actions."""
        with told():
            self._captured.annotate(number, note)

    async def clear_exchanges(self) -> None:
        """See Actions."""
        self._captured.clear()

    async def export_har(self, numbers: Sequence[int], path: Path, *, reveals_secrets: bool = False) -> int:
        """See Actions."""
        there = [number for number in numbers if self._captured.get(number) is not None]

        def write() -> None:
            pieces = archive(self._captured, there, version=__version__, reveals_secrets=reveals_secrets)
            write_private(path, (piece.encode() for piece in pieces))

        await self._work(write, WORK_S)
        return len(there)

    async def curl(self, number: int, *, reveals_secrets: bool = False) -> str:
        """See Actions."""
        return await self._work(
            lambda: command_line(self._captured.find(number), reveals_secrets=reveals_secrets), READ_S
        )

    async def difference(self, number: int, other: int) -> str:
        """See Actions."""

        def compare() -> str:
            one, another = (self._captured.find(each).freeze() for each in (number, other))
            return difference(one, another, self._captured.body)

        return await self._work(compare, WORK_S)

    @staticmethod
    async def _work(function: Callable[[], T], deadline_s: float) -> T:
        try:
            with told():
                return await call_blocking(function, name="inspector", deadline_s=deadline_s)
        except PrivateFileError as error:
            raise fail(Trouble.DISK, str(error)) from error
        except NoAnswerError as error:
            raise fail(Trouble.DISK, f"the disk has not answered within {deadline_s:g} s") from error
