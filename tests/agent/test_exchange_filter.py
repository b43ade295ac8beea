"""The filter's language: each key, what a value may be, and that no secret can be found."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.captured import BodyState, CapturedExchange, ExchangeKind, Timing
from agent.exchange_filter import (
    EVERYTHING,
    KEYS,
    MAX_FILTER_CHARACTERS,
    FilterError,
    Searchable,
    compile_filter,
)

ONE = CapturedExchange(
    id=12,
    service="Storefront",
    kind=ExchangeKind.HTTP,
    method="POST",
    request_target="/api/Orders?page=2&token=s3cret",
    request_headers=(
        ("Host", "shop.example"),
        ("Accept", "application/json"),
        ("Authorization", "Bearer s3cret"),
        ("X-Request-Id", "abc"),
    ),
    status=404,
    reason="Not Found",
    response_headers=(("Content-Type", "application/problem+json; charset=utf-8"),),
    request_body=BodyState(size=2_000, kept=2_000, is_whole=True),
    response_body=BodyState(size=1_500_000, kept=0, is_whole=True),
    origin="https://relay.test",
    target="http://127.0.0.1:3000",
    peer="203.0.113.7:51234",
    started_at=0.0,
    timing=Timing(asked_s=0.001, ended_s=1.5),
    note="paid Twice",
)
OPEN = dataclasses.replace(
    ONE, id=13, replay_of=12, status=0, timing=Timing(), note="", kind=ExchangeKind.WEBSOCKET, is_pinned=True
)
FAILED = dataclasses.replace(ONE, id=14, status=200, error="cannot reach it: connection refused")


def finds(text: str, one: CapturedExchange = ONE) -> bool:
    return compile_filter(text)(Searchable(one))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "orders",
        "ORDERS",
        "storefront orders",
        '"not found"',
        "paid",
        "post",
        "404",
        "page=2",
        "method:post",
        "method:get,POST",
        "method:",
        "Method:post",
        "status:404",
        "status:=404",
        "status:4xx",
        "status:4**",
        "status:4*",
        "status:>=400",
        "status:<=404",
        "status:>403",
        "status:<405",
        "status:400-499",
        "path:/api",
        "path:/API/orders",
        "service:store",
        'service:"Storefront"',
        "host:shop",
        "from:203.0.113",
        "header:x-request-id",
        "header:accept:json",
        "header:accept:",
        'header:"accept: application"',
        "type:json",
        "type:problem",
        "size:>1m",
        "size:>=1.5m",
        "size:1.5mb",
        "size:1400k",
        "size:1ki",
        "size:<2g",
        "size:1500000",
        "size:=1500000b",
        "time:>500ms",
        "time:1500",
        "time:<2s",
        "time:>=1.5sec",
        "time:<1min",
        "time:<1h",
        "is:http",
        "is:error",
        "is:errors",
        "is:slow",
        "is:noted",
        "note:",
        "note:twice",
        "id:12",
        "id:#12",
        "-is:pinned",
        "-path:/other",
        "-get",
        "-unknown:key",
        "method:post status:4xx path:/api -is:replay",
        "-",
        '"',
        '""',
        'note:"paid tw',
    ],
)
def test_it_is_found(text: str):
    assert finds(text)


@pytest.mark.parametrize(
    "text",
    [
        "customers",
        "-orders",
        "orders customers",
        '"found not"',
        "method:get",
        "-method:post",
        "status:200",
        "status:5xx",
        "status:>404",
        "status:405-499",
        "path:page",
        "service:web",
        "host:other",
        "from:198.",
        "header:x-other",
        "header:accept:xml",
        "header:request-id:abc",
        "type:utf-8",
        "type:xml",
        "size:>2m",
        "size:<1k",
        "size:=1.5m -is:http",
        "time:<1s",
        "time:>2s",
        "is:pinned",
        "is:pins",
        "is:replay",
        "is:ws",
        "is:open",
        "note:once",
        "id:13",
        "unknown:key",
        "-unknown:key orders customers",
    ],
)
def test_it_is_not_found(text: str):
    assert not finds(text)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("is:open", True),
        ("is:websocket", True),
        ("is:pinned", True),
        ("is:replay", True),
        ("id:12", True),
        ("is:http", False),
        ("is:error", False),
        ("is:slow", False),
        ("is:noted", False),
        ("note:", False),
        ("status:<600", False),
        ("status:0-599", False),
        ("time:>0", False),
    ],
)
def test_one_that_goes_on_has_no_status_and_no_time_yet(text: str, is_found: bool):
    assert finds(text, OPEN) is is_found


def test_what_failed_is_an_error_whatever_its_status():
    assert finds("is:error", FAILED)
    assert finds("refused", FAILED)


@pytest.mark.parametrize(
    "text", ["s3cret", "token=s3", "header:s3cret", "header:authorization:s3", "bearer s3"]
)
def test_no_secret_can_be_found(text: str):
    assert not finds(text)
    assert finds("header:authorization:bearer")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("status:many", "status:many is no status: it can be a number (404), a class (5xx)"),
        ("status:", "status: is no status"),
        ("status:4.5", "status:4.5 is no status"),
        ("status:404ms", "status:404ms is no status"),
        ("size:big", "size:big is no size: it can be >1m"),
        ("size:1x", "size:1x is no size"),
        ("time:soon", "time:soon is no time: it can be >500ms"),
        ("time:1y", "time:1y is no time"),
        ("is:lost", "is:lost is not known: it can be pinned, replay, websocket"),
        ("id:x", "id:x is no number: id:12 finds"),
        ("id:²", "id:² is no number"),
        ("-is:lost", "is:lost is not known"),
        ("a" * (MAX_FILTER_CHARACTERS + 1), "The filter is longer than 1,000 characters."),
    ],
)
def test_value_that_cannot_be_is_refused_with_those_that_can(text: str, says: str):
    with pytest.raises(FilterError) as refused:
        compile_filter(text)
    assert str(refused.value).startswith(says)


def test_nothing_asked_for_is_everything():
    assert compile_filter(" - ").is_empty
    assert EVERYTHING.is_empty
    assert not compile_filter("a").is_empty
    assert EVERYTHING(Searchable(ONE))


def test_only_the_beginning_of_a_long_text_is_searched():
    one = dataclasses.replace(
        ONE,
        note="n" * 3_000 + "end",
        request_headers=(("X-Long", "h" * 9_000), ("X-After", "it")),
        response_headers=(),
    )
    assert finds("nnn", one)
    assert not finds("nend", one)
    assert finds("header:x-long:hhh", one)
    assert not finds("header:x-after", one)
    assert finds("note:nend", one), "the key looks at all of it"


@given(st.text(max_size=60) | st.tuples(st.sampled_from(KEYS), st.text(max_size=20)).map(":".join))
def test_any_text_is_a_filter_or_refused(text: str):
    try:
        asked = compile_filter(text)
    except FilterError:
        return
    for one in (ONE, OPEN, FAILED):
        assert asked(Searchable(one)) in (True, False)


@given(
    st.text(st.characters(exclude_characters='"', exclude_categories=("Zs", "Cc")), min_size=1, max_size=10)
)
def test_a_term_and_its_negation_exclude_each_other(word: str):
    if word.strip("-") == word and ":" not in word and not word.isspace():
        assert finds(word) is not finds(f"-{word}")
