"""The store that several gateways share: one PostgreSQL database, for what is durable and for the ledger.

Entries are ordinary tables. The ledger's are unlogged: what they tell is of running processes, and a database that was down
has nobody listening. The database's clock times the life of nodes, so that theirs need not agree.

Every write of an entry takes the row that gives out revisions first, and holds it until it is committed: revisions become
visible in their order, and a reader of changes() misses none.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import json
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import asyncpg

from . import statements as sql
from .interface import (
    ABSENT,
    NODE_DEAD_AFTER_S,
    ConflictError,
    Entry,
    EntryChange,
    LimitReachedError,
    NodeRecord,
    RevisionForgottenError,
    StoreUnavailableError,
    Unavailable,
)

log = logging.getLogger(__name__)

#: Connections of one gateway. Look-ups are answered from memory: what is left are listeners that come and go, and the admin API.
MAX_CONNECTIONS: Final = 8

#: How long a caller waits, a connection included: reliability reference F11 gives the admin API five seconds to say 503.
CALL_TIMEOUT_S: Final = 4.5

#: How long a new connection may take.
CONNECT_TIMEOUT_S: Final = 3.0

#: How long close() waits for what is being written.
CLOSE_TIMEOUT_S: Final = 5.0

#: Where its tables are, in whatever database it is given.
SCHEMA: Final = "relaydesk"

#: One number for everybody who changes the tables: two gateways that start at once take turns. Its letters, as a number.
_MIGRATION_LOCK: Final = int.from_bytes(b"relaydsk")

#: What stands for times in the statements: the database's own. Of the statement's begin, so that one sees one time.
_NOW: Final = "cast(extract(epoch from statement_timestamp()) as double precision)"
_TIMES: Final = {"now": _NOW, "alive_since": f"{_NOW} - {NODE_DEAD_AFTER_S!r}"}

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")

_T = TypeVar("_T")
_Work = Callable[["_Db"], Awaitable[_T]]

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    _Db = PoolConnectionProxy[asyncpg.Record]

_REASONS: Final = (
    (asyncpg.DiskFullError, Unavailable.FULL, "its disk is full"),
    (asyncpg.TooManyConnectionsError, Unavailable.FAILING, "it has as many connections as it may have"),
    (asyncpg.ReadOnlySQLTransactionError, Unavailable.READ_ONLY, "it takes no writes (a standby?)"),
    (asyncpg.InsufficientPrivilegeError, Unavailable.READ_ONLY, "this user may not do that in it"),
    (asyncpg.LockNotAvailableError, Unavailable.LOCKED, "somebody keeps it locked"),
    (asyncpg.QueryCanceledError, Unavailable.LOCKED, "it took too long"),
    (asyncpg.InvalidAuthorizationSpecificationError, Unavailable.FAILING, "it does not let this user in"),
    (asyncpg.InvalidCatalogNameError, Unavailable.FAILING, "there is no such database"),
    (asyncpg.CannotConnectNowError, Unavailable.FAILING, "it is starting or stopping"),
    (asyncpg.DataCorruptedError, Unavailable.CORRUPT, "its data are damaged"),
    (asyncpg.IndexCorruptedError, Unavailable.CORRUPT, "an index is damaged"),
)


class PostgresStore:
    """A Store in a database that other gateways use as well.

    Args:
        url: ``postgresql://USER@HOST:PORT/DATABASE``, as libpq has it. A password comes from its password file or the environment.
        schema: Where in the database.
    """

    def __init__(self, url: str, *, schema: str = SCHEMA) -> None:
        self._url = url
        self.schema = schema
        self._name = f"the store {shown(url)}"
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._behind: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect, and bring the tables up to date."""
        async with self._explained():
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,
                max_size=MAX_CONNECTIONS,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=CALL_TIMEOUT_S,
                server_settings={"search_path": self.schema, "application_name": "relaydesk gateway"},
            )
        try:
            await self._write(self._migrate)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what is being written, and close."""
        pool, self._pool = self._pool, None
        if self._behind:
            await asyncio.wait(tuple(self._behind), timeout=CLOSE_TIMEOUT_S)
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()

    async def _migrate(self, db: _Db) -> None:
        await db.execute("select pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
        await db.execute(f'create schema if not exists "{self.schema}"')
        await db.execute(
            "create table if not exists migrations (schema text primary key, number integer not null)"
        )
        for schema in ("entries", "ledger"):
            steps = sql.migrations(schema)
            number = await db.fetchval("select number from migrations where schema = $1", schema) or 0
            if number > len(steps):
                raise StoreUnavailableError(
                    Unavailable.CORRUPT, f"{self._name} was made by a newer version of this program"
                )
            for step in steps[number:]:
                for statement in step.statements():
                    await db.execute(_table(statement, is_durable=schema == "entries"))
                await db.execute(
                    "insert into migrations values ($1, $2) on conflict (schema) do update set number = excluded.number",
                    schema,
                    step.number,
                )

    # Calls

    async def _read(self, statement: str, **row: object) -> list[asyncpg.Record]:
        """The rows of one statement that may be asked twice: where a connection broke, on another one."""
        text, names = numbered(statement)
        values = [row[name] for name in names]

        async def work(db: _Db) -> list[asyncpg.Record]:
            return await db.fetch(text, *values)

        async with self._explained():
            try:
                return await self._on_a_connection(work)
            except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
                return await self._on_a_connection(work)

    async def _write(self, work: _Work[_T]) -> _T:
        """All of *work* or, when it raises, nothing of it."""

        async def transaction(db: _Db) -> _T:
            async with db.transaction():
                return await work(db)

        async with self._explained():
            return await self._on_a_connection(transaction)

    async def _on_a_connection(self, work: _Work[_T]) -> _T:
        if self._pool is None:
            raise StoreUnavailableError(Unavailable.CLOSED, f"{self._name} is closed")
        async with asyncio.timeout(CALL_TIMEOUT_S), self._pool.acquire() as db:
            return await work(db)

    @contextlib.asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        """Say what an error of the engine means for whoever asked; never how one signs in."""
        try:
            yield
        except TimeoutError as error:
            raise StoreUnavailableError(
                Unavailable.FAILING,
                f"{self._name} did not answer within {CALL_TIMEOUT_S:g} s; whether a write was done is unknown",
            ) from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            reason, text = _explain(error)
            raise StoreUnavailableError(reason, f"{self._name} cannot be used: {text}") from error

    def _write_behind(self, statement: str, **row: object) -> None:
        """The same for a caller who does not wait."""

        async def work() -> None:
            try:
                await self._do(statement, **row)
            except StoreUnavailableError as error:
                log.warning("a slot of the ledger may stay taken until this node is gone: %s", error)

        task = asyncio.get_running_loop().create_task(work(), name="store, behind")
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def _do(self, *statements: str, **row: object) -> None:
        """Statements that give nothing back, all or none."""

        async def work(db: _Db) -> None:
            for statement in statements:
                await _execute(db, statement, row)

        await self._write(work)

    # Entries

    async def get(self, kind: str, key: str) -> Entry | None:
        """One entry."""
        rows = await self._read(sql.GET, kind=kind, key=key)
        return Entry(kind, key, rows[0][0], json.loads(rows[0][1])) if rows else None

    async def list(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        """Entries whose key begins with *prefix* and comes behind *after*."""
        rows = await self._read(
            sql.LIST, kind=kind, prefix=prefix, end=sql.end_of_prefix(prefix), after=after, limit=limit
        )
        return [Entry(kind, key, rev, json.loads(value)) for key, rev, value in rows]

    async def put(self, kind: str, key: str, value: Mapping[str, Any], *, if_rev: int | None = None) -> int:
        """Write an entry and return its revision."""
        document = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        statement = sql.PUT if if_rev is None else sql.PUT_NEW if if_rev == ABSENT else sql.PUT_IF

        async def work(db: _Db) -> int:
            row = {
                "kind": kind,
                "key": key,
                "rev": await _next_revision(db),
                "value": document,
                "if_rev": if_rev,
            }
            written = await _execute(db, statement, row)
            if not written:
                raise ConflictError(f"{kind} {key!r} " + ("exists" if if_rev == ABSENT else "has changed"))
            return int(written[0][0])

        return await self._write(work)

    async def delete(self, kind: str, key: str, *, if_rev: int | None = None) -> bool:
        """Delete an entry."""

        async def work(db: _Db) -> bool:
            rev = await _next_revision(
                db
            )  # first of all: what is read behind it cannot change before the end
            if not await _execute(db, sql.GET, {"kind": kind, "key": key}):
                raise _NothingThereError
            if not await _delete(db, kind, key, rev, if_rev):
                raise ConflictError(f"{kind} {key!r} has changed")
            await _forget_deleted(db)
            return True

        try:
            return await self._write(work)
        except _NothingThereError:
            return False

    async def delete_below(self, kind: str, prefix: str) -> Sequence[str]:
        """Delete every entry whose key begins with *prefix*, all or none."""
        row = {"kind": kind, "prefix": prefix, "end": sql.end_of_prefix(prefix)}

        async def work(db: _Db) -> Sequence[str]:
            rev = await _next_revision(db)
            keys = [key for (key,) in await _execute(db, sql.KEYS_BELOW, row)]
            if not keys:
                raise _NothingThereError
            for number, key in enumerate(keys):
                await _delete(db, kind, key, await _next_revision(db) if number else rev, None)
            await _forget_deleted(db)
            return keys

        try:
            return await self._write(work)
        except _NothingThereError:
            return []

    async def revision(self) -> int:
        """The latest revision there is."""
        ((last, _),) = await self._read(sql.REVISIONS)
        return int(last)

    async def changes(self, since: int, *, limit: int = 1000) -> Sequence[EntryChange]:
        """What has changed after revision *since*."""
        # in this order: what is forgotten between the two is at worst reported as forgotten the next time
        rows = await self._read(sql.CHANGES, since=since, limit=limit)
        ((_, horizon),) = await self._read(sql.REVISIONS)
        if since < horizon:
            raise RevisionForgottenError(f"deletions up to revision {horizon} are forgotten")
        return [EntryChange(rev, kind, key, bool(is_deleted)) for rev, kind, key, is_deleted in rows]

    # The ledger

    async def claim(self, relay: str, listener: str, node: str, limit: int) -> int:
        """Admit a listener, and return its slot."""
        row = {"relay": relay, "listener": listener, "node": node, "limit": limit}

        async def work(db: _Db) -> int | None:
            # One after the other for each relay. The statement takes a slot from a node that it does not see alive, and what it
            # sees of nodes is as old as its begin: a node that came to life meanwhile lost slots it had just won (measured: 26
            # and 27 of 25).
            await db.execute(
                "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{self.schema}/{relay}"
            )
            await _execute(db, sql.BEAT_SEEN, row)
            claimed = await _execute(db, sql.CLAIM, row)
            return int(claimed[0][0]) if claimed else None

        try:
            slot = await self._write(work)
        except BaseException:
            # nobody waits any more, or not for so long; the database may have done it, or be about to
            self._write_behind(sql.RELEASE_ANY, **row)
            raise
        if slot is None:
            raise LimitReachedError(f"{relay} has {limit} listeners")
        return slot

    async def release(self, relay: str, slot: int, listener: str) -> None:
        """Free a slot, if it is still this listener's."""
        row = {"relay": relay, "slot": slot, "listener": listener}
        try:
            await self._do(sql.RELEASE, **row)
        except BaseException:
            self._write_behind(sql.RELEASE, **row)  # as above; to do it twice does no harm
            raise

    async def slots(self, node: str) -> Sequence[tuple[str, int, str]]:
        """Every slot that *node* has."""
        return [(relay, slot, listener) for relay, slot, listener in await self._read(sql.SLOTS, node=node)]

    async def count(self, relay: str) -> int:
        """How many living listeners there are, on all nodes."""
        ((found,),) = await self._read(sql.COUNT, relay=relay)
        return int(found)

    async def counts(self, prefix: str = "") -> dict[str, int]:
        """How many living listeners every relay has whose key begins with *prefix*."""
        rows = await self._read(sql.COUNTS, prefix=prefix, end=sql.end_of_prefix(prefix))
        return {relay: int(count) for relay, count in rows}

    async def beat(self, node: str, details: Mapping[str, Any] | None = None) -> None:
        """Say that *node* is alive."""
        await self._do(sql.BEAT, node=node, details=json.dumps(details or {}))

    async def nodes(self) -> Sequence[NodeRecord]:
        """The nodes that are alive."""
        rows = await self._read(sql.NODES)
        return [NodeRecord(node, age_s, json.loads(details)) for node, age_s, details in rows]

    async def forget(self, node: str) -> None:
        """*node* leaves: its slots are free."""
        await self._do(sql.FORGET_LISTENERS, sql.FORGET_NODE, node=node)


class _NothingThereError(Exception):
    """There is nothing to delete: take back the revision as well."""


def shown(url: str) -> str:
    """*url* without user, password and parameters, to be read by people."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


@functools.cache
def numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """A statement as PostgreSQL counts its parameters, and their names in that order; times are the database's own."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name in _TIMES:
            return _TIMES[name]
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(number, statement), tuple(names)


def _table(statement: str, *, is_durable: bool) -> str:
    """A statement that makes a table, in PostgreSQL's words: text is compared by its bytes."""
    statement = re.sub(r"\btext\b", 'text collate "C"', statement)
    return statement if is_durable else statement.replace("create table", "create unlogged table")


async def _execute(db: _Db, statement: str, row: Mapping[str, object]) -> list[asyncpg.Record]:
    text, names = numbered(statement)
    return await db.fetch(text, *(row[name] for name in names))


async def _next_revision(db: _Db) -> int:
    return int(await db.fetchval(sql.NEXT_REVISION))


async def _delete(db: _Db, kind: str, key: str, rev: int, if_rev: int | None) -> bool:
    row = {"kind": kind, "key": key, "rev": rev, "if_rev": -1 if if_rev is None else if_rev}
    return bool(await _execute(db, sql.DELETE, row))


async def _forget_deleted(db: _Db) -> None:
    """Let go of deletions that are older than changes() promises to tell, once there are enough of them."""
    ((last, horizon),) = await db.fetch(sql.REVISIONS)
    if last - horizon >= sql.KEEP_DELETIONS + sql.FORGET_EVERY:
        await _execute(db, sql.SET_HORIZON, {"keep": sql.KEEP_DELETIONS})
        await db.execute(sql.FORGET_DELETED)


def _explain(error: Exception) -> tuple[Unavailable, str]:
    """What an error means for whoever asked."""
    for kind, reason, text in _REASONS:
        if isinstance(error, kind):
            return reason, text
    if isinstance(error, asyncpg.PostgresConnectionError | asyncpg.InterfaceError | ConnectionError):
        refused = isinstance(error, OSError) and error.errno == errno.ECONNREFUSED
        return Unavailable.FAILING, "nobody listens there" if refused else "the connection to it was lost"
    if isinstance(error, socket.gaierror):
        return Unavailable.FAILING, "the host name is not known"
    if isinstance(error, OSError):
        return Unavailable.FAILING, os.strerror(error.errno).lower() if error.errno else str(error)
    return Unavailable.FAILING, f"{type(error).__name__}: {error}"
