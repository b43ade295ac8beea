"""Keys of just the rights that are wanted; both ways to a gateway are tested end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from hyco.addresses import Endpoint
from hyco.sas import Right
from relaydesk.local_gateway.administration import HybridConnectionInfo, RuleInfo, choose_namespace, key_for
from relaydesk.local_gateway.errors import AdministrationError, Failure

HERE = Endpoint("h", 443, is_secure=True)


@dataclass
class FakeAdministration:
    """One hybrid connection, ``Web``, and rules that a test may put in."""

    kept: list[RuleInfo] = field(default_factory=list)
    is_running: bool = True
    endpoint: Endpoint = HERE

    async def connections(self) -> Sequence[HybridConnectionInfo]:
        return [HybridConnectionInfo(name="Web", is_anonymous=False, listener_count=0)]

    async def put_connection(self, name: str, *, is_anonymous: bool | None) -> None:
        raise AssertionError("asking for a key makes no hybrid connection")

    async def delete_connection(self, name: str) -> None:
        raise AssertionError("asking for a key deletes nothing")

    async def rules(self, owner: str | None) -> Sequence[RuleInfo]:
        return self.kept

    async def create_rule(self, owner: str | None, rule: RuleInfo) -> None:
        self.kept.append(rule)

    async def connection_string(self, owner: str | None, rule_name: str) -> str:
        return f"{owner}:{rule_name}"


async def test_a_rule_with_just_these_rights_is_taken():
    gateway = FakeAdministration([RuleInfo("all", Right.ALL), RuleInfo("mine", Right.SEND)])
    assert await key_for(gateway, "web", Right.SEND) == "Web:mine"
    assert len(gateway.kept) == 2


@pytest.mark.parametrize(
    ("rights", "name"),
    [(Right.LISTEN, "listen"), (Right.LISTEN | Right.SEND, "listen-send"), (Right.ALL, "manage")],
)
async def test_a_rule_is_made_where_none_fits(rights: Right, name: str):
    gateway = FakeAdministration()
    assert await key_for(gateway, None, rights) == f"None:{name}"
    assert gateway.kept == [RuleInfo(name, rights)]


async def test_a_rule_of_other_rights_is_never_changed():
    """Somebody uses it: its name is left alone, in whatever letter case."""
    gateway = FakeAdministration([RuleInfo("Send", Right.ALL), RuleInfo("send-2", Right.LISTEN)])
    assert await key_for(gateway, None, Right.SEND) == "None:send-3"


async def test_names_come_to_an_end():
    names = ["send", *(f"send-{number}" for number in range(2, 20))]
    gateway = FakeAdministration([RuleInfo(name, Right.ALL) for name in names])
    with pytest.raises(AdministrationError, match="is taken") as caught:
        await key_for(gateway, None, Right.SEND)
    assert caught.value.failure is Failure.REFUSED


async def test_a_key_for_nothing_says_how_to_make_it():
    with pytest.raises(AdministrationError, match="relaydesk gateway relay create other"):
        await key_for(FakeAdministration(), "other", Right.SEND)


def test_the_only_namespace_is_meant():
    assert choose_namespace(["Only"], None) == "Only"
    assert choose_namespace(["One", "two"], "ONE") == "One"
    with pytest.raises(AdministrationError, match="--namespace: One, two") as caught:
        choose_namespace(["One", "two"], None)
    assert caught.value.failure is Failure.UNCLEAR
    with pytest.raises(AdministrationError, match="there is no namespace 'three'"):
        choose_namespace(["One", "two"], "three")
