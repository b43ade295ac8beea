"""The inspector's list: complete, within bounds, and told in changes."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.captured import (
    MAX_NOTE_CHARACTERS,
    CapturedExchange,
    EditedRequest,
    ExchangeChanges,
    ExchangeKind,
    Lost,
    MessageKind,
    Phase,
    Side,
    phases,
)
from agent.exchanges import ExchangeGoneError, Exchanges, PinnedFullError
from hyco.frames import Opcode, frame
from tests.support.captures import a_route, begun, ended
from tests.support.clocks import SteppedClock
from tests.support.waiting import until


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def exchanges(tmp_path: Path, clock: SteppedClock) -> Iterator[Exchanges]:
    made = Exchanges(tmp_path / "captures", clock)
    made.begin()
    yield made
    made.close()


def small(tmp_path: Path, **bounds: int) -> Exchanges:
    return Exchanges(tmp_path / "captures", SteppedClock(), **bounds)


def ids(changes: ExchangeChanges) -> list[int]:
    return [one.id for one in changes.changed]


class Follower:
    """Somebody who asks for changes alone, and puts together what there is."""

    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges
        self._version = 0
        self.known: dict[int, CapturedExchange] = {}

    def look(self) -> ExchangeChanges:
        changes = self._exchanges.changes(self._version)
        if changes.is_everything:
            self.known.clear()
        for number in changes.removed:
            self.known.pop(number, None)
        self.known |= {one.id: one for one in changes.changed}
        self._version = changes.version
        return changes


def test_exchange_is_complete(exchanges: Exchanges, clock: SteppedClock):
    one = begun(exchanges, "POST", "/hc/form?a=1", (("Host", "relay.test"),))
    one.request_piece(b"name=")
    one.request_piece(b"value")
    one.request_ended()
    clock.advance(0.25)
    one.asked()
    clock.advance(0.25)
    one.connected()
    clock.advance(0.5)
    one.answered(201, "Created", (("X-A", "1"),))
    one.response_piece(b"done")
    one.response_ended()
    clock.advance(1.0)
    one.ended(None)
    shown = exchanges.get(one.id)
    assert shown is not None
    assert (shown.service, shown.method, shown.request_target, shown.path) == (
        "web",
        "POST",
        "/hc/form?a=1",
        "/hc/form",
    )
    assert (shown.status, shown.reason, shown.response_headers) == (201, "Created", (("X-A", "1"),))
    assert (shown.origin, shown.target, shown.peer) == (
        "https://relay.test",
        "http://127.0.0.1:3000",
        "203.0.113.7:51234",
    )
    assert shown.request_body.is_whole
    assert (shown.request_body.size, shown.response_body.size) == (10, 4)
    assert exchanges.body(one.id, Side.SENDER, 0, 100) == b"name=value"
    assert exchanges.body(one.id, Side.TARGET, 1, 2) == b"on"
    assert phases(shown.timing) == (
        (Phase.ADMISSION, 0.0, 0.25),
        (Phase.CONNECT, 0.25, 0.5),
        (Phase.TARGET, 0.5, 1.0),
        (Phase.BODY, 1.0, 2.0),
    )
    assert shown.is_over


def test_changes_are_told_once_in_order(exchanges: Exchanges):
    follower = Follower(exchanges)
    assert follower.look().is_everything
    one, other = begun(exchanges), begun(exchanges)
    assert ids(follower.look()) == [one.id, other.id]
    assert ids(follower.look()) == []
    one.answered(200, "OK", ())
    one.ended(None)
    assert ids(follower.look()) == [one.id]
    assert follower.known[one.id].status == 200
    one.ended("twice")
    assert ids(follower.look()) == []


def test_exchange_that_goes_on_is_told_as_it_grows(exchanges: Exchanges):
    follower = Follower(exchanges)
    one = begun(exchanges)
    follower.look()
    one.answered(200, "OK", ())
    one.response_piece(b"x" * 10)
    follower.look()
    assert follower.known[one.id].response_body.size == 10
    one.response_piece(b"x" * 10)
    follower.look()
    assert follower.known[one.id].response_body.size == 20


def test_oldest_goes_for_a_new_one(tmp_path: Path):
    exchanges = small(tmp_path, max_exchanges=3)
    follower = Follower(exchanges)
    made = [ended(exchanges).id for _ in range(2)]
    follower.look()
    made += [ended(exchanges).id for _ in range(3)]
    changes = follower.look()
    assert set(follower.known) == set(made[-3:])
    assert set(changes.removed) >= {made[0]}
    assert exchanges.get(made[0]) is None
    assert exchanges.body(made[0], Side.SENDER, 0, 10) == b""
    with pytest.raises(ExchangeGoneError, match=f"exchange {made[0]}"):
        exchanges.find(made[0])


def test_who_was_away_for_long_gets_everything_anew(tmp_path: Path):
    exchanges = small(tmp_path, max_exchanges=3)
    follower = Follower(exchanges)
    ended(exchanges)
    follower.look()
    for _ in range(50):
        ended(exchanges)
    assert follower.look().is_everything
    assert set(follower.known) == {49, 50, 51}


def test_over_its_bound_bodies_go_and_exchanges_stay(tmp_path: Path):
    exchanges = small(tmp_path, max_memory_bytes=100_000)
    made = [ended(exchanges, response=b"x" * 20_000).id for _ in range(6)]
    shown = [exchanges.get(number) for number in made]
    assert all(shown)
    lost = [one.response_body.lost for one in shown if one is not None]
    assert lost[0] is Lost.MADE_ROOM
    assert lost[-1] is None
    assert [one.response_body.size for one in shown if one is not None] == [20_000] * 6
    assert exchanges.changes().kept_bytes <= 100_000


async def test_long_bodies_have_a_bound_of_their_own(tmp_path: Path):
    exchanges = small(tmp_path, max_disk_bytes=1_000_000)
    exchanges.begin()
    first = ended(exchanges, response=bytes(600_000))
    second = ended(exchanges, response=bytes(600_000))
    states = [exchanges.find(one.id).freeze().response_body for one in (first, second)]
    assert [state.lost for state in states] == [Lost.MADE_ROOM, None]
    await until(lambda: exchanges.spool.unwritten_bytes == 0)
    exchanges.close()
    assert list((tmp_path / "captures").glob("*")) == []


def test_heads_alone_fill_the_memory_and_the_oldest_go(tmp_path: Path):
    exchanges = small(tmp_path, max_memory_bytes=100_000)
    for _ in range(200):
        ended(exchanges, headers=(("X-Long", "y" * 1_000),))
    changes = exchanges.changes()
    assert 10 < len(changes.changed) < 100
    assert ids(changes)[-1] == 200
    assert changes.kept_bytes <= 100_000


def test_pinned_ones_stay_and_can_be_no_more_than_half(tmp_path: Path):
    exchanges = small(tmp_path, max_exchanges=4)
    one, two, three = (ended(exchanges, response=b"kept") for _ in range(3))
    exchanges.pin(one.id, is_pinned=True)
    exchanges.pin(two.id, is_pinned=True)
    with pytest.raises(PinnedFullError, match="unpin"):
        exchanges.pin(three.id, is_pinned=True)
    for _ in range(10):
        ended(exchanges)
    assert exchanges.body(one.id, Side.TARGET, 0, 10) == b"kept"
    exchanges.clear()
    assert ids(exchanges.changes()) == [one.id, two.id]
    exchanges.pin(one.id, is_pinned=False)
    exchanges.clear()
    assert ids(exchanges.changes()) == [two.id]


def test_pinned_bodies_can_be_no_more_than_half_of_the_memory(tmp_path: Path):
    exchanges = small(tmp_path, max_memory_bytes=100_000)
    one = ended(exchanges, response=b"x" * 60_000)
    with pytest.raises(PinnedFullError):
        exchanges.pin(one.id, is_pinned=True)
    assert exchanges.find(one.id).is_pinned is False


def test_note_is_kept_within_its_bound(exchanges: Exchanges):
    one = ended(exchanges)
    exchanges.annotate(one.id, "n" * (MAX_NOTE_CHARACTERS + 1))
    assert exchanges.find(one.id).note == "n" * MAX_NOTE_CHARACTERS
    with pytest.raises(ExchangeGoneError):
        exchanges.annotate(99, "nobody")


def test_while_capturing_is_off_replays_alone_are_captured(exchanges: Exchanges):
    old = ended(exchanges)
    going_on = begun(exchanges)
    exchanges.is_capturing = False
    assert (
        exchanges.capture(a_route(), method="GET", request_target="/", headers=(), remote=going_on.remote)
        is None
    )
    replayed = begun(exchanges, replay_of=old.id)
    going_on.response_piece(b"to its end")
    assert exchanges.body(going_on.id, Side.TARGET, 0, 20) == b"to its end"
    shown = exchanges.find(replayed.id).freeze()
    assert (shown.replay_of, shown.peer) == (old.id, "")


def test_what_is_secret_is_in_no_repr_and_no_error(exchanges: Exchanges):
    one = ended(
        exchanges,
        "GET",
        "/hc/page?token=in-the-query",
        (("Authorization", "Bearer in-the-request"),),
        response_headers=(("Set-Cookie", "sid=in-the-answer"),),
        error="cannot reach https://somebody:in-the-error@host/?sig=in-the-error",
    )
    frozen = one.freeze()
    shown = repr(frozen) + repr(
        EditedRequest(method="GET", request_target=frozen.request_target, headers=frozen.request_headers)
    )
    assert "in-the" not in shown
    assert frozen.error is not None
    assert frozen.error.startswith("cannot reach https://")


@pytest.mark.parametrize("error", [None, "the target went away"])
def test_websocket_that_ended_in_order_is_whole(exchanges: Exchanges, error: str | None):
    one = begun(exchanges, kind=ExchangeKind.WEBSOCKET)
    one.frames(Side.SENDER, frame(Opcode.TEXT, b"hello"), True)
    one.ended(error)
    is_whole = error is None
    frozen = one.freeze()
    assert (frozen.request_body.is_whole, frozen.response_body.is_whole) == (is_whole, is_whole)


def test_websocket_is_read_in_messages(exchanges: Exchanges):
    one = begun(exchanges, kind=ExchangeKind.WEBSOCKET)
    one.frames(Side.SENDER, memoryview(frame(Opcode.TEXT, b"hello")), True)
    one.frames(Side.TARGET, memoryview(frame(Opcode.TEXT, b"y" * 5_000)), True)
    page = exchanges.messages(one.id, None, 1)
    assert [(m.side, m.kind, m.preview) for m in page.messages] == [(Side.SENDER, MessageKind.TEXT, b"hello")]
    assert page.has_more
    page = exchanges.messages(one.id, page.cursor, 10)
    (answer,) = page.messages
    assert exchanges.message(one.id, answer, 9_000) == b"y" * 5_000
    assert exchanges.messages(99, None, 10).messages == ()
    assert exchanges.body(one.id, Side.SENDER, 0, 10) == b""


def test_room_that_is_made_lets_an_open_websocket_begin_again(tmp_path: Path):
    exchanges = small(tmp_path, max_memory_bytes=100_000)
    one = begun(exchanges, kind=ExchangeKind.WEBSOCKET)
    for number in range(25):
        one.frames(Side.SENDER, memoryview(frame(Opcode.TEXT, b"%02d" % number + b"x" * 9_998)), True)
    page = exchanges.messages(one.id, None, 100)
    assert [m.preview[:2] for m in page.messages][-1] == b"24"
    assert exchanges.changes().kept_bytes <= 100_000


def test_ten_thousand_are_kept_and_take_what_was_said(tmp_path: Path):
    headers = tuple((f"X-Header-{number}", "v" * 40) for number in range(12))
    route = a_route()
    tracemalloc.start()
    try:
        exchanges = Exchanges(tmp_path / "captures", SteppedClock())
        for number in range(10_500):
            one = begun(exchanges, "GET", f"/hc/page/{number}", headers, route=route)
            one.answered(200, "OK", headers)
            one.response_piece(b"x" * 2_000)
            one.ended(None)
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    changes = exchanges.changes()
    assert sorted(ids(changes)) == list(range(501, 10_501))
    assert current < 96 * 1_048_576
    assert changes.kept_bytes <= 67_108_864


def test_readers_of_other_threads_see_a_consistent_list(exchanges: Exchanges):
    has_ended = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        follower = Follower(exchanges)
        try:
            while not has_ended.is_set():
                follower.look()
                for number in list(follower.known)[:5]:
                    exchanges.body(number, Side.TARGET, 0, 100)
            follower.look()
            assert set(follower.known) == {one.id for one in exchanges.changes().changed}
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    route = a_route()
    for number in range(1_500):
        one = ended(exchanges, response=b"z" * 500, route=route)
        if number % 7 == 0:
            exchanges.pin(one.id, is_pinned=True)
        if number % 400 == 399:
            exchanges.clear()
    has_ended.set()
    for reader in readers:
        reader.join(30)
    assert failures == []
