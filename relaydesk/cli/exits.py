"""How a verb ends: exit codes, and the one error that carries one."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """What the shell is told. Listed in ``relaydesk --help`` and docs/cli.md: scripts rely on them."""

    OK = 0
    FAILED = 1
    """It was tried and did not work, for a reason that is none of the following."""
    USAGE = 2
    """The command line, a connection string, a file or a setting cannot be used; nothing was tried."""
    UNREACHABLE = 3
    """The gateway, or for its verbs the desktop, could not be reached, or did not answer in time."""
    REFUSED = 4
    """The gateway answered, and said no: no right, no such hybrid connection, no listener."""
    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of SIGINT, as shells have it."""


#: For ``relaydesk --help``.
EXIT_CODES_HELP = (
    "Exit codes: 0 done, or stopped in order; 1 failed; 2 wrong usage or configuration; 3 the gateway cannot be reached,"
    " or no desktop is running; 4 the gateway said no; 130 Ctrl-C."
)


class CliError(Exception):
    """What went wrong, for the person at the terminal.

    Attributes:
        message: What happened and to what, as a sentence without its full stop.
        next_step: What can be done about it, in the same form; empty where that is plain.
        code: The exit code.
    """

    def __init__(self, message: str, next_step: str = "", *, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.code = code

    def __str__(self) -> str:
        """One sentence: cause; next step."""
        return f"{self.message}; {self.next_step}" if self.next_step else self.message


class UsageError(CliError):
    """The command line or the configuration is wrong, which only shows when a verb looks at it closely."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message, next_step, code=ExitCode.USAGE)
