"""``relaydesk agent``: the agent without a window, by a settings file; what ``python -m agent`` is in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.__main__ import main


def agent(
    *,
    config: Annotated[
        Path, typer.Option(metavar="FILE", show_default=False, help="The settings, in TOML: docs/agent.md.")
    ],
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log control messages and reconnects in detail.")
    ] = False,
) -> None:
    """Serve what a settings file says, without a window, until Ctrl-C or SIGTERM."""
    raise typer.Exit(main(["--config", str(config), *(["--verbose"] if verbose else [])]))
