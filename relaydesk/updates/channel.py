"""Fetching: the list of versions, and a package. Bounded in time and size; over HTTPS alone, whoever redirects.

Who is asked learns this program's version and nothing of its user: no cookie, no id.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import aiohttp
from yarl import URL

from agent.errors import ConfigError
from agent.network import Network

from .. import __version__
from .manifest import MAX_LIST_BYTES, MAX_SIGNATURE_BYTES, Package, UpdateError

#: For the list, from asking to its end.
LIST_S: Final = 20.0
#: Between two pieces of a package.
IDLE_S: Final = 30.0
#: For a whole package: 50 MB at 30 KB/s.
PACKAGE_S: Final = 1_800.0
_MAX_REDIRECTS: Final = 5
_PIECE_BYTES: Final = 65_536

_Get: TypeAlias = Callable[[URL], Awaitable[aiohttp.ClientResponse]]


class Channel:
    """The way to where versions are announced.

    Args:
        network: Gives the way to gateways, for its proxy and its roots: it is the same here. Raises UpdateError where the
            settings that say it cannot be read.
    """

    def __init__(self, network: Callable[[], Network]) -> None:
        self._network = network

    async def fetch_list(self, url: str) -> tuple[bytes, bytes]:
        """The list at *url*, and its signature from ``url.sig``.

        Raises:
            UpdateError: It cannot be had.
        """
        try:
            async with asyncio.timeout(LIST_S), self._session(LIST_S) as get:
                content = await _read(get, url, MAX_LIST_BYTES)
                return content, await _read(get, f"{url}.sig", MAX_SIGNATURE_BYTES)
        except TimeoutError:
            raise UpdateError(f"no answer within {LIST_S:g} s from where versions are announced") from None

    async def download(self, package: Package, folder: Path, tell: Callable[[int], object]) -> Path:
        """Fetch *package* into *folder*; where it is. Cancelled or failed, it leaves nothing.

        Args:
            package: What.
            folder: Where.
            tell: Called with how many bytes are there.

        Raises:
            UpdateError: It cannot be had, or is not what was signed.
        """
        part = folder / f"{package.name}.part"
        try:
            await asyncio.to_thread(_make_room, folder, part)
            try:
                async with asyncio.timeout(PACKAGE_S), self._session(IDLE_S) as get:
                    await self._write(get, package, part, tell)
                target = await asyncio.to_thread(_put_in_place, part, folder / package.name)
            finally:
                part.unlink(missing_ok=True)
        except TimeoutError:
            raise UpdateError("the download came to a standstill") from None
        except OSError as error:
            raise UpdateError(f"it cannot be written to {folder}: {error.strerror or error}") from error
        return target

    async def _write(
        self,
        get: _Get,
        package: Package,
        part: Path,
        tell: Callable[[int], object],
    ) -> None:
        count, digest = 0, hashlib.sha256()
        async with _answer(get, package.url) as answer:
            with part.open("xb") as file:
                try:
                    async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                        count += len(piece)
                        if count > package.bytes:
                            raise UpdateError("more came than was announced; it was thrown away")
                        digest.update(piece)
                        file.write(piece)
                        tell(count)
                except aiohttp.ClientError as error:
                    raise UpdateError(f"the download broke off: {error}") from error
        if (count, digest.hexdigest()) != (package.bytes, package.sha256):
            raise UpdateError("what came is not what was signed; it was thrown away")

    @asynccontextmanager
    async def _session(self, idle_s: float) -> AsyncIterator[_Get]:
        network = self._network()
        try:
            tls = network.tls
        except ConfigError as error:
            raise UpdateError(str(error)) from error
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"RelayDesk/{__version__}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=LIST_S, sock_read=idle_s),
            trust_env=False,  # else it would send what ~/.netrc has for the host
        ) as session:

            async def get(url: URL) -> aiohttp.ClientResponse:
                proxy = network.proxy_for(url.host or "", url.port or 443, is_secure=True)
                if proxy is not None and not proxy.startswith("http"):
                    raise UpdateError(
                        "new versions can be looked for through an HTTP proxy alone, not a SOCKS one"
                    )
                return await session.get(url, allow_redirects=False, proxy=proxy)

            yield get


def _put_in_place(part: Path, wanted: Path) -> Path:
    """Give the file its name, or the first like it that nobody has: what is there is the user's."""
    target, number = wanted, 2
    while target.exists():
        target = wanted.with_name(f"{number}-{wanted.name}")
        number += 1
    return part.rename(target)


def _make_room(folder: Path, part: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)


async def _read(get: _Get, url: str, limit: int) -> bytes:
    content = b""
    async with _answer(get, url) as answer:
        try:
            async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                content += piece
                if len(content) > limit:
                    raise UpdateError("the answer is too long for a list of versions")
        except aiohttp.ClientError as error:
            raise UpdateError(f"the list of versions broke off: {error}") from error
    return content


@asynccontextmanager
async def _answer(get: _Get, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a GET, after redirects that all lead to HTTPS."""
    at = URL(url)
    for _ in range(_MAX_REDIRECTS + 1):
        if at.scheme != "https":
            raise UpdateError("versions are announced over HTTPS alone, and this leads elsewhere")
        try:
            answer = await get(at)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpdateError(f"{at.host} cannot be reached: {str(error) or type(error).__name__}") from error
        async with answer:
            if answer.status in (301, 302, 303, 307, 308) and "Location" in answer.headers:
                try:
                    at = at.join(URL(answer.headers["Location"]))
                except ValueError:  # nobody has signed it
                    raise UpdateError(f"{at.host} redirects to what is no address") from None
                continue
            if answer.status != 200:
                raise UpdateError(f"{at.host} answered {answer.status}")
            yield answer
            return
    raise UpdateError("the redirects do not end")
