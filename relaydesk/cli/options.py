"""Options that several verbs take, written once, and what they start with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from agent.network import is_loopback
from hyco.addresses import Endpoint
from hyco.sas import Right, parse_rights

from ..local_gateway.child import default_data_folder
from ..logs import set_up
from .connection_strings import VARIABLE
from .exits import UsageError
from .output import Output

_GATEWAY = "Gateway"
_OUTPUT = "Output"


def read_folder(text: str) -> Path:
    """Read the name of a folder. An empty one, most often a variable that is not set, would be the working directory.

    Raises:
        UsageError: It is empty.
    """
    if not text.strip():
        raise UsageError("a data folder without a name was given", "give --data DIR, or leave it out")
    return Path(text)


AsJson: TypeAlias = Annotated[
    bool,
    typer.Option("--json", help="Print JSON for programs, and nothing else.", rich_help_panel=_OUTPUT),
]
Verbosity: TypeAlias = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        show_default=False,
        metavar="",
        help="Log to standard error; twice for details.",
        rich_help_panel=_OUTPUT,
    ),
]
LogJson: TypeAlias = Annotated[
    bool, typer.Option("--log-json", help="Log lines are JSON.", rich_help_panel=_OUTPUT)
]
ConnectionStringOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT|-",
        show_default=False,
        help="The connection string itself: others can read it in the list of processes. - for standard input.",
        rich_help_panel=_GATEWAY,
    ),
]
ConnectionStringFile: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|-",
        show_default=False,
        help=f"A file, readable by its owner alone, that holds the connection string. Or set {VARIABLE}.",
        rich_help_panel=_GATEWAY,
    ),
]
DataFolderOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data",
        parser=read_folder,
        metavar="DIR",
        show_default=False,
        help="Where the gateway keeps its things; by default relaydesk/gateway in this user's data folder.",
        rich_help_panel=_GATEWAY,
    ),
]
NamespaceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        show_default=False,
        help="The namespace, where the gateway has several.",
        rich_help_panel=_GATEWAY,
    ),
]
CaFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        metavar="FILE",
        show_default=False,
        help="Trust the certificates in this PEM file too, such as tls/ca.pem of a gateway's data folder.",
        rich_help_panel=_GATEWAY,
    ),
]
Insecure: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Allow a gateway without TLS beyond this computer: keys and data can be read on the way.",
        rich_help_panel=_GATEWAY,
    ),
]


def begin(as_json: bool, verbosity: int, *, log_json: bool = False, quiet: int = logging.ERROR) -> Output:
    """Set up what a verb says and logs. *quiet* is the level without ``-v``: status lines tell the rest."""
    level = {0: quiet, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    set_up(level, as_json=log_json)
    # a verb tells each state of its agent itself, and ends with an error of its own where it cannot work
    logging.getLogger("agent.state").setLevel(logging.CRITICAL if verbosity == 0 else logging.NOTSET)
    return Output(as_json=as_json)


def data_folder(option: Path | None) -> Path:
    """The data folder that is meant."""
    return default_data_folder() if option is None else option.expanduser()


def rights_of(text: str) -> Right:
    """Read ``--rights``. Manage brings the others with it, as in every rule.

    Raises:
        UsageError: There is another word, or none.
    """
    try:
        words = text.lower()
        return Right.ALL if "manage" in [word.strip() for word in words.split(",")] else parse_rights(words)
    except ValueError as error:
        raise UsageError(f"--rights: {error}", "give some of listen,send,manage") from error


def check_is_private(endpoint: Endpoint, *, is_insecure_allowed: bool) -> None:
    """Refuse a gateway to which keys and data would cross the network in the open.

    Raises:
        UsageError: It speaks no TLS and is not on this computer.
    """
    if not (endpoint.is_secure or is_insecure_allowed or is_loopback(endpoint.host)):
        raise UsageError(
            f"the gateway at {endpoint.authority} speaks no TLS, so keys and data could be read on the way",
            "give --insecure if that is all right",
        )
