"""hyco.frame_loop and its compiled twin: the same bytes, states and refusals, whatever comes and however it is cut."""

from __future__ import annotations

import importlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hyco import frame_loop
from hyco.errors import RemoteProtocolError
from hyco.frames import Close, Forwarder, Opcode, close_payload, frame
from hyco.limits import MAX_FRAGMENT_BYTES

try:
    _native: Any = importlib.import_module("hyco._frame_loop")
except ImportError:
    _native = None

needs_native = pytest.mark.skipif(
    _native is None, reason="the compiled frame loop is missing: install a C compiler and Python's headers"
)

#: Where lengths change their form, and where frames are cut.
SIZES = (
    0,
    1,
    2,
    5,
    7,
    8,
    9,
    63,
    125,
    126,
    127,
    300,
    65_535,
    65_536,
    MAX_FRAGMENT_BYTES,
    MAX_FRAGMENT_BYTES + 3,
)

#: First bytes, second bytes and lengths that no frame may have.
BROKEN_HEADS = (
    b"\xc1\x80", b"\xa2\x80", b"\x91\x80",  # reserved bits
    b"\x83\x80", b"\x87\x80", b"\x8b\x80", b"\x8f\x80",  # unknown opcodes
    b"\x08\x80", b"\x09\x80", b"\x0a\x80",  # fragmented control frames
    b"\x89\xfe\x00\x7e", b"\x88\xff",  # long control frames
    b"\x82\xfe\x00\x05", b"\x82\x7e\x00\x7d",  # lengths that are not in their shortest form
    b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00", b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",  # the highest bit
    b"\x80\x80", b"\x00\x00", b"\x81\x00", b"\x82\x80\x01\x02\x03\x04",  # right in another place
    b"\x88\x81\x00\x00\x00\x00x", b"\x88\x01x",  # closing by one byte
    b"\x88\x82\x00\x00\x00\x00\x03\xed", b"\x88\x02\x03\xed",  # by a code that is never sent
)  # fmt: skip


def stream(chance: random.Random, *, is_masked: bool) -> bytes:
    """Frames of a peer: good ones for the most part, in an order that may be wrong, and now and then none."""
    parts = []
    in_message = False
    for _ in range(chance.randrange(1, 12)):
        mask = chance.randbytes(4) if is_masked else None
        kind = chance.random()
        if kind < 0.04:
            parts.append(chance.choice(BROKEN_HEADS) + chance.randbytes(chance.randrange(12)))
        elif kind < 0.06:
            parts.append(chance.randbytes(chance.randrange(1, 20)))
        elif kind < 0.2:
            opcode = chance.choice((Opcode.PING, Opcode.PONG))
            parts.append(frame(opcode, chance.randbytes(chance.randrange(126)), mask=mask))
        elif kind < 0.22:
            code = chance.choice((1000, 1001, 1008, 3000))
            parts.append(frame(Opcode.CLOSE, close_payload(code, "bye"), mask=mask))
        else:
            is_long = chance.random() < 0.02
            size = chance.choice(SIZES) if is_long else chance.choice(SIZES[:12])
            is_final = chance.random() < 0.7
            opcode = Opcode.CONTINUATION if in_message else chance.choice((Opcode.TEXT, Opcode.BINARY))
            in_message = not is_final
            parts.append(frame(opcode, chance.randbytes(size), fin=is_final, mask=mask))
    return b"".join(parts)


def pieces(chance: random.Random, data: bytes) -> Iterator[bytes]:
    """*data*, cut at random places: often within heads."""
    position = 0
    while position < len(data):
        size = chance.choice((1, 2, 3, 5, 9, 14, 60, 1_000, 100_000))
        yield data[position : position + size]
        position += size


class Masks:
    """Masks that can be given out a second time."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> bytes:
        self.given += 1
        return (self.given * 0x9E3779B1 & 0xFFFFFFFF).to_bytes(4, "big")


def run(loop: Any, data: list[bytes], injections: list[bytes], *, is_masked: bool) -> list[object]:  # noqa: ANN401
    """All that can be seen of a forwarder that has this loop."""
    mask_out: Callable[[], bytes] | None = None if is_masked else Masks()
    forwarder = Forwarder(is_masked=is_masked, mask_out=mask_out)
    forwarder._loop = loop.FrameLoop(is_masked, mask_out)
    seen: list[object] = []
    for piece, injection in zip(data, injections, strict=True):
        forwarder.inject += injection
        try:
            seen.append(forwarder.feed(piece))
        except RemoteProtocolError as error:
            seen.append((str(error), error.close_code))
            break
        finally:
            seen += [forwarder.is_between_frames, forwarder.is_at_border, forwarder.payload_bytes]
            seen += [tuple(forwarder.pings), forwarder.has_pong, forwarder.close, forwarder.inject]
            forwarder.pings = ()
    return seen


def agree(seed: int) -> list[object]:
    """Run one random stream through both; what was seen."""
    chance = random.Random(seed)
    is_masked = chance.random() < 0.6
    data = list(pieces(chance, stream(chance, is_masked=is_masked)))
    ping = frame(Opcode.PING, b"ours")
    injections = [ping if chance.random() < 0.05 else b"" for _ in data]
    pure = run(frame_loop, data, injections, is_masked=is_masked)
    native = run(_native, data, injections, is_masked=is_masked)
    assert native == pure, f"seed {seed}"
    return pure


@needs_native
@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("part", range(4))
def test_both_loops_do_the_same_with_any_stream(part: int, full_size: bool):
    count = (1_000_000 if full_size else 20_000) // 4
    seen: set[str] = set()
    for seed in range(part * count, (part + 1) * count):
        for one in agree(seed):
            if isinstance(one, tuple) and one and isinstance(one[0], str):
                seen.add(one[0])
            elif isinstance(one, Close):
                seen.add("closed")
    refusals = {
        "reserved bits are set although no extension was agreed on",
        "fragmented control frame",
        "new message inside a fragmented one",
        "continuation frame without a message to continue",
        "control frame longer than 125 bytes",
        "frame length not in its shortest form",
        "frame length with the highest bit set",
        "unmasked frame from a client",
        "masked frame from a server",
        "close frame with a body of one byte",
        "closed",
    }
    assert refusals <= seen, "every kind of refusal came up"


@needs_native
@pytest.mark.parametrize("is_masked", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_both_loops_do_the_same_at_each_place_of_a_frame(size: int, is_masked: bool):
    mask = b"\x11\x22\x33\x44" if is_masked else None
    data = frame(Opcode.TEXT, bytes(range(256)) * (size // 256 + 1), mask=mask)[: size + 14]
    for at in {*range(min(len(data), 30)), len(data) // 2, len(data) - 1, len(data)}:
        cut = [data[:at], data[at:]]
        for injection in (b"", b"\x89\x00"):
            injections = [injection, b""]
            assert run(_native, cut, injections, is_masked=is_masked) == run(
                frame_loop, cut, injections, is_masked=is_masked
            )


@needs_native
@pytest.mark.parametrize("broken", BROKEN_HEADS)
@pytest.mark.parametrize("is_masked", [True, False])
def test_both_loops_stop_before_what_is_no_data_frame(broken: bytes, is_masked: bool):
    mask = b"\x11\x22\x33\x44" if is_masked else None
    good = frame(Opcode.TEXT, b"good", mask=mask)
    for before in (b"", good, frame(Opcode.TEXT, b"begun", fin=False, mask=mask)):
        data = before + broken + good
        results = []
        for module in (frame_loop, _native):
            loop = module.FrameLoop(is_masked, None)
            results.append((loop.run(data, 0, False), loop.left, loop.cut, loop.begun, loop.in_message))
        assert results[0] == results[1]


@needs_native
def test_what_comes_out_of_the_compiled_loop_shares_no_memory_with_the_read_buffer():
    buffer = bytearray(frame(Opcode.BINARY, b"before", mask=b"\0\0\0\0"))
    out, _ = _native.FrameLoop(True, None).run(memoryview(buffer), 0, False)
    buffer[:] = b"\xff" * len(buffer)
    assert out == frame(Opcode.BINARY, b"before")


@needs_native
@pytest.mark.parametrize("size", SIZES)
def test_both_make_the_same_masked_frame(size: int):
    data = random.Random(size).randbytes(size)
    for mask in (b"\0\0\0\0", b"\x01\x02\x03\x04", b"\xff\0\xff\0"):
        made = _native.masked_frame(0x82, memoryview(data), mask)
        assert made == frame_loop.masked_frame(0x82, data, mask)


@needs_native
@pytest.mark.parametrize("mask", [b"", b"abc", b"abcde"])
def test_mask_of_another_length_is_refused_by_the_compiled_loop(mask: bytes):
    with pytest.raises(ValueError, match="four bytes"):
        _native.FrameLoop(False, lambda: mask).run(frame(Opcode.BINARY, b"x"), 0, False)
    for module in (_native, frame_loop):
        with pytest.raises(ValueError, match="four bytes"):
            module.masked_frame(0x82, b"x", mask)


@pytest.mark.parametrize("is_pure", [True, False])
def test_the_loop_in_python_is_taken_where_it_is_asked_for_or_nothing_else_is_there(is_pure: bool):
    """``RELAYDESK_PURE`` is looked at when the program starts."""
    ask = "from hyco.frames import IS_COMPILED, Forwarder; print(IS_COMPILED, Forwarder(is_masked=True).feed(b'\\x82\\x80abcd'))"
    environment = {"RELAYDESK_PURE": "1"} if is_pure else {}
    said = subprocess.run(
        [sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert said == f"{not is_pure and _native is not None} b'\\x82\\x00'\n"
