"""The body of a request that ``send`` makes: a text, or a file or standard input, streamed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypeAlias, TypeVar

from .exits import UsageError

RequestBody: TypeAlias = bytes | AsyncIterator[bytes]

_PIECE_BYTES = 65_536

_Result = TypeVar("_Result")


@contextlib.contextmanager
def opened_body(option: str | None) -> Iterator[RequestBody | None]:
    """The body that ``--data`` means; files are open while the block runs.

    Raises:
        UsageError: The file cannot be read.
    """
    if option is None:
        yield None
    elif option in ("-", "@-"):
        yield _pieces(lambda size: os.read(sys.stdin.fileno(), size))  # what is there, and not a whole piece
    elif option.startswith("@"):
        try:
            file = Path(option[1:]).expanduser().open("rb")
        except OSError as error:
            raise UsageError(f"cannot read {option[1:]}: {error.strerror or error}") from error
        with file:
            yield _pieces(file.read)
    else:
        # bytes that are no text of this locale come as surrogates, and leave as they came
        yield option.encode("utf-8", "surrogateescape")


async def _pieces(read: Callable[[int], bytes]) -> AsyncIterator[bytes]:
    while piece := await _in_thread(lambda: read(_PIECE_BYTES)):
        yield piece


async def _in_thread(work: Callable[[], _Result]) -> _Result:
    """Do *work* in a thread of its own, which nobody waits for when this is cancelled.

    The loop's own threads are waited for at the end, and one that reads a terminal would hold Ctrl-C up.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def tell(result: _Result | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type] # None only beside an error

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - handed on to whoever waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, result, failure)

    threading.Thread(target=run, name="request body", daemon=True).start()
    return await done
