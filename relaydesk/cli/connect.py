"""``relaydesk connect``: bring a hybrid connection that somebody listens on to a local port."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from agent.config import (
    AgentConfig,
    ConnectionConfig,
    Credential,
    Deadlines,
    Direction,
    LocalAddress,
    NetworkConfig,
    parse_local_address,
)
from agent.credentials import Access
from agent.errors import AgentError, GatewayRejectedError
from agent.management import Management
from agent.network import Network
from agent.status import ConnectionStatus
from agent.supervisor import Agent
from hyco.names import canonical_path, check_name
from hyco.sas import Right

from .agent_lines import AgentLines
from .connection_strings import GivenConnection, check_is_for, find_connection_string
from .exits import UsageError
from .gateways import own_connection, running_administration
from .names import NamedAddress, parse_name
from .options import (
    AsJson,
    CaFile,
    ConnectionStringFile,
    ConnectionStringOption,
    DataFolderOption,
    Insecure,
    LogJson,
    Verbosity,
    begin,
    check_is_private,
    data_folder,
)
from .output import Output
from .problems import refused, translate
from .running import run_agent, run_until_stopped

#: How long binding waits for the gateway to say whether it can work.
_QUESTION_S = 5.0


def connect(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help="The hybrid connection, or its URL where senders need no token.",
        ),
    ],
    local: Annotated[
        str,
        typer.Option(
            metavar="[HOST:]PORT",
            show_default=False,
            help="The local address to bind; without HOST, only this computer can connect. Port 0: a free one.",
        ),
    ],
    connection_string: ConnectionStringOption = None,
    connection_string_file: ConnectionStringFile = None,
    data: DataFolderOption = None,
    ca: CaFile = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
    log_json: LogJson = False,
) -> None:
    """Bring a hybrid connection to a local port, until Ctrl-C.

    Without a connection string, it is one of the gateway that this user runs on this computer.
    """
    output = begin(as_json, verbosity, log_json=log_json)
    address = parse_local_address(local)
    wanted = parse_name(name)
    if wanted.query:
        raise UsageError(
            "a local port leads to a hybrid connection, which has no query", "leave out ? and what follows"
        )
    canonical_path(wanted.path)
    check_name(wanted.path)  # what can be no name will not become one by trying again
    given = find_connection_string(connection_string, connection_string_file, output)
    if given is not None:
        check_is_for(given, wanted)
    run_until_stopped(
        _connect(wanted, address, given, folder=data_folder(data), ca=ca, insecure=insecure, output=output)
    )


async def _connect(
    wanted: NamedAddress,
    local: LocalAddress,
    given: GivenConnection | None,
    *,
    folder: Path,
    ca: Path | None,
    insecure: bool,
    output: Output,
) -> None:
    endpoint, path = wanted.endpoint, wanted.path
    if given is not None:
        endpoint, credential = given.value.endpoint, given.credential
    elif endpoint is not None:
        scheme = "https" if endpoint.is_secure else "http"
        credential = Credential(gateway=f"{scheme}://{endpoint.authority}/")
    else:
        async with running_administration(folder) as administration:
            own = await own_connection(administration, folder, path, Right.SEND)
        endpoint, credential, path = own.given.value.endpoint, own.given.credential, own.info.name
        ca = ca or own.ca_file
    check_is_private(endpoint, is_insecure_allowed=insecure)
    connection = ConnectionConfig(
        credential=credential, path=path, direction=Direction.CONNECT, local=local, insecure=insecure
    )
    if given is not None:
        await _warn_of_refusal(Access(endpoint, path, given.value), ca, output)
    lines = AgentLines(output, lambda status: _say_bound(status, output))
    config = AgentConfig(connections=(connection,), network=NetworkConfig(ca_file=ca))
    try:
        await run_agent(Agent(config), lines)
    finally:
        lines.close()
        output.event("stopped", "", relay=path)


async def _warn_of_refusal(access: Access, ca: Path | None, output: Output) -> None:
    """Say beforehand what would otherwise only show when a program connects.

    It is the question what the hybrid connection is, which our gateway answers to every key of it. Azure's answers to those
    with Manage alone, so *no right* says nothing about sending; and there may be a listener, or a gateway, by the time that
    somebody connects. Hence a warning, and the port is bound all the same.
    """
    network = Network(NetworkConfig(ca_file=ca))
    network.prepare()
    name = access.path
    try:
        async with asyncio.timeout(_QUESTION_S):
            with output.waiting(f"asking {access.endpoint.authority} about {name}"):
                found = await Management(access, network, Deadlines()).describe()
    except GatewayRejectedError as error:
        if "Authorization failed" in error.reason:
            return
        output.warn(f"no connection will get through: {refused(error.status, error.reason, name)}")
    except (AgentError, TimeoutError) as error:
        problem = translate(error) or f"{access.endpoint.authority} did not answer in time"
        output.warn(f"no connection gets through now: {problem}")
    else:
        if found is None:
            output.warn(f"no connection gets through now: the gateway has no hybrid connection {name}")


def _say_bound(status: ConnectionStatus, output: Output) -> None:
    output.event(
        "listening",
        f"ready: {status.leads_to} leads to {status.path} at {status.gateway}",
        style="bold",
        again=False,
        local=status.leads_to,
        relay=status.path,
        gateway=status.gateway,
    )
