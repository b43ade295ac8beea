"""The program as a whole: its verbs, its help, and how it ends.

Every expected error becomes one sentence on standard error and a documented exit code, here and nowhere else.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NoReturn

import typer

from hyco.redaction import one_line

from .. import __version__
from .exits import EXIT_CODES_HELP, ExitCode
from .late_verbs import Verb, VerbGroup
from .problems import translate

#: What a disk, or /dev/full, says to who writes there.
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

_DESKTOP = "The desktop that is running"

log = logging.getLogger(__name__)


class Program(VerbGroup):
    """The verbs, run so that nothing but an exit code leaves."""

    verbs: ClassVar = {
        "expose": Verb("expose", "expose"),
        "connect": Verb("connect", "connect"),
        "send": Verb("send", "send"),
        "subscribe": Verb("subscribe", "subscribe"),
        "demo": Verb("demo", "demo"),
        "doctor": Verb("doctor", "doctor"),
        "agent": Verb("headless", "agent"),
        "list": Verb("desktop", "list_", _DESKTOP),
        "stop": Verb("desktop", "stop", _DESKTOP),
        "pause": Verb("desktop", "pause", _DESKTOP),
        "resume": Verb("desktop", "resume", _DESKTOP),
        "invite": Verb("desktop", "invite", _DESKTOP),
        "inspect": Verb("inspecting", "inspect", _DESKTOP),
        "replay": Verb("replaying", "replay", _DESKTOP),
        "quit": Verb("desktop", "quit_", _DESKTOP),
    }

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - typer's own signature
    ) -> NoReturn:
        """Run the verb that *args* name, and exit."""
        _open_streams()
        _make_streams_total()
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
            sys.stdout.flush()
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except BrokenPipeError:
            # who read our output has seen enough; Python would complain again when it flushes at exit
            _write_nothing_more()
            code = ExitCode.FAILED
        except Exception as error:  # noqa: BLE001 - the outermost edge: nothing may leave as a traceback
            code = _explain(error)
        sys.exit(int(code or ExitCode.OK))


class GatewayVerbs(VerbGroup):
    """``relaydesk gateway …``."""

    verbs: ClassVar = {
        "serve": Verb("serve", "serve"),
        "keys": Verb("keys", "keys"),
        "cluster": Verb("cluster", "cluster"),
    }


class RelayVerbs(VerbGroup):
    """``relaydesk gateway relay …``."""

    verbs: ClassVar = {
        "create": Verb("relays", "create"),
        "list": Verb("relays", "list_"),
        "delete": Verb("relays", "delete"),
    }


def _write_nothing_more() -> None:
    """Keep Python from failing once more, at exit, with what standard output did not take."""
    with contextlib.suppress(OSError, ValueError):  # a stream of a test has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: Exception) -> ExitCode:
    """Say what went wrong."""
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        _write_nothing_more()
        return _fail(
            f"the answer cannot be written: {(error.strerror or str(error)).lower()}", ExitCode.FAILED
        )
    if isinstance(error, typer.TyperException):
        if not error.format_message():  # a group of verbs without one: typer has printed its help
            return ExitCode.USAGE
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "relaydesk"
        return _fail(f"{error.format_message().rstrip('.')}; see: {path} --help", ExitCode.USAGE)
    if isinstance(error, typer.Abort):
        return ExitCode.INTERRUPTED
    problem = translate(error)
    if problem is None:
        log.critical("unexpected", exc_info=error)
        return _fail(
            f"unexpected {type(error).__name__}: {error}; this is a bug: please report it", ExitCode.FAILED
        )
    return _fail(str(problem), problem.code)


def _fail(sentence: str, code: ExitCode) -> ExitCode:
    print(f"error: {one_line(sentence)}", file=sys.stderr)  # noqa: T201 - the program's own voice
    return code


def _open_streams() -> None:
    """Give a program that was started without standard streams empty ones.

    Else the next file or socket takes the number of one: it is what others then write to, and uvloop aborts (measured).
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
        if getattr(sys, name) is None:  # a windowed program of Windows has none, whatever its descriptors are
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for as long as it runs


def _make_streams_total() -> None:
    """Let every text be written, whatever the locale: what it cannot say becomes an escape, not a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


app = typer.Typer(
    cls=Program,
    help="Reach a service on this computer from elsewhere without opening a port, over Azure Relay's protocol."
    "\n\nWithout a verb it opens the desktop; with --hidden in the tray, with a relaydesk: link to look at that.",
    epilog=EXIT_CODES_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)

gateway = typer.Typer(cls=GatewayVerbs, help="Host a gateway of your own.", no_args_is_help=True)
relay = typer.Typer(cls=RelayVerbs, help="The hybrid connections of your gateway.", no_args_is_help=True)
app.add_typer(gateway, name="gateway")
gateway.add_typer(relay, name="relay")


def _say_version(is_wanted: bool) -> None:
    if is_wanted:
        from ..build_facts import build_facts
        from ..check_report import frame_loop

        typer.echo(f"relaydesk {__version__}\nbuild: {build_facts()}\nframe loop: {frame_loop()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def relaydesk(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Reach a service on this computer from elsewhere without opening a port, over Azure Relay's protocol."""
    if context.invoked_subcommand is None:
        typer.echo(
            "The desktop is not part of this installation: it comes with the extra relaydesk[gui], or by `make app`."
            "\nThe command line is here:\n"
        )
        typer.echo(context.get_help())
