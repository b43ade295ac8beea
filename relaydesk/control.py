"""What the desktop answers to programs that ask it through its local socket. No Qt, no socket: a line in, a line out.

Nothing that can be asked for here gives out a key, and nothing that a link or file says is done without the window asking
first: ``open`` only shows it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Final, assert_never

from agent.checks import Check

from . import ipc
from .actions import ActionError, Actions
from .inspected import ask_inspector
from .ipc import ErrorCode, RefusedError
from .snapshot import Problem, Service

log = logging.getLogger(__name__)

#: Less than a client waits (``ipc.TIMEOUT_S``), so that it hears what happened. Actions have deadlines of their own.
ACTION_TIMEOUT_S: Final = 33.0


@dataclasses.dataclass(frozen=True, slots=True)
class Desktop:
    """What is asked.

    Attributes:
        actions: What can be done with services.
        show: Brings the window to the front; with the compositor's token for that, where one was sent.
        open: Shows what a link or file offers, and asks.
        quit: Begins the end. The answer is on its way then.
    """

    actions: Actions
    show: Callable[[str | None], None]
    open: Callable[[str], None]
    quit: Callable[[], None]


async def answer(line: bytes, desktop: Desktop) -> bytes:
    """Do what *line* asks, and give the line to answer with. Whatever the line is, there is one."""
    try:
        request = ipc.parse_request(line)
        async with asyncio.timeout(ACTION_TIMEOUT_S):
            return ipc.format_result(await _do(request, desktop))
    except RefusedError as error:
        return ipc.format_error(error.code, str(error))
    except ActionError as error:
        return ipc.format_error(error.problem.trouble.value.replace(" ", "-"), error.problem.cause)
    except TimeoutError:
        return ipc.format_error(ErrorCode.TIMEOUT, f"this was not done within {ACTION_TIMEOUT_S:.0f} s")
    except Exception:
        # the outermost edge of whatever the action is made of
        log.exception("a request through the local socket failed unexpectedly")
        return ipc.format_error(ErrorCode.INTERNAL, "the desktop failed unexpectedly; its log says more")


async def _do(request: ipc.Request, desktop: Desktop) -> Mapping[str, object]:
    actions = desktop.actions
    match request:
        case ipc.Show():
            desktop.show(request.activation)
        case ipc.Open():
            desktop.open(request.text)
        case ipc.Quit():
            desktop.quit()
        case ipc.ListServices():
            snapshot = actions.snapshot()
            return {
                "health": snapshot.health.value,
                "services": [describe(service) for service in snapshot.services],
            }
        case ipc.Stop():
            await actions.stop(_known(request.service, actions))
        case ipc.Pause():
            await (
                actions.pause_all()
                if request.service is None
                else actions.pause(_known(request.service, actions))
            )
        case ipc.Resume():
            await (
                actions.resume_all()
                if request.service is None
                else actions.resume(_known(request.service, actions))
            )
        case ipc.Invite():
            shared = await actions.invite(_known(request.service, actions), request.name, request.lifetime_s)
            return {
                "service": shared.service,
                "link": shared.link,
                "shownLink": shared.shown_link,
                "onlyThisComputer": shared.is_only_this_computer,
            }
        case ipc.Diagnose():
            found: list[Check] = []
            await actions.diagnose(_known(request.service, actions), found.append)
            return {"service": request.service, "checks": [describe_check(check) for check in found]}
        case (
            ipc.ListExchanges()
            | ipc.ShowExchange()
            | ipc.ReadBody()
            | ipc.Curl()
            | ipc.SaveHar()
            | ipc.Replay()
            | ipc.Compare()
        ):
            return await ask_inspector(request, actions)
        case _:
            assert_never(request)
    return {}


def describe_check(check: Check) -> dict[str, str | float | None]:
    """One hop as JSON can say it."""
    return {
        "step": check.step.value,
        "outcome": check.outcome.value,
        "tried": check.tried,
        "found": check.found,
        "fault": None if check.fault is None else check.fault.value,
        "tookSeconds": check.took_s,
    }


def _known(name: str, actions: Actions) -> str:
    """The name of a service that there is.

    Raises:
        RefusedError: There is none of it.
    """
    if all(service.name != name for service in actions.snapshot().services):
        raise RefusedError(ErrorCode.UNKNOWN_SERVICE, f"there is no service {name!r}")
    return name


def describe(service: Service) -> Mapping[str, object]:
    """A service as JSON can say it."""
    return {
        "name": service.name,
        "direction": service.direction.value,
        "local": service.local,
        "state": service.state.value,
        "since": service.since,
        "gateway": service.gateway,
        "path": service.path,
        "url": service.url,
        "process": service.process,
        "public": service.is_public,
        "proof": service.proof.value,
        "expiresAt": service.expires_at,
        "problem": None if service.problem is None else _describe_problem(service.problem),
        "invitations": [
            {"name": invitation.name, "expiresAt": invitation.expires_at}
            for invitation in service.invitations
        ],
        "openConnections": service.traffic.open_connections,
        "totalConnections": service.traffic.total_connections,
        "totalRequests": service.traffic.total_requests,
        "bytesReceived": service.traffic.bytes_received,
        "bytesSent": service.traffic.bytes_sent,
    }


def _describe_problem(problem: Problem) -> Mapping[str, object]:
    return {
        "trouble": problem.trouble.value,
        "cause": problem.cause,
        "since": problem.since,
        "nextTryAt": problem.next_try_at,
    }
