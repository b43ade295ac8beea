"""relaydesk/ports/watcher.py: how often the system is looked at, and what happens when it does not answer."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from relaydesk.ports import Attention, PortWatcher, Process, System
from relaydesk.ports.listening import Socket
from relaydesk.ports.watcher import MAX_HANGING, SystemClock
from tests.support.clocks import SteppedClock
from tests.support.waiting import until


@dataclass
class Record:
    laddr: tuple[str, int]
    pid: int | None = 1
    status: str = "LISTEN"


@dataclass
class FakeSystem:
    """A computer whose ports a test opens and closes."""

    records: list[Socket] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    looks: int = 0
    container_looks: int = 0
    error: OSError | None = None
    docker_error: OSError | None = None
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def open(self, *ports: int, pid: int | None = 1) -> None:
        self.records += [Record(("127.0.0.1", port), pid) for port in ports]

    def sockets(self) -> list[Socket]:
        self.looks += 1
        self.gate.wait()
        if self.error is not None:
            raise self.error
        return list(self.records)

    def containers(self) -> dict[int, str]:
        self.container_looks += 1
        if self.docker_error is not None:
            raise self.docker_error
        return dict(self.names)

    def is_listening(self, host: str, port: int) -> bool | None:
        self.gate.wait()
        if self.error is not None:
            raise self.error
        return any(each.laddr == (host, port) for each in self.records)

    def as_system(self) -> System:
        return System(
            sockets=self.sockets,
            process=lambda pid: Process(name=f"process{pid}", folder="/srv/shop"),
            ephemeral=lambda: range(50_000, 60_000),
            containers=self.containers,
            is_listening=self.is_listening,
            home="/home/ann",
        )


@asynccontextmanager
async def running(watcher: PortWatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(watcher.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def computer() -> FakeSystem:
    return FakeSystem()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def make(computer: FakeSystem, clock: SteppedClock) -> Callable[..., PortWatcher]:
    return lambda **options: PortWatcher(source=computer.as_system(), clock=clock, **options)


async def test_nobody_looks_and_nothing_is_asked(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    async with running(make()):
        assert await clock.next_wait() is None
        assert computer.looks == 0


async def test_the_system_is_asked_every_two_seconds_while_somebody_chooses_and_else_every_fifteen(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    computer.open(3000)
    watcher = make()
    async with running(watcher):
        assert await clock.next_wait() is None
        watcher.attention = Attention.WATCHED
        assert await clock.next_wait() == 2.0
        assert (computer.looks, [row.port for row in watcher.ports]) == (1, [3000])
        clock.advance(2.0)
        assert await clock.next_wait() == 2.0
        assert computer.looks == 2
        watcher.attention = Attention.GLANCE
        assert await clock.next_wait() == 15.0
        clock.advance(14.0)
        watcher.attention = Attention.WATCHED  # long enough ago for this one
        assert await clock.next_wait() == 2.0
        assert computer.looks == 3
        watcher.attention = Attention.NOBODY
        assert await clock.next_wait() is None
        clock.advance(3_600)
        assert computer.looks == 3


async def test_refreshing_by_hand_is_not_more_often_either(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    watcher = make()
    await watcher.refresh()
    computer.open(3000)
    assert await watcher.refresh() == ()
    clock.advance(2.0)
    assert [row.port for row in await watcher.refresh()] == [3000]
    assert computer.looks == 2


async def test_changes_are_told_and_nothing_else_is(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    told: list[int] = []
    watcher = make(on_change=lambda: told.append(len(watcher.ports)))
    for count in (0, 0, 1, 1, 0):
        computer.records.clear()
        computer.open(*range(3000, 3000 + count))
        await watcher.refresh()
        clock.advance(60.0)
    assert told == [1, 0]


async def test_what_was_there_at_first_is_shown_and_what_comes_up_is_hidden_for_three_seconds(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    computer.open(3000)
    watcher = make()
    assert [row.is_hidden for row in await watcher.refresh()] == [False]
    computer.open(4000)
    clock.advance(2.0)
    assert [row.is_hidden for row in await watcher.refresh()] == [False, True]
    clock.advance(2.0)
    assert [row.is_hidden for row in await watcher.refresh()] == [False, False]


async def test_what_came_up_while_nobody_looked_is_not_new(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    watcher = make()
    await watcher.refresh()
    computer.open(4000)
    clock.advance(3_600)
    assert [row.is_hidden for row in await watcher.refresh()] == [False]


async def test_own_ports_are_left_out_by_what_is_true_at_each_look(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    pids: set[int] = set()
    ports: set[int] = set()
    computer.open(1, pid=os.getpid())
    computer.open(2, pid=7)
    computer.open(3, 4, pid=8)
    watcher = make(own_pids=lambda: pids, own_ports=lambda: ports)
    assert [row.port for row in await watcher.refresh()] == [2, 3, 4]
    pids.add(7)
    ports.add(3)
    clock.advance(60)
    assert [row.port for row in await watcher.refresh()] == [4]


async def test_a_table_that_cannot_be_read_leaves_the_list_and_says_so(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    computer.open(3000)
    watcher = make()
    await watcher.refresh()
    computer.error = OSError("no such table")
    clock.advance(60)
    assert [row.port for row in await watcher.refresh()] == [3000]
    assert watcher.problem == "the open ports cannot be listed: no such table"
    computer.error = None
    clock.advance(60)
    await watcher.refresh()
    assert watcher.problem is None


async def test_a_system_that_does_not_answer_is_asked_a_few_times_and_no_more(
    make: Callable[..., PortWatcher],
    computer: FakeSystem,
    clock: SteppedClock,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("relaydesk.ports.watcher.READ_S", 0.01)
    computer.gate.clear()
    watcher = make()
    for _ in range(3 * MAX_HANGING):
        await watcher.refresh()
        clock.advance(60)
    await until(lambda: computer.looks == MAX_HANGING)
    assert watcher.problem == "the open ports cannot be listed: the system still does not answer"
    computer.gate.set()
    await until(lambda: not watcher._hanging.total())
    await watcher.refresh()
    assert watcher.problem is None


async def test_containers_are_named_where_there_may_be_some_and_asked_for_seldom(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    computer.open(3000)
    watcher = make()
    await watcher.refresh()
    assert computer.container_looks == 0
    computer.open(8080, pid=None)
    computer.names = {8080: "shop", 3000: "wrong"}
    clock.advance(2)
    assert [row.program for row in await watcher.refresh()] == ["process1", "shop"]
    for _ in range(5):
        clock.advance(2)
        await watcher.refresh()
    assert computer.container_looks == 1
    computer.open(8081, pid=None)
    computer.names[8081] = "shop-2"
    clock.advance(2)
    assert [row.program for row in await watcher.refresh()] == ["process1", "shop", "shop-2"]
    clock.advance(15)
    await watcher.refresh()
    assert computer.container_looks == 3


async def test_docker_that_does_not_answer_is_left_alone_for_a_minute(
    make: Callable[..., PortWatcher], computer: FakeSystem, clock: SteppedClock
):
    computer.docker_error = OSError("permission denied")
    watcher = make()
    for port in range(8000, 8020):
        computer.open(port, pid=None)
        await watcher.refresh()
        clock.advance(2)
    assert computer.container_looks == 1
    assert watcher.problem is None
    assert len(watcher.ports) == 20
    clock.advance(60)
    await watcher.refresh()
    assert computer.container_looks == 2


async def test_one_port_can_be_asked_for(make: Callable[..., PortWatcher], computer: FakeSystem):
    computer.open(3000)
    watcher = make()
    answers = [await watcher.is_listening("127.0.0.1", port) for port in (3000, 3001)]
    assert answers == [True, False]
    assert computer.looks == 0
    many = await asyncio.gather(*(watcher.is_listening("127.0.0.1", 3000) for _ in range(50)))
    assert many == [True] * 50
    computer.error = OSError("x")
    assert await watcher.is_listening("127.0.0.1", 3000) is None


async def test_one_port_is_not_known_where_the_system_does_not_answer(
    make: Callable[..., PortWatcher], computer: FakeSystem, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("relaydesk.ports.watcher.ONE_PORT_S", 0.01)
    computer.gate.clear()
    watcher = make()
    assert [await watcher.is_listening("127.0.0.1", 3000) for _ in range(2 * MAX_HANGING)] == [None] * 8
    computer.gate.set()
    await until(lambda: not watcher._hanging.total())


async def test_the_systems_clock_waits_until_it_is_woken_or_the_time_is_over():
    clock = SystemClock()
    wake = asyncio.Event()
    before = clock.monotonic()
    await clock.wait(0.01, wake)
    assert clock.monotonic() - before >= 0.01
    wake.set()
    await clock.wait(None, wake)
    assert clock.now() > 1_700_000_000


@pytest.mark.slow
async def test_the_real_system_is_read_outside_the_loop():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        watcher = PortWatcher()
        assert port not in [row.port for row in await watcher.refresh()]  # it is our own
        assert await watcher.is_listening("127.0.0.1", port) is True
    assert await watcher.is_listening("127.0.0.1", port) is False
