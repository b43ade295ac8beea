"""The way to a gateway of one's own.

Where a gateway runs on the data folder, its admin API is asked, so that a change takes effect at once; where none runs,
the folder's store is opened, under the lock that keeps a gateway from starting meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from gateway.config import GatewayConfig
from gateway.data_folder import DataFolder

from .administration import Administration
from .by_api import administration_by_api
from .by_folder import administration_by_folder


@contextlib.asynccontextmanager
async def administration_of(
    data_folder: Path, *, namespace: str | None = None, config: GatewayConfig | None = None
) -> AsyncIterator[Administration]:
    """Reach the gateway with this data folder, or the folder itself where none runs.

    Args:
        data_folder: Where it keeps its things.
        namespace: Which namespace; needed where there are several.
        config: How the gateway would be run, for the address in connection strings; the defaults if not given.

    Raises:
        AdministrationError: It cannot be reached, or the namespace is not clear.
        DataFolderError: The folder cannot be used.
    """
    folder = DataFolder(data_folder)
    address = folder.running_admin_address()
    if address is not None:
        async with administration_by_api(address, folder.admin_token(), namespace) as administration:
            yield administration
    else:
        config = config or GatewayConfig(data_folder=data_folder)
        async with administration_by_folder(folder, config, namespace) as administration:
            yield administration
