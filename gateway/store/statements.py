"""The SQL of every store, and the migrations that make its tables.

One text for SQLite and PostgreSQL: named parameters (a driver that counts them translates), times as parameters
because the two engines spell arithmetic with time differently, and a recursive query instead of generate_series.
Prefixes are compared as ranges of keys, which both engines answer from the primary key; PostgreSQL's columns need
collation "C" for that, as SQLite compares bytes anyway.

:now and :alive_since are seconds of one clock: this process's where it is alone, the database's where it is shared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

#: For how many revisions a deletion is remembered, and how often older ones are dropped.
KEEP_DELETIONS = 10_000
FORGET_EVERY = 1_000

# --- entries -----------------------------------------------------------------------------------------------------------

NEXT_REVISION = "update revisions set last = last + 1 returning last"

REVISIONS = "select last, horizon from revisions"

GET = "select rev, value from entries where kind = :kind and key = :key and value is not null"

LIST = """
select key, rev, value from entries
 where kind = :kind and key > :after and key >= :prefix and key < :end and value is not null
 order by key limit :limit
"""

PUT = """
insert into entries (kind, key, rev, value) values (:kind, :key, :rev, :value)
on conflict (kind, key) do update set rev = excluded.rev, value = excluded.value
returning rev
"""

PUT_NEW = """
insert into entries as e (kind, key, rev, value) values (:kind, :key, :rev, :value)
on conflict (kind, key) do update set rev = excluded.rev, value = excluded.value where e.value is null
returning rev
"""

PUT_IF = """
update entries set rev = :rev, value = :value
 where kind = :kind and key = :key and rev = :if_rev and value is not null
returning rev
"""

DELETE = """
update entries set rev = :rev, value = null
 where kind = :kind and key = :key and value is not null and (cast(:if_rev as bigint) = -1 or rev = :if_rev)
returning rev
"""

KEYS_BELOW = """
select key from entries where kind = :kind and key >= :prefix and key < :end and value is not null order by key
"""

CHANGES = "select rev, kind, key, value is null from entries where rev > :since order by rev limit :limit"

# Deletions older than the newest :keep revisions are forgotten.
SET_HORIZON = "update revisions set horizon = last - :keep"

FORGET_DELETED = "delete from entries where value is null and rev <= (select horizon from revisions)"

# --- the ledger: cluster reference §6.3 ----------------------------------------------------------------------------------

BEAT = """
insert into nodes (node, seen, details) values (:node, :now, :details)
on conflict (node) do update set seen = excluded.seen, details = excluded.details
"""

BEAT_SEEN = """
insert into nodes (node, seen, details) values (:node, :now, '{}')
on conflict (node) do update set seen = excluded.seen
"""

NODES = "select node, :now - seen, details from nodes where seen >= :alive_since order by node"

# A random slot that is free or whose node is dead. The condition behind "do update" is asked again at the moment of
# writing: between nodes, another may have taken the slot since it was chosen, and then no row comes back.
CLAIM = """
with recursive slots (slot) as (select 0 union all select slot + 1 from slots where slot + 1 < :limit)
insert into listeners as l (relay, slot, node, listener)
select :relay, s.slot, :node, :listener from slots s
  left join listeners x on x.relay = :relay and x.slot = s.slot
  left join nodes n on n.node = x.node
 where x.relay is null or n.seen is null or n.seen < :alive_since
 order by random() limit 1
on conflict (relay, slot) do update set node = excluded.node, listener = excluded.listener
 where not exists (select 1 from nodes n where n.node = l.node and n.seen >= :alive_since)
returning slot
"""

RELEASE = "delete from listeners where relay = :relay and slot = :slot and listener = :listener"

# Whatever slot it is: of a claim whose outcome nobody waited for.
RELEASE_ANY = "delete from listeners where relay = :relay and node = :node and listener = :listener"

SLOTS = "select relay, slot, listener from listeners where node = :node order by relay, slot"

COUNTS = """
select l.relay, count(*) from listeners l join nodes n on n.node = l.node
 where l.relay >= :prefix and l.relay < :end and n.seen >= :alive_since
 group by l.relay
"""

COUNT = """
select count(*) from listeners l join nodes n on n.node = l.node
 where l.relay = :relay and n.seen >= :alive_since
"""

FORGET_LISTENERS = "delete from listeners where node = :node"

FORGET_NODE = "delete from nodes where node = :node"

# --- migrations ----------------------------------------------------------------------------------------------------------

#: Behind every key that begins with a prefix: the highest character there is.
_LAST_CHARACTER = "\U0010ffff"


def end_of_prefix(prefix: str) -> str:
    """What comes behind every key that begins with *prefix*."""
    return prefix + _LAST_CHARACTER


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema."""

    number: int
    sql: str

    def statements(self) -> list[str]:
        """Its statements one by one, for drivers that run no scripts in a transaction. None holds a semicolon inside."""
        without_comments = re.sub(r"--[^\n]*", "", self.sql)
        return [statement.strip() for statement in without_comments.split(";") if statement.strip()]


def migrations(schema: str) -> list[Migration]:
    """The steps of "entries" or "ledger", in order. Step n is the file ``migrations/<schema>_<n>.sql``."""
    folder = resources.files(__package__) / "migrations"
    found = sorted(
        (int(match[1]), file)
        for file in folder.iterdir()
        if (match := re.fullmatch(rf"{schema}_([0-9]{{4}})\.sql", file.name))
    )
    return [Migration(number, file.read_text(encoding="utf-8")) for number, file in found]
