"""``relaydesk inspect``: what the desktop has captured of what was relayed over HTTP."""

from __future__ import annotations

import base64
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from .. import ipc
from . import captured_lines
from .exits import UsageError
from .options import AsJson, Verbosity, begin
from .output import Output

#: Between two looks: what eyes follow, at a thousandth of what the desktop can answer.
_FOLLOW_S: Final = 0.5

ExchangeId = Annotated[
    int | None,
    typer.Argument(
        metavar="[ID]", show_default=False, min=1, help="One exchange, by the number that the list shows."
    ),
]


def inspect(
    *,
    exchange: ExchangeId = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on, and print each exchange once it is over.")
    ] = False,
    only: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="TEXT",
            show_default=False,
            help="Only these, as in the window: status:5xx method:post path:/api is:slow -is:replay words",
        ),
    ] = None,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, max=500, help="At most so many.")] = 50,
    body: Annotated[
        str | None,
        typer.Option(
            "--body", metavar="request|response", show_default=False, help="Print that body, byte for byte."
        ),
    ] = None,
    curl: Annotated[
        bool, typer.Option("--curl", help="Print a curl command that sends the request to the local server.")
    ] = False,
    har: Annotated[
        Path | None,
        typer.Option(
            "--har", metavar="FILE", show_default=False, help="Write an HTTP archive: of ID, or of all."
        ),
    ] = None,
    with_secrets: Annotated[
        bool,
        typer.Option(
            "--with-secrets", help="Leave credentials in what --curl and --har make. Bodies are as they are."
        ),
    ] = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Show what the desktop relayed: requests, answers and WebSockets."""
    output = begin(as_json, verbosity)
    _check(exchange, follow=follow, body=body, curl=curl, har=har)
    place = ipc.default_place()
    if har is not None:
        path = har.absolute()
        request = ipc.SaveHar(str(path), exchange=exchange, filter=only or None, secrets=with_secrets)
        saved = ipc.ask(request, place).get("saved")
        output.result(
            f"{path}: {saved} exchange{'' if saved == 1 else 's'}",
            {"path": str(path), "saved": saved if isinstance(saved, int) else 0},
        )
    elif exchange is None:
        _list(output, place, only or None, last, follow=follow)
    elif curl:
        line = str(ipc.ask(ipc.Curl(exchange, secrets=with_secrets), place).get("line"))
        output.result(line, {"id": exchange, "line": line})
    elif body is not None:
        _print_body(exchange, body, place)
    else:
        one = ipc.ask(ipc.ShowExchange(exchange), place)
        if as_json:
            output.result("", one)  # type: ignore[arg-type]  # it came as JSON
        else:
            captured_lines.whole(output, one)


def _check(exchange: int | None, *, follow: bool, body: str | None, curl: bool, har: Path | None) -> None:
    if exchange is None and (curl or body is not None):
        raise UsageError("--curl and --body are about one exchange", "give its ID, which the list shows")
    if exchange is not None and follow:
        raise UsageError("--follow is about all exchanges, and an ID was given", "leave out one of them")
    if follow and har is not None:
        raise UsageError("--follow and --har do not go together", "leave out one of them")
    if body not in (None, "request", "response"):
        raise UsageError(f"--body {body!r} is neither request nor response")


def _list(output: Output, place: ipc.Place, only: str | None, last: int, *, follow: bool) -> None:
    said = ipc.ask(ipc.ListExchanges(filter=only, limit=last), place)
    found = _exchanges(said)
    if follow:
        _follow(output, place, only, said, found)
    elif output.as_json:
        output.result("", found)  # type: ignore[arg-type]  # it came as JSON
    elif not found:
        output.note(
            "nothing was captured yet, or nothing that the filter lets through"
            if said.get("capturing")
            else "capturing is off; the window's Inspector turns it on"
        )
    else:
        output.table(captured_lines.HEADINGS, [captured_lines.row(one) for one in found])
        if isinstance(left := said.get("left"), int) and left:
            output.note(f"{left} older ones are not shown; --last N shows more")


def _follow(
    output: Output,
    place: ipc.Place,
    only: str | None,
    said: Mapping[str, object],
    found: list[dict[str, object]],
) -> None:
    """Print what is over, and again whenever more is, until Ctrl-C."""
    told: set[object] = set()
    if not output.as_json:
        output.note("following; Ctrl-C ends it")
    while True:
        for one in found:
            if one.get("isOver") and one.get("id") not in told:
                told.add(one.get("id"))
                output.event("exchange", captured_lines.line(one), style=captured_lines.style(one), **one)  # type: ignore[arg-type]
        time.sleep(_FOLLOW_S)
        version = said.get("version")
        said = ipc.ask(
            ipc.ListExchanges(version=version if isinstance(version, int) and version else None, filter=only),
            place,
        )
        found = _exchanges(said)
        if isinstance(left := said.get("left"), int) and left:
            output.note(f"{left} more came in between, and are not shown")
        if len(told) > 100_000:
            told = {one.get("id") for one in found}


def _exchanges(said: Mapping[str, object]) -> list[dict[str, object]]:
    found = said.get("exchanges")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _print_body(exchange: int, side: str, place: ipc.Place) -> None:
    offset = 0
    while True:
        said = ipc.ask(ipc.ReadBody(exchange, side, offset or None), place)
        data = base64.b64decode(str(said.get("data", "")))
        sys.stdout.buffer.write(data)
        offset += len(data)
        if said.get("isLast") or not data:
            break
    sys.stdout.flush()
    if said.get("lost"):
        Output().warn(f"only {offset:,} of {said.get('size'):,} bytes are kept: {said.get('lost')}")
