"""Namespaces, hybrid connections and rules: kept in the store, answered from memory.

Look-ups never wait for the store, so relaying goes on while it is full, locked or gone. Changes (`gateway.editor`) go to
the store first and are seen by look-ups the moment they are acknowledged. What others have changed in the store is taken
over by :meth:`Directory.run`, which asks every few seconds; a write whose outcome is unknown is found that way too.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hyco.errors import HycoError, InvalidAddressError
from hyco.names import candidates, canonical_host, lower
from hyco.sas import Right

from .config import GatewayConfig
from .entities import ROOT_RULE, HybridConnection, Namespace, new_rule
from .errors import GatewayError
from .fabric.interface import RelayKey
from .store.interface import (
    ABSENT,
    ConflictError,
    Entry,
    RevisionForgottenError,
    Store,
    StoreUnavailableError,
    Unavailable,
)

log = logging.getLogger(__name__)

#: How often the store is asked for what others have changed (cluster reference §6.5).
SYNC_INTERVAL_S = 5.0

#: How long a change may take, its turn included: the admin API says 503 within five seconds (reliability reference F11).
CHANGE_TIMEOUT_S = 4.5

#: Tries of a change that met another one. Each try reads again, so only steady contention uses them up.
_TRIES = 5
#: Between two of them: up to so much, doubled each time.
_ASIDE_S = 0.002
_LONGEST_ASIDE_S = 0.1

_PAGE = 1_000

_CLASSES: dict[str, type[Namespace | HybridConnection]]
_CLASSES = {Namespace.KIND: Namespace, HybridConnection.KIND: HybridConnection}

_Result = TypeVar("_Result")
_Entity = TypeVar("_Entity", Namespace, HybridConnection)


class ContentionError(GatewayError):
    """Others kept changing the same thing."""


@dataclass(frozen=True, slots=True)
class Change:
    """A namespace or a hybrid connection is new, changed or gone: None stands for what is not there."""

    before: Namespace | HybridConnection | None
    after: Namespace | HybridConnection | None

    @property
    def removed_relays(self) -> tuple[RelayKey, ...]:
        """Hybrid connections that are gone: whoever listens on them has to leave."""
        if self.after is None and isinstance(self.before, HybridConnection):
            return (self.before.key,)
        return ()


class Directory:
    """What exists and who may use it.

    *now* gives POSIX seconds, for the times at which entities were made and changed. *announce* is called after every change that
    was made here, so that others need not find it by themselves.
    """

    def __init__(
        self,
        store: Store,
        config: GatewayConfig,
        *,
        now: Callable[[], float] = time.time,
        announce: Callable[[], None] = lambda: None,
    ) -> None:
        self.now = now
        self._announce = announce
        self._was_announced = asyncio.Event()
        self._store = store
        self._default = config.namespace
        self._default_hosts = frozenset(canonical_host(host) for host in config.namespace_hosts)
        self._public_host = config.public_url.host if config.public_url else None
        self._namespaces: dict[str, Namespace] = {}
        self._connections: dict[str, dict[str, HybridConnection]] = {}
        self._hosts: dict[str, str] = {}
        self._subscribers: list[Callable[[Change], None]] = []
        self._lock = asyncio.Lock()  # one change at a time: memory follows the order of the store
        self._writes: set[asyncio.Task[Any]] = set()
        self._seen_rev = 0
        self._is_behind = False

    # Look-ups

    def namespace(self, name: str) -> Namespace | None:
        """The namespace of that name."""
        return self._namespaces.get(lower(name))

    def namespaces(self) -> list[Namespace]:
        """All of them, by name."""
        return [self._namespaces[key] for key in sorted(self._namespaces)]

    def namespace_for(self, host: str) -> Namespace | None:
        """The namespace that a request with this Host header means.

        The only one answers to any name. Of several, one answers to its host names and to names whose first label is
        its own (as in ``contoso.servicebus.windows.net``), the default one also to the public URL's host.
        """
        if len(self._namespaces) == 1:
            return next(iter(self._namespaces.values()))
        try:
            canonical = canonical_host(host)
        except InvalidAddressError:
            return None
        key = self._hosts.get(canonical)
        if key is None and (canonical in self._default_hosts or canonical == self._public_host):
            key = lower(self._default)
        return self._namespaces.get(key or canonical.partition(".")[0])

    def namespace_with_host(self, canonical: str) -> Namespace | None:
        """The namespace to which this canonical host name was given."""
        return self._namespaces.get(self._hosts.get(canonical, ""))

    def hosts(self, namespace: Namespace) -> frozenset[str]:
        """Every host name that a token for *namespace* may name, besides the one that its request came to."""
        hosts = frozenset(namespace.hosts)
        if namespace.key == lower(self._default):
            hosts |= self._default_hosts
        return hosts if self._public_host is None else hosts | {self._public_host}

    async def find(self, namespace: Namespace, canonical_path: str) -> HybridConnection | None:
        """The hybrid connection that a request for *canonical_path* means: the longest name that it begins with."""
        connections = self._connections.get(namespace.key, {})
        exact = connections.get(canonical_path)
        return exact or next(
            (connections[name] for name in candidates(canonical_path) if name in connections), None
        )

    def connection(self, namespace: str, canonical: str) -> HybridConnection | None:
        """The hybrid connection of exactly this name."""
        return self._connections.get(lower(namespace), {}).get(canonical)

    def connections(self, namespace: str) -> list[HybridConnection]:
        """All hybrid connections of a namespace, by name."""
        connections = self._connections.get(lower(namespace), {})
        return [connections[canonical] for canonical in sorted(connections)]

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call *callback* after every change, on the loop. The function returned ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    # Keeping up with the store

    async def load(self) -> None:
        """Read everything, and make the default namespace in a store that has none.

        Raises:
            StoreUnavailableError: It cannot be read, or what is in it cannot be understood.
        """

        async def load() -> None:
            await self._reload()
            if not self._namespaces:
                await self.write(Namespace, lower(self._default), self._default_namespace)

        await self.exclusively(load, timeout_s=None)

    async def run(self) -> None:
        """Take over what others change in the store, until cancelled."""
        was_told = False
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SYNC_INTERVAL_S):
                    await self._was_announced.wait()
            self._was_announced.clear()
            try:
                await self.sync()
                was_told = False
            except StoreUnavailableError as error:
                if not was_told:
                    log.warning("changes in the store cannot be seen: %s", error)
                was_told = True

    def look(self) -> None:
        """Others say that they have changed something: do not wait to find it."""
        self._was_announced.set()

    async def sync(self) -> None:
        """Take over what has changed in the store.

        Raises:
            StoreUnavailableError: It cannot be read.
        """
        await self.exclusively(self._sync)

    # Changing: for gateway.editor

    async def exclusively(
        self, work: Callable[[], Coroutine[Any, Any, _Result]], *, timeout_s: float | None = CHANGE_TIMEOUT_S
    ) -> _Result:
        """Do *work* when its turn comes: to its end once it has begun, even if the caller stops waiting for it.

        A write that is in the store is then in memory too.

        Raises:
            StoreUnavailableError: It was not done within *timeout_s*; the text says whether it may be done yet.
        """
        has_begun = False

        async def turn() -> _Result:
            nonlocal has_begun
            async with self._lock:
                has_begun = True
                if self._is_behind:
                    await self._sync()
                try:
                    return await work()
                except StoreUnavailableError:
                    self._is_behind = True  # it may have been written all the same
                    raise

        # not a TaskGroup: the task outlives a caller that stops waiting; `_writes` keeps hold of it
        task = asyncio.get_running_loop().create_task(turn(), name="directory change")
        self._writes.add(task)
        task.add_done_callback(self._written)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(task)
        except TimeoutError as error:
            outcome = "; whether it will be written is unknown" if has_begun else "; nothing was written"
            raise StoreUnavailableError(
                Unavailable.FAILING, f"the store did not take the change within {timeout_s:g} s{outcome}"
            ) from error
        finally:
            if not has_begun:
                task.cancel()

    async def write(
        self, cls: type[_Entity], key: str, change: Callable[[_Entity | None], _Entity]
    ) -> _Entity:
        """Put what *change* makes of the entity into its place. Called inside exclusively().

        *change* may be called again with a newer state, and raises when it does not like what it is given.

        Raises:
            ContentionError: Others changed it again and again.
            StoreUnavailableError: It could not be written.
        """
        for turn in range(_TRIES):
            if turn:
                # whoever lost steps aside for a random moment: two who try again at once meet again and again
                await asyncio.sleep(random.random() * min(_ASIDE_S * 2**turn, _LONGEST_ASIDE_S))  # noqa: S311 - no secret
            entry = await self._store.get(cls.KIND, key)
            before = None if entry is None else _read(cls, entry)
            after = change(before)
            if after == before:
                self._take_over(after)  # another gateway may have written it, and it is not known here yet
                return after
            after = dataclasses.replace(after, updated_at=self.now())
            if_rev = ABSENT if before is None else before.rev
            try:
                rev = await self._store.put(cls.KIND, key, after.document(), if_rev=if_rev)
            except ConflictError:
                continue
            after = dataclasses.replace(after, rev=rev)
            self._take_over(after)
            self._announce()
            return after
        raise ContentionError(f"{key} is being changed by others")

    async def erase(self, entity: Namespace | HybridConnection) -> None:
        """Delete an entity, whatever state it is in. Called inside exclusively().

        Raises:
            StoreUnavailableError: It could not be deleted.
        """
        await self._store.delete(entity.KIND, entity.key)
        self._drop(type(entity), entity.key)
        self._announce()

    async def erase_below(self, namespace_key: str) -> None:
        """Delete all hybrid connections of a namespace, those too that only the store knows. Inside exclusively().

        Raises:
            StoreUnavailableError: They could not be deleted.
        """
        for key in await self._store.delete_below(HybridConnection.KIND, f"{namespace_key}/"):
            self._drop(HybridConnection, key)
        self._announce()

    def _written(self, task: asyncio.Task[Any]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # a caller that was cancelled does not ask for it

    def _default_namespace(self, before: Namespace | None) -> Namespace:
        now = self.now()
        rules = (new_rule(ROOT_RULE, Right.ALL),)
        return before or Namespace(name=self._default, rules=rules, created_at=now, updated_at=now)

    # How memory follows the store

    async def _reload(self) -> None:
        # Taken first: what changes while everything is being read then comes again with the next changes.
        seen = await self._store.revision()
        kept: set[tuple[str, str]] = set()
        for cls in _CLASSES.values():
            for entry in await self._all(cls.KIND):
                kept.add((cls.KIND, entry.key))
                self._take_over(_read_any(entry))
        known: list[Namespace | HybridConnection]
        known = [connection for group in self._connections.values() for connection in group.values()]
        for entity in (*known, *self._namespaces.values()):
            if (entity.KIND, entity.key) not in kept:
                self._drop(type(entity), entity.key)
        self._seen_rev = seen
        self._is_behind = False

    async def _sync(self) -> None:
        try:
            while changes := await self._store.changes(self._seen_rev, limit=_PAGE):
                for change in changes:
                    if (cls := _CLASSES.get(change.kind)) is None:
                        continue
                    entry = await self._store.get(change.kind, change.key)
                    if entry is None:
                        self._drop(cls, change.key)
                    else:
                        self._take_over(_read_any(entry))
                self._seen_rev = changes[-1].rev
        except RevisionForgottenError:
            await self._reload()
        self._is_behind = False

    async def _all(self, kind: str) -> list[Entry]:
        entries: list[Entry] = []
        while page := await self._store.list(kind, after=entries[-1].key if entries else "", limit=_PAGE):
            entries += page
        return entries

    def _take_over(self, entity: Namespace | HybridConnection) -> None:
        """Remember *entity* unless a later state of it is known."""
        before: Namespace | HybridConnection | None
        if isinstance(entity, Namespace):
            before = self._namespaces.get(entity.key)
        else:
            before = self.connection(entity.namespace, entity.canonical)
        if before is not None and before.rev >= entity.rev:
            return
        if isinstance(entity, Namespace):
            self._namespaces[entity.key] = entity
            self._index_hosts()
        else:
            self._connections.setdefault(entity.namespace, {})[entity.canonical] = entity
        self._tell(Change(before, entity))

    def _drop(self, cls: type[Namespace | HybridConnection], key: str) -> None:
        """Forget what is not in the store any more."""
        before: Namespace | HybridConnection | None
        if cls is Namespace:
            before = self._namespaces.pop(key, None)
            self._index_hosts()
        else:
            namespace, _, canonical = key.partition("/")
            before = self._connections.get(namespace, {}).pop(canonical, None)
            if not self._connections.get(namespace, True):
                del self._connections[namespace]
        if before is not None:
            self._tell(Change(before, None))

    def _index_hosts(self) -> None:
        self._hosts = {host: key for key, found in self._namespaces.items() for host in found.hosts}

    def _tell(self, change: Change) -> None:
        for callback in tuple(self._subscribers):
            try:
                callback(change)
            except Exception:
                # the change is made; one who cannot take it in must not keep it from the others
                log.exception("a change was not taken in")


def _read_any(entry: Entry) -> Namespace | HybridConnection:
    return _read(Namespace, entry) if entry.kind == Namespace.KIND else _read(HybridConnection, entry)


def _read(cls: type[_Entity], entry: Entry) -> _Entity:
    """The entity that an entry of the store describes."""
    try:
        return cls.from_document(entry.value, entry.rev)
    except (KeyError, TypeError, ValueError, HycoError) as error:
        # the error may quote a value, and values may be keys
        msg = f"{entry.kind} {entry.key!r} in the store cannot be understood ({type(error).__name__})"
        raise StoreUnavailableError(Unavailable.CORRUPT, msg) from None
