"""hyco.frames: every byte of RFC 6455 framing, whichever way it is cut up on its way."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.errors import LocalProtocolError, RemoteProtocolError
from hyco.frames import (
    Close,
    Event,
    Forwarder,
    Fragment,
    FrameReader,
    Opcode,
    Ping,
    Pong,
    close_payload,
    frame,
    parse_close,
)
from hyco.limits import MAX_FRAGMENT_BYTES

MASK = b"\x01\x02\x03\x04"


def read_all(reader: FrameReader, data: bytes, step: int) -> list[Event]:
    events: list[Event] = []
    for at in range(0, len(data), step):
        events += reader.feed(data[at : at + step])
    return events


def messages(events: list[Event]) -> list[tuple[Opcode, bytes] | Event]:
    """Put the pieces of each message together again; control frames stay as they are."""
    result: list[tuple[Opcode, bytes] | Event] = []
    pieces: list[bytes] = []
    for event in events:
        if not isinstance(event, Fragment):
            result.append(event)
            continue
        assert event.is_first is (not pieces), "only a message's first piece says so"
        pieces.append(event.data)
        if event.is_last:
            result.append((event.opcode, b"".join(pieces)))
            pieces = []
    assert not pieces
    return result


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
@pytest.mark.parametrize("mask", [None, MASK])
def test_a_frame_is_read_back_whatever_its_length_form(size: int, mask: bytes | None) -> None:
    payload = bytes(i & 0xFF for i in range(size))
    events = FrameReader(is_masked=mask is not None).feed(frame(Opcode.BINARY, payload, mask=mask))
    assert messages(events) == [(Opcode.BINARY, payload)]


def test_the_wire_bytes_are_those_of_the_rfc() -> None:
    """RFC 6455 section 5.7."""
    assert frame(Opcode.TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    masked = frame(Opcode.TEXT, b"Hello", mask=bytes.fromhex("37fa213d"))
    assert masked == bytes.fromhex("818537fa213d7f9f4d5158")
    assert frame(Opcode.BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert frame(Opcode.BINARY, bytes(65_536))[:10] == bytes.fromhex("827f0000000000010000")


def test_pieces_arrive_as_they_come_and_not_when_the_frame_is_whole() -> None:
    data = frame(Opcode.TEXT, b"abcdefgh", mask=MASK)
    reader = FrameReader(is_masked=True)
    assert reader.feed(data[:9]) == [Fragment(Opcode.TEXT, b"abc", is_first=True, is_last=False)]
    assert reader.feed(data[9:]) == [Fragment(Opcode.TEXT, b"defgh", is_first=False, is_last=True)]


def test_control_frames_pass_between_the_fragments_of_a_message() -> None:
    data = (
        frame(Opcode.TEXT, b"a", fin=False)
        + frame(Opcode.PING, b"p")
        + frame(Opcode.CONTINUATION, b"", fin=False)
        + frame(Opcode.PONG, b"q")
        + frame(Opcode.CONTINUATION, b"b")
    )
    assert FrameReader(is_masked=False).feed(data) == [
        Fragment(Opcode.TEXT, b"a", is_first=True, is_last=False),
        Ping(b"p"),
        Pong(b"q"),
        Fragment(Opcode.TEXT, b"b", is_first=False, is_last=True),
    ]


def test_a_message_of_empty_frames_is_an_empty_message() -> None:
    data = frame(Opcode.TEXT, b"", fin=False) + frame(Opcode.CONTINUATION, b"")
    assert FrameReader(is_masked=False).feed(data) == [
        Fragment(Opcode.TEXT, b"", is_first=True, is_last=False),
        Fragment(Opcode.TEXT, b"", is_first=False, is_last=True),
    ]


def test_nothing_follows_a_close() -> None:
    reader = FrameReader(is_masked=False)
    data = frame(Opcode.CLOSE, close_payload(1000, "bye")) + frame(Opcode.TEXT, b"late")
    assert reader.feed(data) == [Close(1000, "bye")]
    assert reader.feed(b"\xff\xff") == []


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xc1\x00", "reserved bits"),
        (b"\xa1\x00", "reserved bits"),
        (b"\x91\x00", "reserved bits"),
        (b"\x83\x00", "unknown opcode"),
        (b"\x8b\x00", "unknown opcode"),
        (b"\x09\x00", "fragmented control"),
        (b"\x08\x00", "fragmented control"),
        (b"\x80\x00", "without a message"),
        (b"\x00\x00", "without a message"),
        (b"\x01\x00\x81\x00", "inside a fragmented"),
        (b"\x89\x7e\x00\x7e", "longer than 125"),
        (b"\x81\x80", "masked frame from a server"),
        (b"\x82\x7e\x00\x7d", "shortest form"),
        (b"\x82\x7f" + (65_535).to_bytes(8, "big"), "shortest form"),
        (b"\x82\x7f" + (1 << 63).to_bytes(8, "big"), "highest bit"),
        (b"\x88\x01\x03", "one byte"),
        (b"\x88\x02\x03\xed", "invalid code 1005"),
        (b"\x88\x03\x03\xe8\xff", "not UTF-8"),
    ],
)
@pytest.mark.parametrize("reader_type", [FrameReader, Forwarder])
def test_broken_framing_is_refused(
    reader_type: type[FrameReader | Forwarder], data: bytes, text: str
) -> None:
    reader = reader_type(is_masked=False)
    with pytest.raises(RemoteProtocolError, match=text):
        reader.feed(data)


@pytest.mark.parametrize("reader_type", [FrameReader, Forwarder])
def test_a_client_must_mask(reader_type: type[FrameReader | Forwarder]) -> None:
    with pytest.raises(RemoteProtocolError, match="unmasked frame from a client") as caught:
        reader_type(is_masked=True).feed(frame(Opcode.TEXT, b"x"))
    assert caught.value.close_code == 1002


def test_after_an_error_nothing_more_is_said() -> None:
    reader = FrameReader(is_masked=False)
    with pytest.raises(RemoteProtocolError):
        reader.feed(b"\xff\x00")
    assert reader.feed(frame(Opcode.TEXT, b"x")) == []


def test_close_payloads() -> None:
    assert close_payload(1005) == b""
    assert parse_close(b"") == Close(1005, "")
    assert parse_close(Close(4001, "äpp").encode()) == Close(4001, "äpp")
    with pytest.raises(LocalProtocolError, match="1006"):
        close_payload(1006)
    long = close_payload(1011, "ä" * 100)
    assert len(long) <= 125
    assert long[2:].decode() == "ä" * 61


frames_strategy = st.lists(
    st.tuples(
        st.sampled_from(["text", "binary", "ping", "pong"]),
        st.lists(st.binary(max_size=300), min_size=1, max_size=4),
        st.binary(min_size=4, max_size=4),
    ),
    max_size=12,
)


def on_the_wire(
    script: list[tuple[str, list[bytes], bytes]], *, is_masked: bool
) -> tuple[bytes, list[object]]:
    """The bytes of a script of messages, and what a reader should make of them."""
    wire = b""
    expected: list[object] = []
    for kind, pieces, mask in script:
        key = mask if is_masked else None
        if kind in ("ping", "pong"):
            payload = pieces[0][:125]
            wire += frame(Opcode.PING if kind == "ping" else Opcode.PONG, payload, mask=key)
            expected.append(Ping(payload) if kind == "ping" else Pong(payload))
            continue
        opcode = Opcode.TEXT if kind == "text" else Opcode.BINARY
        for index, piece in enumerate(pieces):
            is_last = index == len(pieces) - 1
            wire += frame(opcode if index == 0 else Opcode.CONTINUATION, piece, fin=is_last, mask=key)
        expected.append((opcode, b"".join(pieces)))
    return wire, expected


@given(frames_strategy, st.booleans(), st.integers(1, 400))
def test_however_the_bytes_are_cut_the_messages_are_the_same(
    script: list[tuple[str, list[bytes], bytes]], is_masked: bool, step: int
) -> None:
    wire, expected = on_the_wire(script, is_masked=is_masked)
    assert messages(read_all(FrameReader(is_masked=is_masked), wire, step)) == expected


@given(frames_strategy, st.integers(1, 400))
def test_a_forwarder_says_the_same_messages_without_the_control_frames(
    script: list[tuple[str, list[bytes], bytes]], step: int
) -> None:
    wire, expected = on_the_wire(script, is_masked=True)
    forwarder = Forwarder(is_masked=True)
    out = b"".join(forwarder.feed(wire[at : at + step]) for at in range(0, len(wire), step))
    data_messages = [message for message in expected if isinstance(message, tuple)]
    assert messages(FrameReader(is_masked=False).feed(out)) == data_messages
    pings = [message.payload for message in expected if isinstance(message, Ping)]
    assert list(forwarder.pings) == pings
    assert forwarder.has_pong is any(isinstance(message, Pong) for message in expected)
    assert forwarder.is_between_frames


@given(frames_strategy, st.integers(1, 400))
def test_a_forwarder_towards_a_server_masks_each_frame_afresh(
    script: list[tuple[str, list[bytes], bytes]], step: int
) -> None:
    wire, expected = on_the_wire(script, is_masked=False)
    counter = itertools.count(1)
    forwarder = Forwarder(is_masked=False, mask_out=lambda: next(counter).to_bytes(4, "big"))
    out = b"".join(forwarder.feed(wire[at : at + step]) for at in range(0, len(wire), step))
    data_messages = [message for message in expected if isinstance(message, tuple)]
    assert messages(FrameReader(is_masked=True).feed(out)) == data_messages


@given(st.binary(max_size=600), st.booleans(), st.integers(1, 50))
def test_reading_is_total(data: bytes, is_masked: bool, step: int) -> None:
    for reader in (FrameReader(is_masked=is_masked), Forwarder(is_masked=is_masked)):
        codes = set()
        for at in range(0, len(data), step):
            try:
                reader.feed(data[at : at + step])
            except RemoteProtocolError as error:
                codes.add(error.close_code)
                break
        assert codes <= {1002, 1007}


@pytest.mark.parametrize("step", [1000, 131_072, 500_000])
@pytest.mark.parametrize("size", [MAX_FRAGMENT_BYTES, MAX_FRAGMENT_BYTES + 1, 3 * MAX_FRAGMENT_BYTES + 5])
def test_long_frames_are_cut_and_no_empty_frame_is_made_up(size: int, step: int) -> None:
    payload = bytes(i * 7 & 0xFF for i in range(size))
    wire = frame(Opcode.BINARY, payload, mask=MASK)
    forwarder = Forwarder(is_masked=True)
    out = b"".join(forwarder.feed(wire[at : at + step]) for at in range(0, len(wire), step))
    sizes = []
    position = 0
    while position < len(out):
        length = out[position + 1]
        start = position + (2 if length < 126 else 4 if length == 126 else 10)
        if length >= 126:
            length = int.from_bytes(out[position + 2 : start], "big")
        sizes.append(length)
        position = start + length
    assert sum(sizes) == size
    assert all(0 < length <= MAX_FRAGMENT_BYTES for length in sizes)
    assert len(sizes) == -(-size // MAX_FRAGMENT_BYTES)
    assert messages(FrameReader(is_masked=False).feed(out)) == [(Opcode.BINARY, payload)]


def test_what_is_injected_waits_for_the_next_border_of_frames() -> None:
    wire = frame(Opcode.BINARY, b"x" * 100, mask=MASK)
    forwarder = Forwarder(is_masked=True)
    first = forwarder.feed(wire[:50])
    assert not forwarder.is_between_frames
    forwarder.inject = frame(Opcode.PING, b"now")
    second = forwarder.feed(wire[50:])
    assert forwarder.inject == b""
    assert messages(FrameReader(is_masked=False).feed(first + second)) == [
        (Opcode.BINARY, b"x" * 100),
        Ping(b"now"),
    ]


def test_what_is_injected_goes_between_the_fragments_of_a_long_frame() -> None:
    payload = bytes(MAX_FRAGMENT_BYTES + 10)
    wire = frame(Opcode.BINARY, payload, mask=MASK)
    forwarder = Forwarder(is_masked=True)
    out = forwarder.feed(wire[:1000])
    forwarder.inject = frame(Opcode.PONG)
    out += forwarder.feed(wire[1000:])
    events = FrameReader(is_masked=False).feed(out)
    assert [type(event) for event in events] == [Fragment, Pong, Fragment]


def test_a_close_ends_the_direction_behind_the_data_before_it() -> None:
    forwarder = Forwarder(is_masked=True)
    wire = frame(Opcode.TEXT, b"last", mask=MASK) + frame(Opcode.CLOSE, close_payload(4000, "x"), mask=MASK)
    assert forwarder.feed(wire + b"\xff\xff") == frame(Opcode.TEXT, b"last")
    assert forwarder.close == Close(4000, "x")
    assert forwarder.feed(b"more") == b""


def test_what_comes_out_shares_no_memory_with_the_read_buffer() -> None:
    """A view of the shared buffer in a transport is corrupt under back-pressure."""
    buffer = bytearray(frame(Opcode.BINARY, b"abcdefgh"))
    forwarder = Forwarder(is_masked=False)
    out = forwarder.feed(memoryview(buffer)[:6]) + forwarder.feed(memoryview(buffer)[6:])
    expected = bytes(buffer)
    buffer[:] = bytes(len(buffer))
    assert out == expected


def test_masking_both_ways_is_nobodys_job() -> None:
    with pytest.raises(LocalProtocolError):
        Forwarder(is_masked=True, mask_out=lambda: MASK)


@given(frames_strategy)
def test_frames_that_arrive_whole_come_out_as_those_that_arrive_byte_by_byte(
    script: list[tuple[str, list[bytes], bytes]],
) -> None:
    """Whole small frames take a shorter way through the forwarder; it must be the same way."""
    wire, _ = on_the_wire(script, is_masked=True)
    at_once, piecewise = Forwarder(is_masked=True), Forwarder(is_masked=True)
    out = at_once.feed(wire)
    assert out == b"".join(piecewise.feed(wire[at : at + 1]) for at in range(len(wire)))
    assert (at_once.pings, at_once.has_pong) == (piecewise.pings, piecewise.has_pong)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (b"\xc2\x80" + MASK, "reserved bits"),
        (b"\x80\x80" + MASK, "without a message"),
        (b"\x82\x00", "unmasked frame from a client"),
        (b"\x82\x7e\x00\x7e", "unmasked frame from a client"),
        (b"\x82\xfe\x00\x7d" + MASK, "shortest form"),
        (b"\x82\xff" + (65_535).to_bytes(8, "big") + MASK, "shortest form"),
    ],
)
def test_broken_framing_behind_whole_frames_is_refused(broken: bytes, text: str) -> None:
    good = frame(Opcode.BINARY, b"x" * 10, mask=MASK) + frame(Opcode.TEXT, b"y" * 1000, mask=MASK)
    with pytest.raises(RemoteProtocolError, match=text):
        Forwarder(is_masked=True).feed(good + broken + bytes(200))
