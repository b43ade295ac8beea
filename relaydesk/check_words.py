"""What the doctor finds, in words: the name of each hop, how it went, and what to do about each fault. Nowhere else.

No Qt: the window translates these texts, the command line says them as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, assert_never

from agent.checks import Check, Fault, Outcome, Step
from hyco.redaction import one_line

Translate = Callable[[str, str], str]
"""Gives a text of a context in the language of the user."""


def plain(_context: str, text: str) -> str:
    """The text as it is, in English."""
    return text


class Advice(NamedTuple):
    """A fault in words."""

    title: str
    fix: str


def step_words(step: Step, translate: Translate = plain) -> str:
    """What a hop is called."""
    match step:
        case Step.TARGET:
            return translate("Checks", "Local service")
        case Step.DNS:
            return translate("Checks", "Name")
        case Step.PROXY:
            return translate("Checks", "Proxy")
        case Step.TCP:
            return translate("Checks", "Port")
        case Step.TLS:
            return translate("Checks", "TLS and certificate")
        case Step.CLOCK:
            return translate("Checks", "Clock")
        case Step.TOKEN:
            return translate("Checks", "Key")
        case Step.HYBRID_CONNECTION:
            return translate("Checks", "Hybrid connection")
        case Step.LISTENERS:
            return translate("Checks", "Listeners")
        case Step.END_TO_END:
            return translate("Checks", "End to end")
    assert_never(step)


def outcome_words(outcome: Outcome, translate: Translate = plain) -> str:
    """How a hop went."""
    match outcome:
        case Outcome.PASSED:
            return translate("Checks", "Good")
        case Outcome.WARNING:
            return translate("Checks", "Take note")
        case Outcome.FAILED:
            return translate("Checks", "Failed")
        case Outcome.SKIPPED:
            return translate("Checks", "Not tried")
    assert_never(outcome)


def details(check: Check) -> str:
    """What was tried, and what came of it, on one line."""
    return one_line(" · ".join(filter(None, (check.tried, check.found))))


def advice(fault: Fault, translate: Translate = plain) -> Advice:
    """What is wrong, and what to do about it."""
    match fault:
        case Fault.TARGET_REFUSES:
            return Advice(
                translate("Checks", "Nothing listens at the local service's port"),
                translate("Checks", "Start the program, or check its port."),
            )
        case Fault.TARGET_SILENT:
            return Advice(
                translate("Checks", "The local service does not answer"),
                translate("Checks", "Check its address, and whether a firewall is in between."),
            )
        case Fault.NAME_UNKNOWN:
            return Advice(
                translate("Checks", "The gateway's name is not known"),
                translate(
                    "Checks", "Check the name in the connection string, and that this computer is online."
                ),
            )
        case Fault.PROXY_UNREACHABLE:
            return Advice(
                translate("Checks", "The proxy cannot be reached"),
                translate("Checks", "Check the proxy in your system's settings, or switch it off there."),
            )
        case Fault.PROXY_REFUSES:
            return Advice(
                translate("Checks", "The proxy lets nothing through to the gateway"),
                translate("Checks", "Ask whoever runs the network to allow the gateway's name and port."),
            )
        case Fault.PORT_REFUSED:
            return Advice(
                translate("Checks", "Nobody answers at the gateway's port"),
                translate("Checks", "Check the address and the port, and that the gateway is running."),
            )
        case Fault.PORT_BLOCKED:
            return Advice(
                translate("Checks", "The gateway's port is blocked"),
                translate(
                    "Checks",
                    "A firewall drops it, most often. Ask whoever runs the network to allow it, or use a proxy.",
                ),
            )
        case Fault.NOT_TLS:
            return Advice(
                translate("Checks", "What answers there speaks no TLS"),
                translate(
                    "Checks",
                    "Check the port. A gateway without TLS gives connection strings that end with UseDevelopmentEmulator=true.",
                ),
            )
        case Fault.CERTIFICATE_UNTRUSTED:
            return Advice(
                translate("Checks", "The gateway's certificate is not trusted"),
                translate(
                    "Checks",
                    "Trust the authority that signed it in your system's settings, or ask whoever runs the gateway.",
                ),
            )
        case Fault.CERTIFICATE_EXPIRED:
            return Advice(
                translate("Checks", "The gateway's certificate is over"),
                translate(
                    "Checks", "Check this computer's clock; if that is right, tell whoever runs the gateway."
                ),
            )
        case Fault.CERTIFICATE_NAME:
            return Advice(
                translate("Checks", "The certificate is for another name"),
                translate("Checks", "Use the name that the certificate is for, in the connection string."),
            )
        case Fault.CLOCK_WRONG:
            return Advice(
                translate("Checks", "This computer's clock is wrong"),
                translate("Checks", "Set the clock, best by letting the system set it from the network."),
            )
        case Fault.NOT_A_GATEWAY:
            return Advice(
                translate("Checks", "What answers there is no gateway"),
                translate("Checks", "Check the address and the port in the connection string."),
            )
        case Fault.KEY_REJECTED:
            return Advice(
                translate("Checks", "The gateway does not accept the key"),
                translate(
                    "Checks",
                    "The key is wrong or was replaced. Copy the connection string again, from its beginning to its end.",
                ),
            )
        case Fault.RIGHT_MISSING:
            return Advice(
                translate("Checks", "The key lacks a right"),
                translate("Checks", "Ask whoever runs the gateway for a key that may listen."),
            )
        case Fault.TOKEN_EXPIRED:
            return Advice(
                translate("Checks", "The time of the key or invitation is over"),
                translate("Checks", "Ask for a new one."),
            )
        case Fault.HYBRID_CONNECTION_MISSING:
            return Advice(
                translate("Checks", "There is no such hybrid connection"),
                translate(
                    "Checks",
                    "Check its name, or have it made: in Azure's portal, or with a key of the namespace that may manage.",
                ),
            )
        case Fault.LISTENERS_FULL:
            return Advice(
                translate("Checks", "As many listen there as may"),
                translate("Checks", "End one of the other programs that listen there."),
            )
        case Fault.NO_LISTENER:
            return Advice(
                translate("Checks", "Nobody listens there at the moment"),
                translate("Checks", "It works as soon as the other side shares its service again."),
            )
        case Fault.PROBE_LOST:
            return Advice(
                translate("Checks", "A request of our own did not come back"),
                translate("Checks", "Try again; if it stays so, look at the gateway."),
            )
        case Fault.CONNECTION_STRING:
            return Advice(
                translate("Checks", "The connection string cannot be used"),
                translate("Checks", "Copy it again, from its beginning to its end."),
            )
        case Fault.KEYSTORE:
            return Advice(
                translate("Checks", "The key cannot be had from the keystore"),
                translate("Checks", "Unlock the keyring of your system, then try again."),
            )
    assert_never(fault)
