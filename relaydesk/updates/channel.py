"""Fetching: the list of versions, and a package. Bounded in time and size; over HTTPS alone, whoever redirects.

Who is asked learns this program's version and nothing of its user: no cookie, no id.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

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


class Channel:
    """The way to where versions are announced.

    Args:
        tls: Made when it is first needed; whom to trust.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls

    async def fetch_list(self, url: str) -> tuple[bytes, bytes]:
        """The list at *url*, and its signature from ``url.sig``.

        Raises:
            UpdateError: It cannot be had.
        """
        try:
            async with asyncio.timeout(LIST_S), self._session(LIST_S) as session:
                content = await _read(session, url, MAX_LIST_BYTES)
                return content, await _read(session, f"{url}.sig", MAX_SIGNATURE_BYTES)
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
                async with asyncio.timeout(PACKAGE_S), self._session(IDLE_S) as session:
                    await self._write(session, package, part, tell)
                target = folder / package.name
                await asyncio.to_thread(part.replace, target)
            finally:
                part.unlink(missing_ok=True)
        except TimeoutError:
            raise UpdateError("the download came to a standstill") from None
        except OSError as error:
            raise UpdateError(f"it cannot be written to {folder}: {error.strerror or error}") from error
        return target

    async def _write(
        self,
        session: aiohttp.ClientSession,
        package: Package,
        part: Path,
        tell: Callable[[int], object],
    ) -> None:
        count, digest = 0, hashlib.sha256()
        async with _answer(session, package.url) as answer:
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
    async def _session(self, idle_s: float) -> AsyncIterator[aiohttp.ClientSession]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"RelayDesk/{__version__}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=LIST_S, sock_read=idle_s),
            trust_env=True,  # the system's proxies
        ) as session:
            yield session


def _make_room(folder: Path, part: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)


async def _read(session: aiohttp.ClientSession, url: str, limit: int) -> bytes:
    content = b""
    async with _answer(session, url) as answer:
        try:
            async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                content += piece
                if len(content) > limit:
                    raise UpdateError("the answer is too long for a list of versions")
        except aiohttp.ClientError as error:
            raise UpdateError(f"the list of versions broke off: {error}") from error
    return content


@asynccontextmanager
async def _answer(session: aiohttp.ClientSession, url: str) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a GET, after redirects that all lead to HTTPS."""
    at = URL(url)
    for _ in range(_MAX_REDIRECTS + 1):
        if at.scheme != "https":
            raise UpdateError("versions are announced over HTTPS alone, and this leads elsewhere")
        try:
            answer = await session.get(at, allow_redirects=False)
        except (aiohttp.ClientError, OSError) as error:
            raise UpdateError(f"{at.host} cannot be reached: {str(error) or type(error).__name__}") from error
        async with answer:
            if answer.status in (301, 302, 303, 307, 308) and "Location" in answer.headers:
                at = at.join(URL(answer.headers["Location"]))
                continue
            if answer.status != 200:
                raise UpdateError(f"{at.host} answered {answer.status}")
            yield answer
            return
    raise UpdateError("the redirects do not end")
