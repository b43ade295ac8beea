"""Changes to namespaces, hybrid connections and rules: what the admin API and ATOM management can do.

Names, rights and values are checked here, so no door can make what another would refuse.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from hyco import limits
from hyco.names import lower
from hyco.sas import Right, Rule

from .directory import Directory
from .entities import (
    ROOT_RULE,
    HybridConnection,
    InvalidEntityError,
    KeyType,
    Kind,
    Namespace,
    check_connection_name,
    check_hosts,
    check_key,
    check_namespace_name,
    check_origins,
    check_response_timeout,
    check_rule,
    check_user_metadata,
    find_rule,
    generate_key,
    new_rule,
)
from .errors import GatewayError
from .fabric.interface import relay_key


class EntityNotFoundError(GatewayError):
    """There is no such namespace, hybrid connection or rule."""


class EntityExistsError(GatewayError):
    """The name is taken, or something else stands against it."""


class QuotaError(GatewayError):
    """There are as many as there may be."""


class Keep(enum.Enum):
    """Stands for a value that stays as it is."""

    KEEP = enum.auto()


KEEP: Final = Keep.KEEP


class Editor:
    """Changes what the directory holds.

    Every method raises StoreUnavailableError when the store does not take the change, and ContentionError when others
    keep changing the same thing. *canonical* names a hybrid connection; where it may be None, that means the namespace.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    # Namespaces

    async def create_namespace(self, name: str, hosts: Iterable[str] = ()) -> Namespace:
        """Make a namespace, with a rule that may do everything.

        Raises:
            InvalidEntityError: The name or a host name cannot be.
            EntityExistsError: There is one, or a host name belongs to another.
        """
        key = check_namespace_name(name)
        checked = check_hosts(hosts)
        root = new_rule(ROOT_RULE, Right.ALL)

        def make(before: Namespace | None) -> Namespace:
            if before is not None:
                raise EntityExistsError(f"there is a namespace {before.name} already")
            self._check_hosts_are_free(key, checked)
            now = self._directory.now()
            return Namespace(name=name, hosts=checked, rules=(root,), created_at=now, updated_at=now)

        async def create() -> Namespace:
            if self._directory.namespace(key) is None:
                # what the deletion of an earlier namespace of this name may have left
                await self._directory.erase_below(key)
            return await self._directory.write(Namespace, key, make)

        return await self._directory.exclusively(create)

    async def set_hosts(self, name: str, hosts: Iterable[str]) -> Namespace:
        """Give a namespace these host names instead of those it has.

        Raises:
            EntityNotFoundError: There is no such namespace.
            InvalidEntityError: A host name cannot be.
            EntityExistsError: One belongs to another namespace.
        """
        key = lower(name)
        checked = check_hosts(hosts)

        def change(before: Namespace | None) -> Namespace:
            if before is None:
                raise no_namespace(name)
            self._check_hosts_are_free(key, checked)
            return dataclasses.replace(before, hosts=checked)

        return await self._directory.exclusively(lambda: self._directory.write(Namespace, key, change))

    async def delete_namespace(self, name: str) -> None:
        """Delete a namespace with everything in it.

        Raises:
            EntityNotFoundError: There is no such namespace.
            EntityExistsError: It is the only one.
        """

        async def delete() -> None:
            namespace = self.namespace(name)
            if len(self._directory.namespaces()) == 1:
                raise EntityExistsError("the only namespace cannot be deleted; make another one first")
            # What is in it goes first: if that is cut short, it can be done again.
            await self._directory.erase_below(namespace.key)
            await self._directory.erase(namespace)

        await self._directory.exclusively(delete)

    def namespace(self, name: str) -> Namespace:
        """A namespace that must be there.

        Raises:
            EntityNotFoundError: It is not.
        """
        found = self._directory.namespace(name)
        if found is None:
            raise no_namespace(name)
        return found

    # Hybrid connections

    async def put_connection(
        self,
        namespace: str,
        name: str,
        *,
        kind: Kind | Literal[Keep.KEEP] = KEEP,
        requires_client_authorization: bool | Literal[Keep.KEEP] = KEEP,
        user_metadata: str | Literal[Keep.KEEP] = KEEP,
        response_timeout_s: float | Literal[Keep.KEEP] | None = KEEP,
        allowed_origins: Iterable[str] | Literal[Keep.KEEP] = KEEP,
        rules: tuple[Rule, ...] | Literal[Keep.KEEP] = KEEP,
        must_be_new: bool = False,
    ) -> tuple[HybridConnection, bool]:
        """Make or change a hybrid connection; returns it and whether it is new. *rules* take the place of all it has.

        Raises:
            InvalidEntityError: Its name or a value cannot be.
            EntityNotFoundError: There is no such namespace.
            EntityExistsError: There is one, and it *must_be_new* or is of another *kind*.
            QuotaError: There are more than twelve rules.
        """
        canonical = check_connection_name(name)
        given: dict[str, Any] = {}
        if kind is not KEEP:
            given["kind"] = kind
        if requires_client_authorization is not KEEP:
            given["requires_client_authorization"] = requires_client_authorization
        if user_metadata is not KEEP:
            given["user_metadata"] = check_user_metadata(user_metadata)
        if response_timeout_s is not KEEP:
            given["response_timeout_s"] = check_response_timeout(response_timeout_s)
        if allowed_origins is not KEEP:
            given["allowed_origins"] = check_origins(allowed_origins)
        if rules is not KEEP:
            given["rules"] = _checked(rules)
        is_new = False

        def change(before: HybridConnection | None) -> HybridConnection:
            nonlocal is_new
            is_new = before is None
            if before is None:
                now = self._directory.now()
                owner = self.namespace(namespace).key
                return HybridConnection(
                    namespace=owner, name=name, canonical=canonical, created_at=now, updated_at=now, **given
                )
            if must_be_new:
                raise EntityExistsError(f"there is a hybrid connection {before.name} already")
            if kind not in (KEEP, before.kind):
                raise EntityExistsError(
                    f"the hybrid connection {before.name} is of the kind {before.kind.value!r}, which stays; delete it first"
                )
            return dataclasses.replace(before, **given)

        key = relay_key(self.namespace(namespace).key, canonical)
        made = await self._directory.exclusively(lambda: self._directory.write(HybridConnection, key, change))
        return made, is_new

    async def delete_connection(self, namespace: str, canonical: str) -> None:
        """Delete a hybrid connection.

        Raises:
            EntityNotFoundError: There is none.
        """

        async def delete() -> None:
            await self._directory.erase(self.connection(namespace, canonical))

        await self._directory.exclusively(delete)

    def connection(self, namespace: str, canonical: str) -> HybridConnection:
        """A hybrid connection that must be there.

        Raises:
            EntityNotFoundError: It is not, or its namespace is not.
        """
        found = self._directory.connection(self.namespace(namespace).key, canonical)
        if found is None:
            raise no_connection(canonical)
        return found

    # Rules

    def rules(self, namespace: str, canonical: str | None) -> tuple[Rule, ...]:
        """The rules of a namespace or of a hybrid connection.

        Raises:
            EntityNotFoundError: There is no such owner.
        """
        if canonical is None:
            return self.namespace(namespace).rules
        return self.connection(namespace, canonical).rules

    def rule(self, namespace: str, canonical: str | None, name: str) -> Rule:
        """One of them.

        Raises:
            EntityNotFoundError: There is no such owner or rule.
        """
        return _find(self.rules(namespace, canonical), name)

    async def put_rule(
        self, namespace: str, canonical: str | None, name: str, rights: Right
    ) -> tuple[Rule, bool]:
        """Make a rule, or give it other rights; returns it and whether it is new. Keys stay.

        Raises:
            InvalidEntityError: The name or the rights cannot be.
            EntityNotFoundError: There is no such owner.
            QuotaError: There are twelve.
        """
        made = new_rule(name, rights)
        is_new = False

        def change(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
            nonlocal is_new
            before = find_rule(rules, name)
            is_new = before is None
            if before is not None:
                return _exchanged(rules, dataclasses.replace(before, rights=rights))
            if len(rules) >= limits.MAX_RULES:
                raise _too_many_rules()
            return (*rules, made)

        rules = await self._change_rules(namespace, canonical, change)
        return _find(rules, name), is_new

    async def regenerate_key(
        self, namespace: str, canonical: str | None, name: str, key_type: KeyType, key: str | None = None
    ) -> Rule:
        """Replace one key of a rule, by a new one or by *key*. Tokens of the old one are refused from then on.

        Raises:
            InvalidEntityError: *key* cannot be.
            EntityNotFoundError: There is no such owner or rule.
        """
        fresh = generate_key() if key is None else check_key(key)

        def change(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
            before = _find(rules, name)
            if key_type is KeyType.PRIMARY:
                return _exchanged(rules, dataclasses.replace(before, primary_key=fresh))
            return _exchanged(rules, dataclasses.replace(before, secondary_key=fresh))

        return _find(await self._change_rules(namespace, canonical, change), name)

    async def delete_rule(self, namespace: str, canonical: str | None, name: str) -> None:
        """Delete a rule. Its tokens are refused from then on.

        Raises:
            EntityNotFoundError: There is no such owner or rule.
        """

        def change(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
            gone = _find(rules, name)
            return tuple(rule for rule in rules if rule is not gone)

        await self._change_rules(namespace, canonical, change)

    async def _change_rules(
        self, namespace: str, canonical: str | None, change: Callable[[tuple[Rule, ...]], tuple[Rule, ...]]
    ) -> tuple[Rule, ...]:
        directory = self._directory

        def of_namespace(before: Namespace | None) -> Namespace:
            if before is None:
                raise no_namespace(namespace)
            return dataclasses.replace(before, rules=change(before.rules))

        def of_connection(before: HybridConnection | None) -> HybridConnection:
            if before is None:
                raise no_connection(canonical or "")
            return dataclasses.replace(before, rules=change(before.rules))

        if canonical is None:
            key = lower(namespace)
            return (await directory.exclusively(lambda: directory.write(Namespace, key, of_namespace))).rules
        relay = self.connection(namespace, canonical).key
        return (
            await directory.exclusively(lambda: directory.write(HybridConnection, relay, of_connection))
        ).rules

    def _check_hosts_are_free(self, key: str, hosts: Iterable[str]) -> None:
        for host in hosts:
            owner = self._directory.namespace_with_host(host)
            if owner is not None and owner.key != key:
                raise EntityExistsError(f"the host name {host} belongs to the namespace {owner.name}")


def no_namespace(name: str) -> EntityNotFoundError:
    """The error for a namespace that is not there."""
    return EntityNotFoundError(f"there is no namespace {name!r}")


def no_connection(name: str) -> EntityNotFoundError:
    """The error for a hybrid connection that is not there."""
    return EntityNotFoundError(f"there is no hybrid connection {name!r}")


def _too_many_rules() -> QuotaError:
    return QuotaError(f"there may be {limits.MAX_RULES} authorization rules; delete one first")


def _checked(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Rules that somebody brings along with their keys."""
    if len(rules) > limits.MAX_RULES:
        raise _too_many_rules()
    for rule in rules:
        check_rule(rule.name, rule.rights)
        check_key(rule.primary_key)
        check_key(rule.secondary_key)
    if len({lower(rule.name) for rule in rules}) != len(rules):
        raise InvalidEntityError("two authorization rules have the same name")
    return rules


def _find(rules: Iterable[Rule], name: str) -> Rule:
    rule = find_rule(rules, name)
    if rule is None:
        raise EntityNotFoundError(f"there is no authorization rule {name!r}")
    return rule


def _exchanged(rules: Iterable[Rule], changed: Rule) -> tuple[Rule, ...]:
    """*rules*, with *changed* in the place of the one of its name."""
    return tuple(changed if lower(rule.name) == lower(changed.name) else rule for rule in rules)
