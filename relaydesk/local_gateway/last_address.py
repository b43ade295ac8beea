"""Where a gateway was reached when it last ran: for connection strings that are made while it does not run."""

from __future__ import annotations

from pathlib import Path

from gateway.private_files import read_private, write_whole
from hyco.addresses import Endpoint, parse_endpoint
from hyco.errors import InvalidAddressError

_FILE = "last-address"


def note_address(data_folder: Path, endpoint: Endpoint) -> None:
    """Remember *endpoint*. Called by a gateway that holds the folder's lock.

    Raises:
        DataFolderError: It cannot be written.
    """
    write_whole(data_folder / _FILE, f"{endpoint.http_origin}/\n".encode())


def last_address(data_folder: Path) -> Endpoint | None:
    """Where the gateway of this folder was last reached; None if it never ran, or that cannot be understood any more.

    Raises:
        DataFolderError: The file is not this user's alone.
    """
    content = read_private(data_folder / _FILE)
    try:
        return None if content is None else parse_endpoint(content.decode("ascii", "replace").strip())
    except InvalidAddressError:
        return None
