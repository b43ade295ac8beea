"""The way to a gateway, tried hop by hop before anything is shared through it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

from agent.checks import Check
from agent.clock import Clock
from agent.config import ConnectionConfig, Credential, Direction, NetworkConfig
from agent.doctor import Running, Subject, examine
from hyco.sas import Right

from ..actions import Offer
from .engine import Engine
from .keys import THIS_COMPUTER, Keys, gateway_entry


async def check(
    what: Offer | str,
    tell: Callable[[Check], object],
    *,
    keys: Keys,
    network: NetworkConfig,
    clock: Clock,
) -> None:
    """Tell each check of *what*: an offer, or the name of a gateway.

    Args:
        what: What is tried.
        tell: Gets each check as it is made.
        keys: Where the keys of gateways are.
        network: The way there, with the authority of the gateway of this computer.
        clock: Time.

    Raises:
        Exception: What ``failures.told`` knows: the gateway of this computer does not run.
    """
    subject = await _subject(what, keys)
    async with contextlib.aclosing(examine(subject, network, keystore=keys.fetch, clock=clock)) as checks:
        async for one in checks:
            tell(one)


async def diagnose(
    config: ConnectionConfig,
    tell: Callable[[Check], object],
    *,
    engine: Engine,
    keys: Keys,
    network: NetworkConfig,
    clock: Clock,
) -> None:
    """Tell each check of a service, as *engine* serves it.

    Args:
        config: The service.
        tell: Gets each check as it is made.
        engine: The agent.
        keys: Where its key is.
        network: The way there, with the authority of the gateway of this computer.
        clock: Time.
    """
    status = next((one for one in engine.snapshot().connections if one.name == config.label), None)
    running = None
    if status is not None:
        running = Running(status=status, probe=lambda: engine.probe(config.label))
    walk = examine(Subject.of(config), network, keystore=keys.fetch, running=running, clock=clock)
    async with contextlib.aclosing(walk) as checks:
        async for one in checks:
            tell(one)


async def _subject(what: Offer | str, keys: Keys) -> Subject:
    if isinstance(what, Offer):
        direction = Direction.CONNECT if what.is_invitation else what.purpose
        return Subject(credential=Credential(text=what.text), path=what.path or None, direction=direction)
    if what == THIS_COMPUTER:
        text = await keys.of_here(None, Right.LISTEN | Right.SEND)
        return Subject(credential=Credential(text=text))
    return Subject(credential=Credential(keystore=gateway_entry(what)))


def with_authority(network: NetworkConfig, ca_file: object) -> NetworkConfig:
    """*network*, with the authority of the gateway of this computer where no other one is given."""
    if network.ca_file is not None or ca_file is None:
        return network
    return dataclasses.replace(network, ca_file=ca_file)  # type: ignore[arg-type] # a path
