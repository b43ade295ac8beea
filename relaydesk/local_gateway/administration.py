"""What can be changed on a gateway of one's own: hybrid connections and keys.

``by_api.py`` and ``by_folder.py`` are the two ways to it, and ``finding.py`` takes the one that is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.entities import Kind, rights_words
from hyco.addresses import Endpoint
from hyco.sas import Right

from .errors import AdministrationError, Failure

#: Names tried for a new rule before giving up: the right name may be taken by a rule with other rights.
_MAX_NAMES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridConnectionInfo:
    """A hybrid connection, as ``relay list`` shows it. *listener_count* is None where no gateway runs to know it."""

    name: str
    kind: Kind = Kind.STREAM
    is_anonymous: bool
    listener_count: int | None


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A SAS rule without its keys."""

    name: str
    rights: Right


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """One of the gateways that act as one."""

    node: str
    name: str
    heard_s: float
    """Seconds since it last said that it is alive."""
    listeners: int
    relayed_connections: int
    is_draining: bool
    node_url: str
    peer_url: str


class Administration(Protocol):
    """A gateway's entities. *owner* is the name of a hybrid connection; None means the namespace."""

    @property
    def is_running(self) -> bool:
        """Whether the gateway runs."""

    @property
    def endpoint(self) -> Endpoint:
        """Where senders and listeners reach it."""

    async def connections(self) -> Sequence[HybridConnectionInfo]:
        """Every hybrid connection, by name."""

    async def put_connection(self, name: str, *, is_anonymous: bool | None, kind: Kind | None = None) -> None:
        """Make a hybrid connection, or change it; None leaves that as it is (for a new one: senders need a token).

        Raises:
            AdministrationError: It is of another *kind*.
        """

    async def delete_connection(self, name: str) -> None:
        """Delete a hybrid connection that is there."""

    async def nodes(self) -> Sequence[NodeInfo]:
        """The gateways that act as one with it, itself included; none where it does not run, or is alone."""

    async def rules(self, owner: str | None) -> Sequence[RuleInfo]:
        """Its SAS rules."""

    async def create_rule(self, owner: str | None, rule: RuleInfo) -> None:
        """Make a rule, with new keys."""

    async def connection_string(self, owner: str | None, rule_name: str) -> str:
        """The connection string with the rule's primary key."""


async def find_connection(administration: Administration, name: str) -> HybridConnectionInfo | None:
    """The hybrid connection of that name, in whatever letter case; None without one."""
    return next(
        (found for found in await administration.connections() if found.name.lower() == name.lower()), None
    )


async def key_for(administration: Administration, owner: str | None, rights: Right) -> str:
    """A connection string that allows just *rights*; its rule is made if there is none.

    Raises:
        AdministrationError: There is no such hybrid connection, or no more rule can be made.
    """
    if owner is not None:
        connection = await find_connection(administration, owner)
        if connection is None:
            raise AdministrationError(
                f"there is no hybrid connection {owner!r}",
                f"make it with: relaydesk gateway relay create {owner}",
            )
        owner = connection.name
    rules = await administration.rules(owner)
    fitting = next((rule.name for rule in rules if rule.rights == rights), None)
    if fitting is None:
        fitting = _free_name({rule.name.lower() for rule in rules}, rights)
        await administration.create_rule(owner, RuleInfo(fitting, rights))
    return await administration.connection_string(owner, fitting)


def _free_name(taken: set[str], rights: Right) -> str:
    words = "manage" if Right.MANAGE in rights else "-".join(rights_words(rights)).lower()
    names = [words, *(f"{words}-{number}" for number in range(2, _MAX_NAMES))]
    free = next((name for name in names if name not in taken), None)
    if free is None:
        raise AdministrationError(f"every name for a rule that may {words} is taken")
    return free


def choose_namespace(names: Sequence[str], wanted: str | None) -> str:
    """The namespace that is meant.

    Raises:
        AdministrationError: There is none of that name, or several and none was named.
    """
    if wanted is None:
        if len(names) == 1:
            return names[0]
        raise AdministrationError(
            "the gateway has several namespaces",
            f"give --namespace: {', '.join(names)}",
            failure=Failure.UNCLEAR,
        )
    found = next((name for name in names if name.lower() == wanted.lower()), None)
    if found is None:
        raise AdministrationError(f"there is no namespace {wanted!r}", f"there are: {', '.join(names)}")
    return found
