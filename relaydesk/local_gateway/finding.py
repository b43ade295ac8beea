"""The way to a gateway of one's own.

Where a gateway runs on the data folder, its admin API is asked, so that a change takes effect at once; where none runs,
the folder's store is opened, under the lock that keeps a gateway from starting meanwhile. Each way is loaded when it is
taken: an HTTP client for the one, a database and cryptography for the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from gateway.config import GatewayConfig, HostPort
from gateway.data_folder import DataFolder
from gateway.errors import DataFolderError

from .administration import Administration
from .errors import AdministrationError, Failure, LocalGatewayError


def is_running(data_folder: Path) -> bool:
    """Whether a gateway runs on this data folder, and says where its admin API is. Blocks for a moment.

    Raises:
        LocalGatewayError: The folder cannot be used.
    """
    try:
        return DataFolder(data_folder).running_admin_address() is not None
    except DataFolderError as error:
        raise LocalGatewayError(str(error)) from error


def ca_file(data_folder: Path) -> Path | None:
    """The certificate authority that the gateway on this folder made for itself, if it did."""
    file = DataFolder(data_folder).tls_folder / "ca.pem"
    return file if file.is_file() else None


@contextlib.asynccontextmanager
async def administration_of(
    data_folder: Path,
    *,
    namespace: str | None = None,
    config: GatewayConfig | None = None,
    may_make: bool = False,
) -> AsyncIterator[Administration]:
    """Reach the gateway with this data folder, or the folder itself where none runs.

    Args:
        data_folder: Where it keeps its things.
        namespace: Which namespace; needed where there are several.
        config: How the gateway would be run, for the address in connection strings; the defaults if not given.
        may_make: Whether to make the folder, with a namespace and keys, where there is none. Who only asks does not.

    Raises:
        AdministrationError: It cannot be reached, there is none, or the namespace is not clear.
        DataFolderError: The folder cannot be used.
    """
    folder = DataFolder(data_folder)
    address = folder.running_admin_address()
    if address is not None:
        async with _by_api(address, folder, namespace) as administration:
            yield administration
    else:
        if not (may_make or folder.has_data()):
            raise AdministrationError(
                f"there is no gateway's data in {data_folder}",
                "give the right folder by --data; `relaydesk gateway relay create NAME` makes a gateway's data",
                failure=Failure.UNCLEAR,
            )
        if (store := folder.shared_store()) is not None:
            raise AdministrationError(
                f"the gateway with the data in {data_folder} keeps its hybrid connections and keys in {store}, and does not run",
                "start it, and ask again",
                failure=Failure.UNREACHABLE,
            )
        from .by_folder import administration_by_folder  # noqa: PLC0415 - see above

        config = config or GatewayConfig(data_folder=data_folder)
        async with administration_by_folder(folder, config, namespace) as administration:
            yield administration


@contextlib.asynccontextmanager
async def running_administration(data_folder: Path) -> AsyncIterator[Administration]:
    """Reach the gateway that runs on this data folder, and never the folder itself: one that is starting needs it.

    Raises:
        AdministrationError: None runs, or it cannot be reached.
    """
    folder = DataFolder(data_folder)
    try:
        address = folder.running_admin_address()
    except DataFolderError as error:
        raise AdministrationError(str(error), failure=Failure.UNREACHABLE) from error
    if address is None:
        raise AdministrationError("the gateway of this computer is not running", failure=Failure.UNREACHABLE)
    async with _by_api(address, folder) as administration:
        yield administration


async def running_ports(data_folder: Path) -> frozenset[int]:
    """Where the gateway on this data folder listens, itself and its admin API; empty where that cannot be found out."""
    folder = DataFolder(data_folder)
    try:
        address = await asyncio.to_thread(folder.running_admin_address)
        if address is None:
            return frozenset()
        async with _by_api(address, folder) as administration:
            return frozenset({address.port, administration.endpoint.port})
    except (AdministrationError, DataFolderError):
        return frozenset()


def _by_api(
    address: HostPort, folder: DataFolder, namespace: str | None = None
) -> AbstractAsyncContextManager[Administration]:
    from .by_api import administration_by_api  # noqa: PLC0415 - see above

    return administration_by_api(address, folder.admin_token(), namespace)
