"""``relaydesk replay``: send a captured request to the local server again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from .. import ipc
from . import captured_lines
from .exits import CliError, ExitCode
from .options import AsJson, Verbosity, begin
from .output import Output

_LOOK_S: Final = 0.1

#: A local server has two minutes to begin its answer; what takes longer goes on, and is not waited for.
_WAIT_S: Final = 180.0


def replay(
    *,
    exchange: Annotated[
        int,
        typer.Argument(metavar="ID", show_default=False, min=1, help="The exchange, as inspect lists it."),
    ],
    times: Annotated[
        int, typer.Option("--times", metavar="N", min=1, max=1_000, help="One after the other.")
    ] = 1,
    interval_s: Annotated[
        float,
        typer.Option(
            "--interval", metavar="SECONDS", min=0.0, max=3_600.0, help="From one beginning to the next."
        ),
    ] = 0.0,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print how what came differs from what came the first time.")
    ] = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Send a captured request to the local server again; nothing of it goes to the gateway."""
    output = begin(as_json, verbosity)
    place = ipc.default_place()
    failed = 0
    for count in range(times):
        began = time.monotonic()
        one = _send(exchange, place)
        output.event("exchange", captured_lines.line(one), style=captured_lines.style(one), **one)  # type: ignore[arg-type]
        failed += bool(one.get("error"))
        if diff:
            _print_difference(output, exchange, int(captured_lines.number(one)), place)
        if count + 1 < times:
            time.sleep(max(0.0, began + interval_s - time.monotonic()))
    if failed:
        raise CliError(
            f"{failed} of {times} got no whole answer",
            "see whether the local server runs: relaydesk list",
            code=ExitCode.FAILED,
        )


def _send(exchange: int, place: ipc.Place) -> Mapping[str, object]:
    number = ipc.ask(ipc.Replay(exchange), place).get("exchange")
    if not isinstance(number, int):
        raise CliError("the desktop did not say what became of the replay", "update the older one of the two")
    deadline = time.monotonic() + _WAIT_S
    while True:
        one = ipc.ask(ipc.ShowExchange(number), place)
        if one.get("isOver"):
            return one
        if time.monotonic() >= deadline:
            raise CliError(
                f"exchange {number} has no end after {_WAIT_S:.0f} s",
                f"it goes on; look at it with: relaydesk inspect {number}",
            )
        time.sleep(_LOOK_S)


def _print_difference(output: Output, exchange: int, other: int, place: ipc.Place) -> None:
    said = ipc.ask(ipc.Compare(exchange, other), place)
    difference = str(said.get("difference"))
    if output.as_json:
        output.event("difference", "", exchange=exchange, other=other, difference=difference)
        return
    for line in difference.splitlines() or ["no difference"]:
        output.show(line)
