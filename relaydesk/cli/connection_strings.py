"""Where a verb gets its connection string from: a file, standard input, the environment, or the command line.

The command line is the worst place: every user of the computer can read it in the list of processes, and the shell
keeps it. It works, with a warning. The environment is read and then emptied, so that no child inherits it.

Source: reliability reference P2.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from agent.config import Credential
from agent.credentials import read_secret_file
from agent.errors import CredentialError
from hyco.connection_string import ConnectionString, parse
from hyco.errors import InvalidConnectionStringError
from hyco.limits import MAX_CONNECTION_STRING_LENGTH
from hyco.names import canonical_path, covers

from .exits import UsageError
from .names import NamedAddress
from .output import Output

#: The environment variable that may hold a connection string.
VARIABLE = "RELAYDESK_CONNECTION_STRING"

#: Instead of a file's name or of a connection string: standard input.
STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class GivenConnection:
    """A connection string that was given.

    Attributes:
        value: What it says.
        credential: How the agent comes to it; a file is read again for every connection, and may be replaced.
    """

    value: ConnectionString
    credential: Credential = field(repr=False)


def find_connection_string(
    option: str | None, file: str | None, output: Output, *, uses_stdin: bool = False
) -> GivenConnection | None:
    """Read the connection string that the options or the environment give; None without one.

    Args:
        option: ``--connection-string``.
        file: ``--connection-string-file``.
        output: Gets the warning.
        uses_stdin: Whether the verb reads something else from standard input.

    Raises:
        UsageError: There are two, or the one there is cannot be read. Never with any part of it.
    """
    if option is not None and file is not None:
        raise UsageError("--connection-string and --connection-string-file exclude each other", "give one")
    from_environment = os.environ.pop(VARIABLE, None)
    if STANDARD_INPUT in (option, file):
        if uses_stdin:
            raise UsageError(
                "standard input cannot hold both the body and the connection string",
                "give the connection string by --connection-string-file FILE",
            )
        return _given(_read_stdin(sys.stdin), "on standard input")
    if file is not None:
        return _from_file(Path(file))
    if option is not None:
        output.warn(
            "a connection string on the command line can be read by every user of this computer;"
            f" better give it by --connection-string-file, standard input (-) or {VARIABLE}"
        )
        return _given(option, "given by --connection-string")
    if from_environment:
        return _given(from_environment, f"in {VARIABLE}")
    return None


def check_is_for(given: GivenConnection, wanted: NamedAddress) -> None:
    """Refuse what is plain before anything is opened: a connection string that is for something else than *wanted*.

    Raises:
        UsageError: It is.
    """
    endpoint, entity = given.value.endpoint, given.value.entity_path
    if wanted.endpoint not in (None, endpoint):
        raise UsageError(
            f"the connection string is for {endpoint.authority}, and the URL for another gateway",
            "give the hybrid connection's name alone",
        )
    if entity is not None and not covers(canonical_path(entity), canonical_path(wanted.path)):
        raise UsageError(
            f"the connection string is for the hybrid connection {entity}, and not for {wanted.path}",
            f"give {entity}, or another connection string",
        )


def _from_file(path: Path) -> GivenConnection:
    try:
        is_pipe = stat.S_ISFIFO(path.stat().st_mode)
    except OSError as error:
        next_step = "check its name" if isinstance(error, FileNotFoundError) else "check whose it is"
        raise UsageError(f"cannot read {path}: {error.strerror or error}", next_step) from error
    if is_pipe:  # <(pass show relay): read once, there is no second time
        with path.open(encoding="utf-8", errors="replace") as pipe:
            return _given(pipe.read(MAX_CONNECTION_STRING_LENGTH + 1), f"in {path}")
    try:
        text = read_secret_file(path)
    except CredentialError as error:
        raise UsageError(str(error)) from error
    return GivenConnection(_parse(text, f"in {path}"), Credential(file=path.absolute()))


def _given(text: str, where: str) -> GivenConnection:
    return GivenConnection(_parse(text, where), Credential(text=text.strip()))


def _parse(text: str, where: str) -> ConnectionString:
    try:
        value = parse(text.strip())
    except InvalidConnectionStringError as error:
        raise UsageError(
            f"the connection string {where} cannot be used: {error}",
            "copy it again, whole, from `relaydesk gateway keys` or from Azure's portal",
        ) from error
    if value.authentication is not None:
        raise UsageError(f"the connection string {where} says Managed Identity", "use one with a key")
    return value


def _read_stdin(stdin: IO[str]) -> str:
    if stdin.isatty():
        return getpass.getpass("Connection string (it is not shown): ")
    return stdin.read(MAX_CONNECTION_STRING_LENGTH + 1)
