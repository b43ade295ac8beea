"""relaydesk/ports/listening.py: from a table of sockets to rows that people choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.targets import parse_target
from relaydesk.ports import ANOTHER_USER, Caution, ListeningPort, Process, Reach, listening_ports
from relaydesk.ports.listening import project_of

NOW = 1_800_000_000.0
OLD = NOW - 3_600

PROCESSES = {
    1: Process(name="node", folder="/home/ann/projects/storefront", started_at=OLD),
    2: Process(name="python3", folder="/home/ann/projects/api", started_at=OLD),
    3: Process(name="docker-proxy", folder="/", started_at=OLD),
    4: Process(name="node", folder="/home/ann/projects/storefront", started_at=OLD),
    5: Process(name="just-started", folder="/home/ann", started_at=NOW - 2.9),
    6: Process(name="postgres", folder="/var/lib/postgresql/15/main", started_at=OLD),
}


@dataclass
class Record:
    """A record as psutil gives them."""

    laddr: tuple[str, int] | tuple[()]
    pid: int | None = 1
    status: str = "LISTEN"


def rows(*records: Record, **options: object) -> tuple[ListeningPort, ...]:
    settings: dict[str, object] = {"ephemeral": range(32_768, 61_000), "now": NOW, "home": "/home/ann"}
    return listening_ports(records, PROCESSES.get, **{**settings, **options})  # type: ignore[arg-type]


def row(*records: Record, **options: object) -> ListeningPort:
    (only,) = rows(*records, **options)
    return only


def test_a_row_says_whose_port_it_is():
    assert row(Record(("127.0.0.1", 3000))) == ListeningPort(
        port=3000,
        address="127.0.0.1",
        reach=Reach.LOOPBACK,
        target="127.0.0.1:3000",
        pid=1,
        process="node",
        project="storefront",
    )


def test_only_what_listens_counts_and_rows_come_by_port():
    found = rows(
        Record(("127.0.0.1", 8000), pid=2),
        Record(("127.0.0.1", 3000)),
        Record(("127.0.0.1", 50_000), status="ESTABLISHED"),
        Record((), status="LISTEN"),
        Record(("127.0.0.1", 9000), status="CLOSE_WAIT"),
    )
    assert [each.port for each in found] == [3000, 8000]


@pytest.mark.parametrize(
    ("addresses", "address", "reach", "target"),
    [
        (["127.0.0.1"], "127.0.0.1", Reach.LOOPBACK, "127.0.0.1:3000"),
        (["0.0.0.0"], "0.0.0.0", Reach.EVERYWHERE, "127.0.0.1:3000"),
        (["::1"], "::1", Reach.LOOPBACK, "[::1]:3000"),
        (["::"], "::", Reach.EVERYWHERE, "localhost:3000"),
        (["0.0.0.0", "::"], "0.0.0.0", Reach.EVERYWHERE, "127.0.0.1:3000"),
        (["127.0.0.1", "::1"], "127.0.0.1", Reach.LOOPBACK, "127.0.0.1:3000"),
        (["::1", "127.0.0.1"], "127.0.0.1", Reach.LOOPBACK, "127.0.0.1:3000"),
        (["::", "127.0.0.1"], "::", Reach.EVERYWHERE, "127.0.0.1:3000"),
        (["192.168.1.5"], "192.168.1.5", Reach.ADDRESS, "192.168.1.5:3000"),
        (["2001:db8::5"], "2001:db8::5", Reach.ADDRESS, "[2001:db8::5]:3000"),
        (["2001:db8::5", "192.168.1.5"], "192.168.1.5", Reach.ADDRESS, "192.168.1.5:3000"),
        (["192.168.1.5", "127.0.0.1"], "192.168.1.5", Reach.ADDRESS, "127.0.0.1:3000"),
        (["127.0.0.53"], "127.0.0.53", Reach.LOOPBACK, "127.0.0.53:3000"),
        (["::ffff:127.0.0.1"], "127.0.0.1", Reach.LOOPBACK, "127.0.0.1:3000"),
        (["fe80::1", "::1"], "::1", Reach.LOOPBACK, "[::1]:3000"),
    ],
    ids=str,
)
def test_the_target_is_one_by_which_the_program_is_reached(
    addresses: Sequence[str], address: str, reach: Reach, target: str
):
    found = row(*(Record((each, 3000)) for each in addresses))
    assert (found.address, found.reach, found.target, found.is_shadowed) == (address, reach, target, False)
    assert parse_target(target).port == 3000


def test_what_cannot_be_dialled_without_an_interface_is_no_row():
    assert rows(Record(("fe80::1%eth0", 3000)), Record(("nonsense", 3000))) == ()


def test_the_workers_of_one_program_are_one_row():
    assert row(Record(("127.0.0.1", 3000), pid=4), Record(("127.0.0.1", 3000), pid=1)).pid == 1


def test_two_programs_on_one_port_are_two_rows_and_each_target_reaches_its_own():
    """The kernel gives a connection to the socket that is bound more specifically."""
    wide, narrow = rows(Record(("0.0.0.0", 3000)), Record(("127.0.0.1", 3000), pid=2))
    assert (wide.process, wide.is_shadowed) == ("node", True)
    assert (narrow.process, narrow.target, narrow.is_shadowed) == ("python3", "127.0.0.1:3000", False)
    both, narrow = rows(Record(("0.0.0.0", 1)), Record(("::", 1)), Record(("127.0.0.1", 1), pid=2))
    assert (both.target, both.is_shadowed, narrow.target) == ("[::1]:1", False, "127.0.0.1:1")
    six, four = rows(Record(("::", 1)), Record(("0.0.0.0", 1), pid=2))
    assert (six.target, four.target) == ("[::1]:1", "127.0.0.1:1")
    six, other = rows(Record(("::", 1)), Record(("::1", 1), pid=2))
    assert (six.is_shadowed, other.target) == (True, "[::1]:1")


def test_a_port_of_nobody_known_belongs_to_another_user():
    found = row(Record(("0.0.0.0", 5432), pid=None), Record(("::", 5432), pid=None))
    assert (found.pid, found.process, found.project) == (None, ANOTHER_USER, "")
    assert found.default_name == "port-5432"


def test_a_process_that_has_ended_meanwhile_belongs_to_nobody_known():
    assert row(Record(("127.0.0.1", 80), pid=99)).process == ANOTHER_USER


def test_what_belongs_to_nobody_known_on_two_addresses_may_be_two_programs():
    found = rows(Record(("127.0.0.53", 53), pid=None), Record(("192.168.122.1", 53), pid=None))
    assert [each.target for each in found] == ["127.0.0.53:53", "192.168.122.1:53"]


def test_relaydesks_own_ports_are_left_out():
    records = (Record(("127.0.0.1", 1)), Record(("127.0.0.1", 2), pid=2), Record(("127.0.0.1", 3), pid=None))
    assert [each.port for each in rows(*records, own_pids={1}, own_ports={3})] == [2]


@pytest.mark.parametrize(
    ("port", "is_ephemeral"), [(32_767, False), (32_768, True), (60_999, True), (61_000, False)]
)
def test_ports_that_the_system_hands_out_are_hidden_at_first(port: int, is_ephemeral: bool):
    found = row(Record(("127.0.0.1", port)))
    assert (found.is_ephemeral, found.is_hidden) == (is_ephemeral, is_ephemeral)


def test_a_port_of_a_program_that_has_just_started_is_hidden_at_first():
    record = Record(("127.0.0.1", 3000), pid=5)
    assert row(record).is_hidden
    assert not row(record, now=NOW + 0.2).is_hidden


def test_a_port_that_has_just_come_up_is_hidden_at_first():
    record = Record(("127.0.0.1", 3000))
    assert row(record, first_seen={3000: NOW - 2.9}).is_young
    assert not row(record, first_seen={3000: NOW - 3.1}).is_young


def test_a_clock_that_went_back_hides_nothing_for_long():
    assert not row(Record(("127.0.0.1", 3000)), now=OLD - 60).is_hidden


@pytest.mark.parametrize(
    ("port", "caution"),
    [
        (21, None),
        (22, Caution.REMOTE_LOGIN),
        (135, Caution.WINDOWS_RPC),
        (139, Caution.FILE_SHARING),
        (445, Caution.FILE_SHARING),
        (3389, Caution.REMOTE_DESKTOP),
        (5985, Caution.REMOTE_MANAGEMENT),
        (2375, Caution.DOCKER),
    ],
)
def test_some_ports_are_warned_of_and_one_is_confirmed(port: int, caution: Caution | None):
    found = row(Record(("0.0.0.0", port)))
    assert found.caution is caution
    assert not found.is_hidden
    if caution is not None:
        assert caution.needs_confirmation is (port == 22)


def test_a_published_port_is_named_after_its_container():
    names = {8080: "shop-db-1", 3000: "not-this-one"}
    found = rows(
        Record(("127.0.0.1", 3000)),
        Record(("0.0.0.0", 8080), pid=3),
        Record(("::", 8080), pid=3),
        containers=names,
    )
    assert [(each.program, each.default_name) for each in found] == [
        ("node", "storefront"),
        ("shop-db-1", "shop-db-1"),
    ]
    other = row(Record(("0.0.0.0", 8080), pid=None), containers=names)  # docker-proxy runs as root
    assert (other.program, other.default_name) == ("shop-db-1", "shop-db-1")
    assert row(Record(("0.0.0.0", 8080), pid=3)).default_name == "docker-proxy-8080"


@pytest.mark.parametrize(
    ("folder", "project"),
    [
        ("/home/ann/projects/storefront", "storefront"),
        ("/srv/shop", "shop"),
        ("/tmp/try", "try"),
        ("/home/ann", ""),
        ("/home/ann/", ""),
        ("/home", ""),
        ("/", ""),
        ("", ""),
        (None, ""),
        ("/var/lib/postgresql/15/main", ""),
        ("/usr/share/x", ""),
        ("/home/ann/a\nb\u202ec\udc80", "a\ufffdb\ufffdc\ufffd"),
        ("/home/ann/" + "x" * 200, "x" * 64),
    ],
)
def test_a_project_is_a_folder_that_says_something(folder: str | None, project: str):
    assert project_of(folder, "/home/ann") == project


def test_the_default_name_is_the_project_or_else_process_and_port():
    assert row(Record(("127.0.0.1", 3000))).default_name == "storefront"
    assert row(Record(("127.0.0.1", 5432), pid=6)).default_name == "postgres-5432"


addresses = st.one_of(
    st.ip_addresses().map(str), st.sampled_from(["127.0.0.1", "0.0.0.0", "::", "::1", "x", ""])
)
records = st.builds(
    Record,
    laddr=st.one_of(st.just(()), st.tuples(addresses, st.integers(1, 5))),
    pid=st.one_of(st.none(), st.integers(1, 9)),
    status=st.sampled_from(["LISTEN", "ESTABLISHED", "NONE"]),
)


@pytest.mark.slow
@given(st.lists(records, max_size=20))
def test_any_table_gives_rows_that_can_be_dialled(table: list[Record]):
    for each in rows(*table):
        assert parse_target(each.target).port == each.port
        assert each.process
        assert each.default_name
