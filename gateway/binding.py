"""Why an address cannot be bound, in the same words on every Python and with every loop. Pure."""

from __future__ import annotations

import errno
import os
import socket

from .config import HostPort
from .errors import AddressTakenError, ConfigError

# Newer Pythons (from 3.12.3 on) pass over an address that is not there, and raise this, without a number, when none was left.
_NO_ADDRESS = "could not bind on any address"

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
