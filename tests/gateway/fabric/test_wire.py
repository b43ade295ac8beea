from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fabric.interface import Answer, Ask, Event, Heard
from gateway.fabric.wire import Said, Verb, Why, WireError, ask_bytes, read_ask, read_said, said_bytes
from hyco.messages import Accept, RemoteEndpoint, Request, Response

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
headers = st.lists(st.tuples(texts, texts), max_size=5).map(tuple)
endpoints = st.builds(RemoteEndpoint, address=texts, port=st.integers(0, 65_535))
names = st.frozensets(texts, max_size=3)
accepts = st.builds(Accept, address=texts, id=texts, connect_headers=headers, remote_endpoint=endpoints)
requests = st.builds(
    Request,
    address=texts,
    id=texts,
    request_target=texts,
    method=texts,
    remote_endpoint=endpoints,
    request_headers=headers,
    body=st.booleans(),
)
events = st.builds(Event, content_type=texts, is_text=st.booleans())
kinds_and_messages = st.tuples(st.sampled_from(["accept", "request"]), accepts | requests) | st.tuples(
    st.just("event"), events
)
asks = st.builds(
    lambda kind_and_message, **others: Ask(kind=kind_and_message[0], message=kind_and_message[1], **others),
    kinds_and_messages,
    id=texts,
    body=st.none() | st.binary(max_size=50),
    allowed=st.none() | names,
    disallowed=names,
    tried=names,
)


@given(texts, asks)
def test_an_ask_is_read_as_it_was_written(relay: str, ask: Ask) -> None:
    assert read_ask(ask_bytes(relay, ask)) == (relay, ask)


@pytest.mark.parametrize(
    "said",
    [
        Said(Verb.TOLD, listener="a", node="b"),
        Said(Verb.NOT_TOLD, why=Why.BUSY),
        Said(Verb.NOT_TOLD, why=Why.CRITERIA),
        Said(Verb.HERE, node="b"),
        Said(Verb.HERE, node="b", owed=frozenset({"gw.a.in.1", "gw.a.in.2"})),
        Said(Verb.LOST, text="It went: ü"),
        Said(Verb.HEARD, node="b", relay="contoso/ü", heard=Heard(delivered=3, dropped=1)),
        Said(Verb.ANSWER, answer=Answer(response=Response(request_id="id", status_code=204), body=None)),
        Said(
            Verb.ANSWER,
            answer=Answer(
                response=Response(
                    request_id="id",
                    status_code=200,
                    status_description="Schön",
                    response_headers=(("Set-Cookie", "a"), ("Set-Cookie", "b"), ("X", "ü")),
                    body=True,
                ),
                body=b"\n\x00{",
            ),
        ),
    ],
)
def test_an_answer_is_read_as_it_was_written(said: Said) -> None:
    assert read_said(said_bytes(said)) == said


@given(st.binary(max_size=60) | st.builds(lambda text: text.encode() + b"\n", st.text(max_size=60)))
def test_reading_is_total(data: bytes) -> None:
    for read in (read_ask, read_said):
        with contextlib.suppress(WireError):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]\n",
        b"{}\n",
        b'{"verb":"nothing"}\n',
        b'{"verb":"answer","response":"{}"}\n',
        b'{"verb":"answer","response":"{\\"renewToken\\":{\\"token\\":\\"x\\"}}"}\n',
        b'{"relay":"r","kind":"accept","id":"1","message":{"address":"/x","id":"1","from":[],"headers":[]}}\n',
        b'{"relay":"r","kind":"accept","id":"1","message":{"address":"/x","id":"1","from":["a","b"],"headers":[]}}\n',
    ],
)
def test_what_no_node_says_is_refused(data: bytes) -> None:
    for read in (read_ask, read_said):
        with pytest.raises(WireError):
            read(data)


def test_what_a_newer_node_adds_is_passed_over() -> None:
    assert read_said(b'{"verb":"here","node":"n","colour":"blue"}\n') == Said(Verb.HERE, node="n")
