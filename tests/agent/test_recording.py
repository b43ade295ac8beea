"""Frames of a WebSocket, kept as they came, and told apart when somebody looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import recording
from agent import spool as spool_module
from agent.captured import Lost, Message, MessageKind, MessagePage, Side
from agent.recording import MAX_PREVIEW_BYTES, Recording, read_messages, read_payload
from agent.spool import Spool
from hyco.frames import Forwarder, Opcode, frame
from tests.support.clocks import SteppedClock


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "captures")
    made.begin()
    yield made
    made.close()


class Wire:
    """One direction: feeds a recording as the relay does, cut wherever the network cuts."""

    def __init__(self, spool: Spool) -> None:
        self.recording = Recording(spool)
        self._forwarder = Forwarder(is_masked=False, mask_out=lambda: bytes(4))

    def feed(self, data: bytes, at: float = 1.0) -> None:
        self.recording.append(data, at, is_at_border=self._forwarder.is_at_border)
        self._forwarder.feed(data)


def all_messages(
    sender: Recording, target: Recording, *, limit: int = 1_000, is_over: bool = True
) -> list[Message]:
    found: list[Message] = []
    cursor = None
    while True:
        page = read_messages(sender, target, cursor, limit, is_over=is_over)
        found += page.messages
        if not page.messages:
            return found
        cursor = page.cursor


def said(messages: list[Message]) -> list[tuple[Side, MessageKind, bytes, bool]]:
    return [(one.side, one.kind, one.preview, one.is_whole) for one in messages]


def test_messages_of_both_sides_in_the_order_in_which_they_began(spool: Spool):
    sender, target = Wire(spool), Wire(spool)
    sender.feed(frame(Opcode.TEXT, b"one"), at=1.0)
    target.feed(frame(Opcode.BINARY, b"\0two"), at=2.0)
    sender.feed(frame(Opcode.CLOSE, b"\x03\xe8bye"), at=3.0)
    messages = all_messages(sender.recording, target.recording)
    assert said(messages) == [
        (Side.SENDER, MessageKind.TEXT, b"one", True),
        (Side.TARGET, MessageKind.BINARY, b"\0two", True),
        (Side.SENDER, MessageKind.CLOSE, b"\x03\xe8bye", True),
    ]
    assert [one.number for one in messages] == [0, 1, 2]
    assert [one.at for one in messages] == [1.0, 2.0, 3.0]


def test_pings_and_pongs_between_fragments_are_left_out(spool: Spool):
    sender = Wire(spool)
    sender.feed(frame(Opcode.TEXT, b"he", fin=False) + frame(Opcode.PING, b"?"))
    sender.feed(frame(Opcode.CONTINUATION, b"llo") + frame(Opcode.PONG, b"!"))
    assert said(all_messages(sender.recording, Recording(spool))) == [
        (Side.SENDER, MessageKind.TEXT, b"hello", True)
    ]


def test_message_that_still_comes_waits_for_its_end(spool: Spool):
    sender, nobody = Wire(spool), Recording(spool)
    whole = frame(Opcode.TEXT, b"x" * 500)
    sender.feed(whole[:100])
    page = read_messages(sender.recording, nobody, None, 10, is_over=False)
    assert page.messages == ()
    sender.feed(whole[100:])
    page = read_messages(sender.recording, nobody, page.cursor, 10, is_over=False)  # type: ignore[arg-type]
    assert [(one.size, one.is_whole) for one in page.messages] == [(500, True)]


def test_message_that_was_cut_is_shown_as_cut(spool: Spool):
    sender = Wire(spool)
    sender.feed(frame(Opcode.TEXT, b"x" * 500)[:100])
    (message,) = all_messages(sender.recording, Recording(spool))
    assert (message.is_whole, message.size) == (False, 96)


def test_long_message_is_previewed_and_its_payload_read_apart(spool: Spool):
    payload = bytes(range(256)) * 2_000
    sender = Wire(spool)
    for start in range(0, len(payload), 100_000):
        kind = Opcode.BINARY if start == 0 else Opcode.CONTINUATION
        sender.feed(frame(kind, payload[start : start + 100_000], fin=start + 100_000 >= len(payload)))
    (message,) = all_messages(sender.recording, Recording(spool))
    assert message.preview == payload[:MAX_PREVIEW_BYTES]
    assert message.size == len(payload)
    assert read_payload(sender.recording, message, 1 << 30) == payload
    assert read_payload(sender.recording, message, 150_000) == payload[:150_000]


def test_oldest_stretch_goes_when_a_connection_lasts(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording, "SEGMENT_BYTES", 1_000)
    sender, nobody = Wire(spool), Recording(spool)
    first = read_messages(sender.recording, nobody, None, 10, is_over=False)
    for number in range(100):
        sender.feed(frame(Opcode.TEXT, b"%03d" % number + b"x" * 97))
    page = read_messages(sender.recording, nobody, first.cursor, 1_000, is_over=False)  # type: ignore[arg-type]
    numbers = [int(one.preview[:3]) for one in page.messages]
    assert numbers == list(range(numbers[0], 100))
    assert 10 < len(numbers) <= recording.MAX_SEGMENTS * 10
    state = sender.recording.state()
    assert (state.lost, state.kept < state.size) == (Lost.TOO_LONG, True)


def test_reader_that_falls_behind_is_told_what_it_missed(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recording, "SEGMENT_BYTES", 100)
    sender, nobody = Wire(spool), Recording(spool)
    sender.feed(frame(Opcode.TEXT, b"first"))
    page = read_messages(sender.recording, nobody, None, 10, is_over=False)
    for _ in range(50):
        sender.feed(frame(Opcode.TEXT, b"x" * 50))
    page = read_messages(sender.recording, nobody, page.cursor, 10, is_over=False)  # type: ignore[arg-type]
    assert page.skipped >= 1
    assert page.messages


def test_room_that_is_made_costs_the_past_and_not_what_comes(spool: Spool):
    sender, nobody = Wire(spool), Recording(spool)
    sender.feed(frame(Opcode.TEXT, b"old"))
    sender.recording.discard()
    sender.feed(frame(Opcode.TEXT, b"new"))
    assert said(all_messages(sender.recording, nobody)) == [(Side.SENDER, MessageKind.TEXT, b"new", True)]
    assert sender.recording.state().kept == 5


def test_rest_of_a_message_whose_beginning_is_gone_says_that_it_is_a_rest(spool: Spool):
    sender, nobody = Wire(spool), Recording(spool)
    sender.feed(frame(Opcode.TEXT, b"gone", fin=False))
    sender.recording.discard()
    sender.feed(frame(Opcode.CONTINUATION, b"rest"))
    assert said(all_messages(sender.recording, nobody)) == [
        (Side.SENDER, MessageKind.CONTINUATION, b"rest", True)
    ]


def test_what_breaks_the_rules_ends_the_reading_and_not_the_reader(spool: Spool):
    made = Recording(spool)
    made.append(frame(Opcode.TEXT, b"good") + b"\x83\x00garbage", 1.0, is_at_border=True)
    assert said(all_messages(made, Recording(spool))) == [(Side.SENDER, MessageKind.TEXT, b"good", True)]


@dataclasses.dataclass(frozen=True)
class Talk:
    """A message in fragments, with controls between them."""

    kind: Opcode
    pieces: tuple[bytes, ...]
    has_ping: bool

    def frames(self) -> bytes:
        out = b""
        for index, piece in enumerate(self.pieces):
            opcode = self.kind if index == 0 else Opcode.CONTINUATION
            out += frame(opcode, piece, fin=index == len(self.pieces) - 1)
            if self.has_ping and index < len(self.pieces) - 1:
                out += frame(Opcode.PING, b"p")
        return out


TALKS = st.builds(
    Talk,
    st.sampled_from([Opcode.TEXT, Opcode.BINARY]),
    st.lists(st.binary(max_size=300), min_size=1, max_size=4).map(tuple),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(TALKS, max_size=8), st.lists(st.integers(1, 400), max_size=30), st.integers(1, 5))
def test_whatever_the_network_cuts_the_messages_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, talks: list[Talk], cuts: list[int], limit: int
):
    wire = Wire(Spool(tmp_path_factory.getbasetemp() / "unused"))
    data = b"".join(talk.frames() for talk in talks)
    while data:
        size = cuts.pop() if cuts else len(data)
        wire.feed(data[:size])
        data = data[size:]
    found = all_messages(wire.recording, Recording(Spool(Path("unused"))), limit=limit)
    assert [read_payload(wire.recording, one, 10_000) for one in found] == [
        b"".join(one.pieces) for one in talks
    ]
    assert [one.is_whole for one in found] == [True] * len(talks)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=10))
def test_any_bytes_can_be_read(pieces: list[bytes]):
    made = Recording(Spool(Path("unused")))
    for piece in pieces:
        made.append(piece, 1.0, is_at_border=True)
    page = read_messages(made, Recording(Spool(Path("unused"))), None, 100, is_over=True)
    assert isinstance(page, MessagePage)


def test_connection_that_is_too_fast_is_recorded_again_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(spool_module, "BURST_BYTES", 600_000)
    monkeypatch.setattr(spool_module, "BYTES_PER_S", 100_000)
    clock = SteppedClock()
    spool = Spool(tmp_path / "captures", clock)
    sender, nobody = Wire(spool), Recording(spool)
    for number in range(40):
        sender.feed(frame(Opcode.BINARY, b"%02d" % number + bytes(50_000)))
    assert len(sender.recording.segments()) == 1
    assert sender.recording.state().lost is Lost.TOO_FAST
    clock.advance(60)
    sender.feed(frame(Opcode.TEXT, b"later"))
    messages = all_messages(sender.recording, nobody)
    assert messages[0].preview[:2] == b"00"
    assert messages[-1].preview == b"later"
    assert read_messages(sender.recording, nobody, None, 1_000, is_over=True).skipped == 1
