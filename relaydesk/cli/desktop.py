"""``relaydesk list``, ``stop``, ``pause``, ``resume``, ``invite`` and ``quit``: verbs for the desktop that is running."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from .. import ipc
from .durations import parse_duration
from .exits import CliError, ExitCode
from .options import AsJson, Verbosity, begin
from .output import Json

#: How long the desktop may take to end: it stops the agent first, within a limit of its own.
_QUIT_TIMEOUT_S: Final = 20.0

ServiceName = Annotated[
    str,
    typer.Argument(metavar="NAME", show_default=False, help="The service, as the window and list call it."),
]
ServiceOrAll = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", show_default=False, help="The service; without it, all of them."),
]


def list_(*, as_json: AsJson = False, verbosity: Verbosity = 0) -> None:
    """List what the desktop shares and brings here, and how it stands."""
    output = begin(as_json, verbosity)
    services = ipc.ask(ipc.ListServices(), ipc.default_place()).get("services")
    found = (
        [service for service in services if isinstance(service, dict)] if isinstance(services, list) else []
    )
    if as_json:
        output.result("", found)
    elif not found:
        output.note("nothing is shared; choose Expose in the window")
    else:
        output.table(["NAME", "STATE", "LOCAL", "ADDRESS", "UNTIL"], [_row(service) for service in found])


def _row(service: Mapping[str, object]) -> list[str]:
    problem = service.get("problem")
    state = str(service.get("state"))
    if isinstance(problem, dict):
        state += f": {problem.get('cause')}"
    expires_at = service.get("expiresAt")
    until = (
        dt.datetime.fromtimestamp(expires_at, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        if isinstance(expires_at, int | float)
        else ""
    )
    return [
        str(service.get("name")),
        state,
        str(service.get("local")),
        str(service.get("url") or service.get("path")),
        until,
    ]


def stop(*, name: ServiceName, as_json: AsJson = False, verbosity: Verbosity = 0) -> None:
    """End a share, or give a local port back."""
    output = begin(as_json, verbosity)
    ipc.ask(ipc.Stop(name), ipc.default_place())
    output.result(f"{name}: stopped", {"name": name, "stopped": True})


def pause(*, name: ServiceOrAll = None, as_json: AsJson = False, verbosity: Verbosity = 0) -> None:
    """Turn senders away until resumed."""
    output = begin(as_json, verbosity)
    ipc.ask(ipc.Pause(name), ipc.default_place())
    output.result(f"{name or 'all services'}: paused", {"name": name, "paused": True})


def resume(*, name: ServiceOrAll = None, as_json: AsJson = False, verbosity: Verbosity = 0) -> None:
    """Go on after a pause, or share again what has expired."""
    output = begin(as_json, verbosity)
    ipc.ask(ipc.Resume(name), ipc.default_place())
    output.result(f"{name or 'all services'}: resumed", {"name": name, "resumed": True})


def invite(
    *,
    service: ServiceName,
    who: Annotated[
        str,
        typer.Option(
            "--name", metavar="WHO", show_default=False, help="Whom it is for: the window calls it so."
        ),
    ],
    lifetime: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long it works: 30m, 8h, 2d.")
    ] = "8h",
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Print an invitation to a service, for one person; the window can withdraw it."""
    output = begin(as_json, verbosity)
    lifetime_s = parse_duration(lifetime, "--for")
    made = ipc.ask(ipc.Invite(service, who, lifetime_s), ipc.default_place())
    is_only_here = made.get("onlyThisComputer") is True
    link = str(made.get("link"))
    said: Json = {"service": service, "name": who, "link": link, "onlyThisComputer": is_only_here}
    output.result(link, said)
    if not as_json:
        output.note(f"whoever has this can use {service} for {lifetime}, until it is withdrawn in the window")
        if is_only_here:
            output.warn("the gateway can only be reached from this computer, so this works nowhere else")


def quit_(*, as_json: AsJson = False, verbosity: Verbosity = 0) -> None:
    """End the desktop; relayed connections are ended in order."""
    output = begin(as_json, verbosity)
    place = ipc.default_place()
    ipc.ask(ipc.Quit(), place)
    if not ipc.wait_for_end(place, within_s=_QUIT_TIMEOUT_S):
        raise CliError(
            f"the desktop has not ended within {_QUIT_TIMEOUT_S:.0f} s",
            "look at its window, or end its process",
            code=ExitCode.FAILED,
        )
    output.result("the desktop has ended", {"quit": True})
