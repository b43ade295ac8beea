"""Where a request of ``send`` goes, and by which right.

A token is sent to the gateway it was made for and to no other. The path of a request begins with the name of a hybrid
connection, but does not say where that ends: a connection string may, and a gateway of one's own knows.
"""

from __future__ import annotations

import dataclasses
import time
from contextlib import AsyncExitStack
from pathlib import Path

from agent.credentials import TOKEN_LIFETIME_S, Access
from agent.network import is_loopback
from gateway.data_folder import DataFolder
from gateway.errors import GatewayError
from hyco.addresses import Endpoint
from hyco.connection_string import ConnectionString
from hyco.names import canonical_path, covers
from hyco.sas import Right, audience, sign

from ..local_gateway.administration import Administration
from .connection_strings import GivenConnection
from .exits import CliError, ExitCode, UsageError
from .gateways import own_connection, running_administration
from .names import NamedAddress


@dataclasses.dataclass(frozen=True, slots=True)
class SendAccess:
    """The hybrid connection, what follows its name in the path, and certificates to trust besides the system's."""

    access: Access
    suffix: str
    ca_file: Path | None = None


async def find_send_access(
    wanted: NamedAddress, given: GivenConnection | None, data_folder: Path
) -> SendAccess:
    """Find out where the request goes, and with which token: of *given*, of one's own gateway, or with none.

    Raises:
        CliError: It cannot go anywhere.
    """
    if given is not None:
        return _with_given(wanted, given.value)
    async with AsyncExitStack() as stack:
        if wanted.endpoint is None:
            administration = await stack.enter_async_context(
                running_administration(data_folder, option="--gateway-data")
            )
            return await _with_own(wanted, administration, data_folder)
        if _is_running(data_folder):
            administration = await stack.enter_async_context(running_administration(data_folder))
            if _is_same(wanted.endpoint, administration.endpoint):
                return await _with_own(wanted, administration, data_folder)
    name, suffix = _split(wanted.path, 1)
    return SendAccess(Access(wanted.endpoint, name, None), suffix)


def _with_given(wanted: NamedAddress, given: ConnectionString) -> SendAccess:
    endpoint = given.endpoint
    if wanted.endpoint not in (None, endpoint):
        raise UsageError(
            f"the connection string is for {endpoint.authority}, and the URL for another gateway",
            "give the connection string of that gateway, or none where senders need no token",
        )
    if given.entity_path is not None:
        entity = canonical_path(given.entity_path)
        if not covers(entity, canonical_path(wanted.path)):
            raise UsageError(
                f"the connection string is for the hybrid connection {given.entity_path}, and not for {wanted.path}",
                f"give {given.entity_path}/...",
            )
        name, suffix = _split(wanted.path, entity.count("/") + 1)
        return SendAccess(Access(endpoint, name, given), suffix)
    if given.key_name is not None and given.key is not None:
        # a token for the whole namespace, as its key is: it holds whatever the hybrid connection's name turns out to be
        token = sign(
            audience(endpoint.host, ""), given.key_name, given.key, int(time.time()) + TOKEN_LIFETIME_S
        )
        given = dataclasses.replace(given, key_name=None, key=None, signature=token)
    name, suffix = _split(wanted.path, 1)
    return SendAccess(Access(endpoint, name, given), suffix)


async def _with_own(wanted: NamedAddress, administration: Administration, data_folder: Path) -> SendAccess:
    path = canonical_path(wanted.path)
    names = [found.name for found in await administration.connections() if covers(found.name.lower(), path)]
    if not names:
        raise CliError(
            f"your gateway at {administration.endpoint.authority} has no hybrid connection for {wanted.path}",
            "relaydesk gateway relay list shows those there are",
            code=ExitCode.REFUSED,
        )
    longest = max(names, key=len)
    own = await own_connection(administration, data_folder, longest, Right.SEND)
    name, suffix = _split(wanted.path, longest.count("/") + 1)
    # by the gateway's own address, and not by whatever else a URL calls this computer
    return SendAccess(Access(administration.endpoint, name, own.given.value), suffix, own.ca_file)


def _is_running(data_folder: Path) -> bool:
    try:
        return DataFolder(data_folder).running_admin_address() is not None
    except GatewayError:
        return False  # whatever is wrong there: a request to a URL does not depend on it


def _is_same(asked: Endpoint, own: Endpoint) -> bool:
    if asked == own:
        return True
    is_here = is_loopback(asked.host) and is_loopback(own.host)
    return is_here and (asked.port, asked.is_secure) == (own.port, own.is_secure)


def _split(path: str, segments: int) -> tuple[str, str]:
    """The first *segments* of *path*, and what follows them with its slash."""
    parts = path.split("/")
    name, rest = "/".join(parts[:segments]), parts[segments:]
    return name, "/" + "/".join(rest) if rest else ""
