"""hyco.bodies: a cut body is the peer's fault, and told apart from its other faults."""

from __future__ import annotations

from hyco.bodies import BodyCutError, BodyData, BodyEnded
from hyco.errors import RemoteProtocolError


def test_a_cut_is_an_error_of_the_peer() -> None:
    error = BodyCutError("lost")
    assert isinstance(error, RemoteProtocolError)
    assert error.close_code == 1002


def test_events_compare_by_what_they_say() -> None:
    """The transcripts of the state machines depend on it."""
    assert BodyData(b"x") == BodyData(b"x") != BodyData(b"y")
    assert BodyEnded() == BodyEnded()
