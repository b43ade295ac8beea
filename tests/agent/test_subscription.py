"""agent/subscription.py: what comes from a gateway, read; and a gateway that breaks the rules."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.subscription import EnvelopeError, PublishedEvent, read_event

_HEAD = {"id": "a", "contentType": "text/plain", "isText": True}


def _bytes(head: object, body: bytes = b"") -> bytes:
    return json.dumps(head).encode() + b"\n" + body


def test_an_event_is_its_envelope_and_its_body():
    assert read_event(_bytes(_HEAD, b"x\ny")) == PublishedEvent("a", "text/plain", True, b"x\ny")
    assert read_event(_bytes(_HEAD | {"isText": False, "more": 1}, b"\xff")).body == b"\xff"


@pytest.mark.parametrize(
    "message",
    [
        "text",
        b"",
        b"{}",
        b"no json\n",
        b"\xff\n",
        _bytes([]),
        _bytes({}),
        _bytes(_HEAD | {"id": 1}),
        _bytes(_HEAD | {"contentType": None}),
        _bytes(_HEAD | {"isText": "true"}),
        _bytes(_HEAD, b"\xff"),
        b"[" * 100_000 + b"\n",
    ],
)
def test_anything_else_is_no_event(message: str | bytes):
    with pytest.raises(EnvelopeError):
        read_event(message)


@given(
    st.binary(max_size=60)
    | st.builds(_bytes, st.dictionaries(st.sampled_from([*_HEAD]), st.text() | st.booleans()))
)
def test_reading_is_total(message: bytes):
    with contextlib.suppress(EnvelopeError):
        read_event(message)
