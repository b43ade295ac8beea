"""``relaydesk gateway cluster``: the gateways that act as one."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

from ..local_gateway.finding import administration_of
from .exits import CliError, ExitCode
from .options import AsJson, DataFolderOption, Verbosity, begin, data_folder
from .output import Output


def cluster(
    *,
    data: DataFolderOption = None,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Show the gateways that act as one with this computer's, and what goes on at each."""
    output = begin(as_json, verbosity)
    asyncio.run(_cluster(data_folder(data), output))


async def _cluster(folder: Path, output: Output) -> None:
    async with administration_of(folder) as administration:
        nodes = await administration.nodes()
        is_running = administration.is_running
    if not is_running:
        raise CliError("the gateway does not run", "start it, and ask again", code=ExitCode.REFUSED)
    if output.as_json:
        output.result("", [dataclasses.asdict(node) for node in nodes])
    elif not nodes:
        output.note("this gateway is alone; others join it by --store and --fabric")
    else:
        output.table(
            [
                "NAME",
                "LISTENERS",
                "RELAYED",
                "STATE",
                "HEARD",
                "LISTENERS MEET IT AT",
                "GATEWAYS REACH IT AT",
            ],
            [
                [
                    node.name,
                    str(node.listeners),
                    str(node.relayed_connections),
                    "stopping" if node.is_draining else "serving",
                    f"{node.heard_s:.0f} s ago",
                    node.node_url or "any",
                    node.peer_url or "-",
                ]
                for node in sorted(nodes, key=lambda node: node.name)
            ],
        )
