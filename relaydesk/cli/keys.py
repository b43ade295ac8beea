"""``relaydesk gateway keys``: print a connection string."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from hyco.addresses import check_name

from ..local_gateway.administration import key_for
from ..local_gateway.finding import administration_of
from .options import AsJson, DataFolderOption, NamespaceOption, Verbosity, begin, data_folder, rights_of
from .output import Output


def keys(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            show_default=False,
            help="The hybrid connection. Without one: for the whole namespace.",
        ),
    ] = None,
    rights: Annotated[
        str | None,
        typer.Option(
            metavar="RIGHT[,RIGHT]",
            show_default="listen,send; for the whole namespace all",
            help="What it allows: listen, send, manage (which brings the others).",
        ),
    ] = None,
    data: DataFolderOption = None,
    namespace: NamespaceOption = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="How the gateway will be reached, where none is running to say it.",
        ),
    ] = None,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Print a connection string. Treat it as a password: whoever has it has these rights.

    Its rule is made if there is none with just these rights.
    """
    output = begin(as_json, verbosity)
    if name is not None:
        check_name(name)
    words = ("manage" if name is None else "listen,send") if rights is None else rights
    asyncio.run(
        _keys(name, words, data_folder(data), namespace=namespace, public_url=public_url, output=output)
    )


async def _keys(
    name: str | None,
    words: str,
    folder: Path,
    *,
    namespace: str | None,
    public_url: str | None,
    output: Output,
) -> None:
    from gateway.config import from_options

    from ..local_gateway.last_address import last_address

    rights = rights_of(words)
    config = from_options(data=folder, public_url=public_url)
    if config.public_url is None:
        config = dataclasses.replace(config, public_url=last_address(folder))
    async with administration_of(folder, namespace=namespace, config=config) as administration:
        text = await key_for(administration, name, rights)
        if not administration.is_running and config.public_url is None:
            output.note(
                f"no gateway has run on {folder} yet; the connection string names the usual address,"
                f" {administration.endpoint.http_origin} (--public-url says another one)"
            )
        url = administration.endpoint.http_origin
    output.result(text, {"connectionString": text, "name": name, "url": url})
