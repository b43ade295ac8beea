"""The gateway that a verb works with when it was given no connection string: one's own, running or to be started."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from agent.config import Credential
from gateway.data_folder import DataFolder
from hyco.connection_string import parse
from hyco.redaction import one_line
from hyco.sas import Right

from ..local_gateway.administration import Administration, HybridConnectionInfo, find_connection, key_for
from ..local_gateway.child import BundledGateway, running_gateway
from ..local_gateway.errors import LocalGatewayError
from ..local_gateway.finding import administration_of
from .connection_strings import VARIABLE, GivenConnection
from .exits import CliError, ExitCode, UsageError
from .output import Output


@dataclass(frozen=True, slots=True)
class OwnConnection:
    """A hybrid connection of one's own gateway, and a key for it.

    Attributes:
        given: As if the connection string had been given.
        info: What the gateway says of it.
        ca_file: The authority of its certificate, where it made that itself.
    """

    given: GivenConnection
    info: HybridConnectionInfo
    ca_file: Path | None


@contextlib.asynccontextmanager
async def own_gateway(data_folder: Path, output: Output) -> AsyncIterator[BundledGateway | None]:
    """Have a gateway on *data_folder* while the block runs: the bundled one, started now, or one that runs already (None).

    Raises:
        CliError: It did not start.
    """
    ready: BundledGateway | None = None

    def pass_on(line: str) -> None:
        # why it did not start is in our own error
        if ready is not None or not line.startswith("error: "):
            print(one_line(line), file=sys.stderr, flush=True)  # noqa: T201 - the child's log, as if it were ours

    async with contextlib.AsyncExitStack() as stack:
        if DataFolder(data_folder).running_admin_address() is None:
            try:
                with output.waiting("starting a gateway on this computer"):
                    ready = await stack.enter_async_context(running_gateway(data_folder, on_line=pass_on))
            except LocalGatewayError as error:
                raise CliError(
                    str(error),
                    "" if ";" in str(error) else f"its data is in {data_folder}",
                    code=ExitCode.USAGE if error.exit_code == ExitCode.USAGE else ExitCode.FAILED,
                ) from error
            output.event(
                "gateway",
                f"no gateway was given: started one for this computer at {ready.url}"
                f" (process {ready.pid}, data in {data_folder}); it ends with this command",
                url=ready.url,
                pid=ready.pid,
                data=str(data_folder),
                started=True,
            )
        else:
            async with administration_of(data_folder) as administration:
                url = administration.endpoint.http_origin
            output.event(
                "gateway",
                f"no gateway was given: taking the one that runs at {url} (data in {data_folder})",
                url=url,
                data=str(data_folder),
                started=False,
            )
        yield ready


async def own_connection(
    administration: Administration, data_folder: Path, name: str, rights: Right
) -> OwnConnection:
    """The hybrid connection *name* of one's own gateway, with a key of just these rights.

    Raises:
        CliError: There is none.
    """
    text = await key_for(administration, name, rights)
    info = await find_connection(administration, name)
    if info is None:
        raise CliError(f"the hybrid connection {name!r} has just been deleted", code=ExitCode.REFUSED)
    ca_file = DataFolder(data_folder).tls_folder / "ca.pem"
    return OwnConnection(
        GivenConnection(parse(text), Credential(text=text)),
        info,
        ca_file if administration.endpoint.is_secure and ca_file.is_file() else None,
    )


@contextlib.asynccontextmanager
async def running_administration(
    data_folder: Path, *, option: str = "--data"
) -> AsyncIterator[Administration]:
    """Reach the gateway that runs on *data_folder*, which the verb calls *option*.

    Raises:
        CliError: None runs, and no connection string was given either.
    """
    if DataFolder(data_folder).running_admin_address() is None:
        raise UsageError(
            "no connection string was given, and no gateway of this user is running",
            f"give --connection-string-file FILE or set {VARIABLE}, start `relaydesk gateway serve`, or say by"
            f" {option} DIR which gateway is meant",
        )
    async with administration_of(data_folder) as administration:
        yield administration
