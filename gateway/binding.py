"""Bind addresses, and say why one cannot be bound, in the same words on every Python and with every loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket

from .config import HostPort
from .errors import AddressTakenError, ConfigError

# Newer Pythons (from 3.12.3 on) pass over an address that is not there, and raise this, without a number, when none was left.
_NO_ADDRESS = "could not bind on any address"

#: What the system says where it has no room for one more connection.
SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_NEXT_STEPS = {
    "bind": "give another --bind, or --or-any-port to take any free one",
    "admin_bind": "give another --admin-bind; port 0 is any free one",
}


def cannot_bind(setting: str, address: HostPort, error: OSError) -> ConfigError:
    """The error to raise for *error*, which came of binding *address*, as *setting* says."""
    what = f"{setting}: cannot listen on {address}"
    number = error.errno
    if isinstance(error, socket.gaierror):
        return ConfigError(f"{what}: the host name is not known")
    if number is None and _NO_ADDRESS in str(error):
        number = errno.EADDRNOTAVAIL
    match number:
        case errno.EADDRINUSE:
            return AddressTakenError(f"{what}: another program has it", _NEXT_STEPS[setting])
        case errno.EADDRNOTAVAIL:
            return ConfigError(f"{what}: it is not an address of this computer")
        case errno.EACCES:
            return ConfigError(f"{what}: this user may not; choose a port above 1023")
        case None:
            return ConfigError(f"{what}: {error}")
        case _:
            return ConfigError(f"{what}: {os.strerror(number).lower()}")


async def listening_sockets(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Listen on every address of *host* that this computer has, as asyncio's create_server does.

    Raises:
        OSError: One of them cannot be bound, or none is this computer's.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    not_here: OSError | None = None
    with contextlib.ExitStack() as undo:
        sockets = []
        for family, _, _, _, address in dict.fromkeys(found):
            try:
                # for IPv6 alone, so that the same port of IPv4 is another address
                listening = socket.create_server(address[:2], family=family, backlog=backlog)
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                not_here = error
                continue
            undo.callback(listening.close)
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sockets.append(listening)
        if not sockets and not_here is not None:
            raise not_here
        undo.pop_all()
    return sockets
