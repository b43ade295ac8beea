from __future__ import annotations

import errno
import socket

import pytest

from gateway.binding import cannot_bind
from gateway.config import HostPort
from gateway.errors import AddressTakenError, ConfigError
from tests.support.gateways import running_gateway


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(errno.EADDRNOTAVAIL, "any words"), "it is not an address of this computer"),
        (
            OSError("could not bind on any address out of [('203.0.113.1', 1)]"),
            "it is not an address of this computer",
        ),
        (OSError(errno.EACCES, "x"), "this user may not; choose a port above 1023"),
        (OSError(errno.EADDRINUSE, "x"), "another program has it"),
        (socket.gaierror(-2, "Name or service not known"), "the host name is not known"),
        (OSError(errno.EAFNOSUPPORT, "x"), "address family not supported by protocol"),
        (OSError("words alone"), "words alone"),
    ],
)
def test_it_says_why_in_the_same_words_everywhere(error: OSError, why: str) -> None:
    said = cannot_bind("bind", HostPort("203.0.113.1", 1), error)
    assert str(said) == f"bind: cannot listen on 203.0.113.1:1: {why}"


@pytest.mark.parametrize("setting", ["bind", "admin_bind"])
def test_a_port_that_is_taken_says_what_to_do(setting: str) -> None:
    said = cannot_bind(setting, HostPort("127.0.0.1", 1), OSError(errno.EADDRINUSE, "x"))
    assert isinstance(said, AddressTakenError)
    assert "--" + setting.replace("_", "-") in said.next_step


@pytest.mark.parametrize("setting", ["bind", "admin_bind"])
@pytest.mark.allow_log_warnings("asyncio: error while attempting to bind")  # Python 3.13's own
async def test_a_foreign_address_is_said(setting: str) -> None:
    elsewhere = HostPort("203.0.113.1", 0)
    with pytest.raises(ConfigError, match=f"^{setting}: .* it is not an address of this computer"):
        async with running_gateway(**{setting: elsewhere if setting == "admin_bind" else (elsewhere,)}):
            pass
