"""From a problem to words: what happened, why, and what to do about it. The only place that knows.

The cause that the failing part gave is never all that is said: it is for the one who reads closely, below a title and an
explanation that anybody understands.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from PySide6.QtCore import QCoreApplication

from ..snapshot import Problem, Trouble
from . import formats
from .texts import paragraph

translate = QCoreApplication.translate


class Words(NamedTuple):
    """A problem in words."""

    title: str
    explanation: str
    next_step: str


def explain(problem: Problem) -> Words:
    """Title, explanation and next step."""
    match problem.trouble:
        case Trouble.GATEWAY_REFUSED:
            return _refused(problem.status)
        case Trouble.GATEWAY_UNREACHABLE:
            return Words(
                translate("Problems", "The gateway cannot be reached"),
                translate("Problems", "No connection to the gateway came about."),
                translate(
                    "Problems",
                    "Check the network and the gateway's address, and that the gateway is running.",
                ),
            )
        case Trouble.CHANNEL_LOST:
            return Words(
                translate("Problems", "The connection to the gateway was lost"),
                translate("Problems", "It was there and ended without being asked to."),
                translate("Problems", "Nothing needs to be done: it is opened again by itself."),
            )
        case Trouble.CREDENTIAL:
            return Words(
                translate("Problems", "The connection string cannot be used"),
                translate("Problems", "It is missing from the keystore, or it is not complete."),
                translate("Problems", "Add the gateway again with its connection string."),
            )
        case Trouble.KEYSTORE_LOCKED:
            return Words(
                translate("Problems", "The keystore is locked"),
                translate("Problems", "Keys are kept there, and it does not give them out."),
                translate("Problems", "Unlock the keyring of your system, then try again."),
            )
        case Trouble.MISSING_RIGHT:
            return Words(
                translate("Problems", "The key lacks a right"),
                translate("Problems", "The gateway knows the key but does not allow this to it."),
                translate("Problems", "Ask whoever runs the gateway for a key with that right."),
            )
        case Trouble.CONFIG:
            return Words(
                translate("Problems", "The settings cannot be used"),
                translate(
                    "Problems", "Something in the settings file does not make sense, so it was left as it is."
                ),
                translate("Problems", "Correct the file; it is read again as soon as it is saved."),
            )
        case Trouble.TARGET:
            return Words(
                translate("Problems", "The local service does not answer"),
                translate("Problems", "The gateway is reached, but the program on this computer is not."),
                translate(
                    "Problems",
                    "Start the program, or check its port. The share stays and comes back by itself.",
                ),
            )
        case Trouble.PORT_TAKEN:
            return Words(
                translate("Problems", "The local port is taken"),
                translate("Problems", "Another program on this computer uses it."),
                translate("Problems", "Choose another port, or end the other program."),
            )
        case Trouble.CERTIFICATE:
            return Words(
                translate("Problems", "The gateway's certificate is not trusted"),
                translate(
                    "Problems",
                    "The connection was ended before anything was sent: somebody may be in between.",
                ),
                translate(
                    "Problems",
                    "Check the address and this computer's clock, or ask whoever runs the gateway.",
                ),
            )
        case Trouble.INVITATION:
            return Words(
                translate("Problems", "The invitation cannot be used"),
                translate("Problems", "It is incomplete, over, or was withdrawn."),
                translate("Problems", "Ask for a new one, and copy the whole of it."),
            )
        case Trouble.DISK:
            return Words(
                translate("Problems", "Settings could not be saved"),
                translate(
                    "Problems", "Writing to the disk failed; what you see is in effect until RelayDesk ends."
                ),
                translate("Problems", "Make room on the disk, or check who may write to the folder."),
            )
        case Trouble.PROBE:
            return Words(
                translate("Problems", "The service did not answer through the gateway"),
                translate(
                    "Problems",
                    "A request of our own went out and did not come back, so senders may fail too.",
                ),
                translate("Problems", "It is tried again by itself. Check the gateway if this stays."),
            )
        case Trouble.OTHER:
            return Words(
                translate("Problems", "Something did not work"),
                translate("Problems", "This was not expected."),
                translate("Problems", "Try again; the log has the details."),
            )
    assert_never(problem.trouble)


def _refused(status: int | None) -> Words:
    """A gateway's no, by its HTTP status (protocol reference §2.5, §4.5, §10)."""
    match status:
        case 400:
            return Words(
                translate("Problems", "The gateway did not understand the request"),
                translate("Problems", "The address or the name is not one that it takes."),
                translate("Problems", "Check the name of the service and the gateway's address."),
            )
        case 401:
            return Words(
                translate("Problems", "The gateway does not accept the key"),
                translate(
                    "Problems",
                    "The key is wrong, was replaced, or lacks the right. A wrong clock looks the same.",
                ),
                translate(
                    "Problems",
                    "Check this computer's clock, then add the gateway again with its current key.",
                ),
            )
        case 403:
            return Words(
                translate("Problems", "The gateway does not allow this"),
                translate("Problems", "The key lacks the right, or there are as many listeners as may be."),
                translate(
                    "Problems", "Check what the key allows, and whether the service is shared elsewhere too."
                ),
            )
        case 404:
            return Words(
                translate("Problems", "The gateway does not know this service"),
                translate(
                    "Problems", "Nothing of that name exists there, or nobody shares it at the moment."
                ),
                translate("Problems", "Check the name. A key with the right Manage can create it."),
            )
        case 405 | 501:
            return Words(
                translate("Problems", "The gateway cannot do this"),
                translate("Problems", "What answers at this address does not offer what was asked for."),
                translate("Problems", "Check that the address is a gateway's, and how old that gateway is."),
            )
        case 407:
            return Words(
                translate("Problems", "The proxy asks for a password"),
                translate("Problems", "The network's proxy lets nobody through without one."),
                translate("Problems", "Set the proxy with name and password in your system's settings."),
            )
        case 408 | 504:
            return Words(
                translate("Problems", "The answer took too long"),
                translate("Problems", "The gateway gave up waiting for the other side."),
                translate("Problems", "Check that the other side is running and reachable, then try again."),
            )
        case 409:
            return Words(
                translate("Problems", "The gateway already has this"),
                translate("Problems", "Something of that name exists with other settings."),
                translate("Problems", "Choose another name."),
            )
        case 410:
            return Words(
                translate("Problems", "This is gone"),
                translate("Problems", "The service was removed from the gateway."),
                translate("Problems", "Share it again, or ask whoever runs the gateway."),
            )
        case 429:
            return Words(
                translate("Problems", "The gateway asks for patience"),
                translate("Problems", "There were more requests than it takes in this time."),
                translate("Problems", "Nothing needs to be done: it is tried again later."),
            )
        case 502:
            return Words(
                translate("Problems", "The other side left"),
                translate("Problems", "It ended before it had answered."),
                translate("Problems", "Look at the side that shares the service."),
            )
        case 503:
            return Words(
                translate("Problems", "The gateway is busy"),
                translate("Problems", "It is starting, stopping, or has too much to do."),
                translate("Problems", "Nothing needs to be done: it is tried again by itself."),
            )
        case int() if status >= 500:
            return Words(
                translate("Problems", "The gateway failed ({status})").format(status=status),
                translate("Problems", "The fault is on its side."),
                translate(
                    "Problems", "It is tried again by itself. If this stays, tell whoever runs the gateway."
                ),
            )
        case int():
            return Words(
                translate("Problems", "The gateway refused ({status})").format(status=status),
                translate("Problems", "It answered with a no."),
                translate("Problems", "Check the address and what the key allows."),
            )
        case None:
            return Words(
                translate("Problems", "The gateway refused"),
                translate("Problems", "It answered with a no and gave no number for it."),
                translate("Problems", "Check the address and what the key allows."),
            )


def cause(problem: Problem) -> str:
    """What the failing part said itself, fit to be shown below the explanation; empty where it said nothing."""
    return paragraph(problem.cause.strip())


def sentence(problem: Problem, *, with_next_step: bool = False) -> str:
    """Title and cause, and what to do about it: for a dialog that has one line for what went wrong."""
    words = explain(problem)
    next_step = words.next_step if with_next_step else ""
    return " ".join(filter(None, (f"{words.title}.", cause(problem), next_step)))


def waits(problem: Problem, now: float) -> str:
    """What happens next by itself, with a countdown; empty where nothing happens until somebody acts."""
    if problem.next_try_at is None:
        return ""
    if problem.next_try_at <= now:
        return translate("Problems", "Trying now")
    return translate("Problems", "Next try {countdown}").format(
        countdown=formats.countdown(problem.next_try_at, now)
    )


def since(problem: Problem, now: float) -> str:
    """Since when: "since 14:02, for 3 min"; empty where that is not known."""
    if problem.since is None:
        return ""
    return translate("Problems", "since {moment}, {duration}").format(
        moment=formats.moment(problem.since, now), duration=formats.ago(problem.since, now)
    )


def can_be_retried(problem: Problem) -> bool:
    """Whether *Try now* makes sense: something waits, or may have changed since."""
    return problem.next_try_at is not None or problem.trouble in (
        Trouble.GATEWAY_UNREACHABLE,
        Trouble.GATEWAY_REFUSED,
        Trouble.CHANNEL_LOST,
        Trouble.KEYSTORE_LOCKED,
        Trouble.TARGET,
        Trouble.PORT_TAKEN,
        Trouble.PROBE,
    )
