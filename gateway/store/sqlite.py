"""The store of a gateway that is alone: one SQLite file for what is durable, and the ledger in memory.

Entries are written with WAL and synchronous=FULL, so a write that was acknowledged is on the disk. All of it happens
in one thread, one statement after the other, and never on the loop.

The ledger describes connections of this very process (nobody else may use the data folder), so it lives in memory and
dies with it: a full or a hanging disk then never keeps a listener out.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

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
from .worker import Worker

log = logging.getLogger(__name__)

#: How long SQLite itself waits for a lock that another process holds.
LOCK_TIMEOUT_S = 2.0

#: How long a caller waits, its turn included: reliability reference F11 gives the admin API five seconds to say 503.
CALL_TIMEOUT_S = 4.5

#: Tries of a claim that found no slot although some are free: another one was quicker (never more than once in a run).
_CLAIM_TRIES = 5

_Result = TypeVar("_Result")
_Work = Callable[[sqlite3.Cursor], _Result]

_REASONS = {
    sqlite3.SQLITE_FULL: (Unavailable.FULL, "the disk is full"),
    sqlite3.SQLITE_BUSY: (Unavailable.LOCKED, "another process keeps it locked"),
    sqlite3.SQLITE_LOCKED: (Unavailable.LOCKED, "another process keeps it locked"),
    sqlite3.SQLITE_READONLY: (Unavailable.READ_ONLY, "it cannot be written to"),
    sqlite3.SQLITE_PERM: (Unavailable.READ_ONLY, "permission denied"),
    sqlite3.SQLITE_CORRUPT: (Unavailable.CORRUPT, "the file is damaged"),
    sqlite3.SQLITE_NOTADB: (Unavailable.CORRUPT, "the file is not a database"),
    sqlite3.SQLITE_CANTOPEN: (Unavailable.FAILING, "the file cannot be opened"),
    sqlite3.SQLITE_IOERR: (Unavailable.FAILING, "the disk does not work"),
}

#: After these the connection is as good as before; after the others a new one is made for the next call.
_PASSING = frozenset({Unavailable.FULL, Unavailable.LOCKED})


class _Database:
    """One SQLite database and the thread that alone touches it."""

    def __init__(self, name: str, path: Path | None, schema: str) -> None:
        self._name = name
        self._path = path
        self._schema = schema
        self._worker = Worker(f"store {schema}")
        self._cursor: sqlite3.Cursor | None = None
        self._is_open = False

    async def open(self) -> None:
        self._worker.start()
        self._is_open = True
        await self.read(lambda _: None)

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            try:
                await self._worker.run(self._disconnect, timeout_s=CALL_TIMEOUT_S)
            except TimeoutError:
                log.warning("%s: it was still busy when it was closed", self._name)
            await self._worker.stop(timeout_s=CALL_TIMEOUT_S)

    async def read(self, work: _Work[_Result]) -> _Result:
        return await self._call(lambda: self._guarded(work))

    async def write(self, work: _Work[_Result]) -> _Result:
        """All of *work* or, when it raises, nothing of it."""
        return await self._call(lambda: self._guarded(_transaction(work)))

    def write_behind(self, work: _Work[object]) -> None:
        """The same behind every call before it, for a caller who does not wait."""
        self._worker.post(lambda: self._guarded(_transaction(work)))

    async def _call(self, call: Callable[[], _Result]) -> _Result:
        if not self._is_open:
            raise StoreUnavailableError(Unavailable.CLOSED, f"{self._name} is closed")
        try:
            return await self._worker.run(call, timeout_s=CALL_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreUnavailableError(
                Unavailable.FAILING,
                f"{self._name} did not answer within {CALL_TIMEOUT_S:g} s; whether a write was done is unknown",
            ) from error

    # In the thread

    def _guarded(self, work: _Work[_Result]) -> _Result:
        try:
            if self._cursor is None:
                self._cursor = self._connect()
            return work(self._cursor)
        except sqlite3.Error as error:
            reason, text = _explain(error)
            if reason not in _PASSING:
                self._disconnect()
            more = "" if str(error) in text else f" ({error})"
            raise StoreUnavailableError(reason, f"{self._name} cannot be used: {text}{more}") from error

    def _connect(self) -> sqlite3.Cursor:
        """One cursor for everything, each statement of which has its rows fetched before the next.

        A connection remembers the last 200 cursors it gave out, long after they have gone: one statement in five seconds
        keeps something of the whole life of a crowd, and with it the memory around it.
        """
        connection = sqlite3.connect(
            self._path or ":memory:", timeout=LOCK_TIMEOUT_S, isolation_level=None, cached_statements=64
        )
        try:
            cursor = connection.cursor()
            if self._path is not None:
                cursor.execute("pragma journal_mode = wal")
                cursor.execute("pragma synchronous = full")
                self._check(cursor)
            self._migrate(cursor)
        except BaseException:
            connection.close()
            raise
        return cursor

    def _disconnect(self) -> None:
        if self._cursor is not None:
            cursor, self._cursor = self._cursor, None
            cursor.connection.close()

    def _check(self, db: sqlite3.Cursor) -> None:
        (found,) = db.execute("pragma quick_check(1)").fetchone()
        if found != "ok":
            raise StoreUnavailableError(Unavailable.CORRUPT, f"{self._name} is damaged: {found}")

    def _migrate(self, db: sqlite3.Cursor) -> None:
        steps = sql.migrations(self._schema)
        db.execute("begin immediate")
        try:
            (version,) = db.execute("pragma user_version").fetchone()
            if version > len(steps):
                raise StoreUnavailableError(
                    Unavailable.CORRUPT, f"{self._name} was made by a newer version of this program"
                )
            for step in steps[version:]:
                for statement in step.statements():
                    db.execute(statement)
                db.execute(f"pragma user_version = {step.number}")
            db.execute("commit")
        except BaseException:
            if db.connection.in_transaction:
                db.execute("rollback")
            raise


def _transaction(work: _Work[_Result]) -> _Work[_Result]:
    def transaction(db: sqlite3.Cursor) -> _Result:
        db.execute("begin immediate")
        try:
            result = work(db)
            db.execute("commit")
        except BaseException:
            # some errors have rolled back already, and then a rollback is one more
            if db.connection.in_transaction:
                db.execute("rollback")
            raise
        return result

    return transaction


class SqliteStore:
    """A Store in one file, for one process.

    *clock* times the life of nodes. It is the monotonic one: the ledger never outlives the process, and a wall clock
    that jumps must not kill its node.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries = _Database(f"the store {path}", path, "entries")
        self._ledger = _Database("the ledger of listeners", None, "ledger")
        self._clock = clock

    async def open(self) -> None:
        """Open the file, check it, and bring its schema up to date."""
        await self._entries.open()
        await self._ledger.open()

    async def close(self) -> None:
        """Finish what is being written, and close."""
        await self._entries.close()
        await self._ledger.close()

    # Entries

    async def get(self, kind: str, key: str) -> Entry | None:
        """One entry."""
        row = await self._entries.read(lambda db: db.execute(sql.GET, {"kind": kind, "key": key}).fetchone())
        return None if row is None else Entry(kind, key, row[0], json.loads(row[1]))

    async def list(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        """Entries whose key begins with *prefix* and comes behind *after*."""
        wanted = {
            "kind": kind,
            "prefix": prefix,
            "end": sql.end_of_prefix(prefix),
            "after": after,
            "limit": limit,
        }
        rows = await self._entries.read(lambda db: db.execute(sql.LIST, wanted).fetchall())
        return [Entry(kind, key, rev, json.loads(value)) for key, rev, value in rows]

    async def put(self, kind: str, key: str, value: Mapping[str, Any], *, if_rev: int | None = None) -> int:
        """Write an entry and return its revision."""
        document = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        statement = sql.PUT if if_rev is None else sql.PUT_NEW if if_rev == ABSENT else sql.PUT_IF

        def work(db: sqlite3.Cursor) -> int:
            row = {"kind": kind, "key": key, "rev": _next_revision(db), "value": document}
            if if_rev:
                row["if_rev"] = if_rev
            written: tuple[int] | None = db.execute(statement, row).fetchone()
            if written is None:
                raise ConflictError(f"{kind} {key!r} " + ("exists" if if_rev == ABSENT else "has changed"))
            return written[0]

        return await self._entries.write(work)

    async def delete(self, kind: str, key: str, *, if_rev: int | None = None) -> bool:
        """Delete an entry."""

        def work(db: sqlite3.Cursor) -> bool:
            if db.execute(sql.GET, {"kind": kind, "key": key}).fetchone() is None:
                return False
            if not _delete(db, kind, key, if_rev):
                raise ConflictError(f"{kind} {key!r} has changed")
            _forget_deleted(db)
            return True

        return await self._entries.write(work)

    async def delete_below(self, kind: str, prefix: str) -> Sequence[str]:
        """Delete every entry whose key begins with *prefix*, all or none."""
        wanted = {"kind": kind, "prefix": prefix, "end": sql.end_of_prefix(prefix)}

        def work(db: sqlite3.Cursor) -> Sequence[str]:
            keys = [key for (key,) in db.execute(sql.KEYS_BELOW, wanted).fetchall()]
            for key in keys:
                _delete(db, kind, key, None)
            _forget_deleted(db)
            return keys

        return await self._entries.write(work)

    async def revision(self) -> int:
        """The latest revision there is."""
        last, _ = await self._entries.read(lambda db: db.execute(sql.REVISIONS).fetchone())
        return int(last)

    async def changes(self, since: int, *, limit: int = 1000) -> Sequence[EntryChange]:
        """What has changed after revision *since*."""

        def work(db: sqlite3.Cursor) -> Sequence[EntryChange]:
            _, horizon = db.execute(sql.REVISIONS).fetchone()
            if since < horizon:
                raise RevisionForgottenError(f"deletions up to revision {horizon} are forgotten")
            rows = db.execute(sql.CHANGES, {"since": since, "limit": limit}).fetchall()
            return [EntryChange(rev, kind, key, bool(is_deleted)) for rev, kind, key, is_deleted in rows]

        return await self._entries.read(work)

    # The ledger

    async def claim(self, relay: str, listener: str, node: str, limit: int) -> int:
        """Admit a listener, and return its slot."""
        row = {"relay": relay, "listener": listener, "node": node, "limit": limit, **self._alive_since()}

        def work(db: sqlite3.Cursor) -> int | None:
            db.execute(sql.BEAT_SEEN, {"node": node, "now": self._clock()})
            claimed = db.execute(sql.CLAIM, row).fetchone()
            return None if claimed is None else int(claimed[0])

        try:
            for _ in range(_CLAIM_TRIES):
                slot = await self._ledger.write(work)
                if slot is not None:
                    return slot
                if await self.count(relay) >= limit:
                    break
        except BaseException:
            # nobody waits any more, or not for so long; the thread may have done it, or be about to
            self._ledger.write_behind(lambda db: db.execute(sql.RELEASE_ANY, row))
            raise
        raise LimitReachedError(f"{relay} has {limit} listeners")

    async def release(self, relay: str, slot: int, listener: str) -> None:
        """Free a slot, if it is still this listener's."""
        row = {"relay": relay, "slot": slot, "listener": listener}

        def work(db: sqlite3.Cursor) -> None:
            db.execute(sql.RELEASE, row)

        try:
            await self._ledger.write(work)
        except BaseException:
            self._ledger.write_behind(work)  # as above; to do it twice does no harm
            raise

    async def slots(self, node: str) -> Sequence[tuple[str, int, str]]:
        """Every slot that *node* has."""
        return await self._ledger.read(lambda db: db.execute(sql.SLOTS, {"node": node}).fetchall())

    async def count(self, relay: str) -> int:
        """How many living listeners there are."""
        row = {"relay": relay, **self._alive_since()}
        (found,) = await self._ledger.read(lambda db: db.execute(sql.COUNT, row).fetchone())
        return int(found)

    async def counts(self, prefix: str = "") -> dict[str, int]:
        """How many living listeners every relay has whose key begins with *prefix*."""
        row = {"prefix": prefix, "end": sql.end_of_prefix(prefix), **self._alive_since()}
        return dict(await self._ledger.read(lambda db: db.execute(sql.COUNTS, row).fetchall()))

    async def beat(self, node: str, details: Mapping[str, Any] | None = None) -> None:
        """Say that *node* is alive."""
        row = {"node": node, "now": self._clock(), "details": json.dumps(details or {})}

        def work(db: sqlite3.Cursor) -> None:
            db.execute(sql.BEAT, row)

        await self._ledger.write(work)

    async def nodes(self) -> Sequence[NodeRecord]:
        """The nodes that are alive."""
        row = {"now": self._clock(), **self._alive_since()}
        rows = await self._ledger.read(lambda db: db.execute(sql.NODES, row).fetchall())
        return [NodeRecord(node, age_s, json.loads(details)) for node, age_s, details in rows]

    async def forget(self, node: str) -> None:
        """*node* leaves: its slots are free."""

        def work(db: sqlite3.Cursor) -> None:
            db.execute(sql.FORGET_LISTENERS, {"node": node})
            db.execute(sql.FORGET_NODE, {"node": node})

        await self._ledger.write(work)

    def _alive_since(self) -> dict[str, float]:
        return {"alive_since": self._clock() - NODE_DEAD_AFTER_S}


def _next_revision(db: sqlite3.Cursor) -> int:
    return int(db.execute(sql.NEXT_REVISION).fetchone()[0])


def _delete(db: sqlite3.Cursor, kind: str, key: str, if_rev: int | None) -> bool:
    row = {"kind": kind, "key": key, "rev": _next_revision(db), "if_rev": -1 if if_rev is None else if_rev}
    return db.execute(sql.DELETE, row).fetchone() is not None


def _forget_deleted(db: sqlite3.Cursor) -> None:
    """Let go of deletions that are older than changes() promises to tell, once there are enough of them."""
    last, horizon = db.execute(sql.REVISIONS).fetchone()
    if last - horizon >= sql.KEEP_DELETIONS + sql.FORGET_EVERY:
        db.execute(sql.SET_HORIZON, {"keep": sql.KEEP_DELETIONS})
        db.execute(sql.FORGET_DELETED)


def _explain(error: sqlite3.Error) -> tuple[Unavailable, str]:
    """What an error of the engine means for whoever asked. Extended codes carry the plain one in their low byte."""
    code = getattr(error, "sqlite_errorcode", None)
    return _REASONS.get(code & 0xFF if code is not None else -1, (Unavailable.FAILING, "unexpected error"))
