"""Headless Chromium, told what to do over its DevTools pipe.

Usage: ``browser SPKI PROFILE``: the digest of the certificate to trust besides public ones, and an empty folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from .lines import answer

#: What keeps Chromium from looking for its maker's servers, which are not on this island.
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
_HEADLESS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


class DevTools:
    """The pipe: JSON messages that end with a zero byte."""

    def __init__(self, reader: asyncio.StreamReader, writing: int) -> None:
        self._reader = reader
        self._writing = writing
        self._numbers = itertools.count(1)
        self._session: dict[str, str] = {}

    async def attach(self) -> None:
        """Open a tab, and speak with it from now on."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        await self.call("Page.enable")

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call *method* and give its result; events in between are of no interest."""
        number = next(self._numbers)
        self._write({"id": number, "method": method, "params": parameters, **self._session})
        while (message := await self._read()).get("id") != number:
            pass
        assert "error" not in message, message["error"]
        result: dict[str, Any] = message["result"]
        return result

    async def open(self, url: str) -> Mapping[str, Any]:
        """Load a page; gives its title and address."""
        await self.call("Page.navigate", url=url)
        while (await self._read()).get("method") != "Page.loadEventFired":
            pass
        return {
            "title": await self.evaluate("document.title"),
            "address": await self.evaluate("location.href"),
        }

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever JavaScript gives
        """Evaluate *expression* in the page, and wait for what it promises."""
        result = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def _write(self, message: Mapping[str, object]) -> None:
        os.write(self._writing, json.dumps(message).encode() + b"\0")

    async def _read(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads((await self._reader.readuntil(b"\0"))[:-1])
        return message


@contextlib.asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[DevTools]:
    """Run Chromium; it reads commands from descriptor 3 and writes to 4."""
    to_read, writing = os.pipe()
    reading, to_write = os.pipe()
    shell = f'exec "$@" 3<&{to_read} 4>&{to_write}'
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", shell, "sh", "chromium", *_HEADLESS, *_QUIET, *flags, "about:blank"),
        pass_fds=(to_read, to_write),
        stdout=sys.stderr,
    )
    os.close(to_read)
    os.close(to_write)
    reader = asyncio.StreamReader(limit=64 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0))
    try:
        devtools = DevTools(reader, writing)
        await devtools.attach()
        yield devtools
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def main() -> None:
    """Serve commands: ``open`` a page, or call one of its functions ``with`` something."""
    spki, profile = sys.argv[1:]
    trust = (f"--ignore-certificate-errors-spki-list={spki}", f"--user-data-dir={profile}")
    async with chromium(*trust) as devtools:

        async def handle(**command: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
            if "open" in command:
                return await devtools.open(command["open"])
            result: Mapping[str, Any] = await devtools.evaluate(
                f"{command['call']}({json.dumps(command['with'])})"
            )
            return result

        await answer(handle)


if __name__ == "__main__":
    asyncio.run(main())
