"""The command line: ``relaydesk``, or ``python -m relaydesk``. No Qt here."""

from __future__ import annotations


def main() -> None:
    """Run the verb that the command line names, and leave with its exit code."""
    from .program import app

    app(prog_name="relaydesk")
