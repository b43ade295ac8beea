"""What is secret in an exchange, shown without it and put back."""

from __future__ import annotations

import dataclasses
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import masks
from agent.captured import CapturedExchange, EditedRequest, ExchangeKind
from agent.masks import (
    MASK,
    MaskError,
    is_secret_header,
    is_secret_parameter,
    masked,
    masked_headers,
    masked_target,
    masked_value,
    unmask,
)
from hyco.fields import Headers

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def captured(target: str = "/", headers: Headers = (), answer: Headers = ()) -> CapturedExchange:
    return CapturedExchange(
        id=1,
        service="web",
        kind=ExchangeKind.HTTP,
        method="GET",
        request_target=target,
        request_headers=headers,
        response_headers=answer,
        origin="https://relay.test",
        target="http://127.0.0.1:3000",
        started_at=0.0,
    )


def editor_of(one: CapturedExchange) -> EditedRequest:
    """What an editor begins with: all of it masked."""
    shown = masked(one)
    return EditedRequest(
        method=one.method, request_target=shown.request_target, headers=shown.request_headers
    )


# --- which are secret ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "ServiceBusAuthorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "X-Auth-Token",
        "x-amz-security-token",
        "Ocp-Apim-Subscription-Key",
        "X-Hub-Signature-256",
        "X-CSRF-Token",
        "RelayDesk-Invitation",
        "x-functions-key",
    ],
)
def test_headers_with_credentials_are_known(name: str):
    assert is_secret_header(name)
    assert is_secret_header(name.upper())
    assert "s3cret" not in masked_value(name, "s3cret")


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Accept",
        "Content-Type",
        "Access-Control-Allow-Headers",
        "Sec-WebSocket-Key",
        "Content-Security-Policy",
        "X-Request-Id",
        "ETag",
    ],
)
def test_other_headers_stay_as_they_are(name: str):
    assert not is_secret_header(name)
    assert masked_value(name, "plain value") == "plain value"


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "sig",
        "code",
        "key",
        "api-key",
        "apiKey",
        "user[password]",
        "%74oken",
        "sb-hc-token",
        " SID ",
    ],
)
def test_names_of_secret_parameters_are_known(name: str):
    assert is_secret_parameter(name)


@pytest.mark.parametrize("name", ["page", "monkey", "encoded", "q", "state", "sort", "signal", ""])
def test_names_of_other_parameters_are_not(name: str):
    assert not is_secret_parameter(name)


# --- masking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer abc.def", "Bearer …"),
        ("Authorization", "Digest username=a, response=b", "Digest …"),
        ("Authorization", "abcdef", "…"),
        ("Authorization", "a=b c", "…"),
        ("ServiceBusAuthorization", "SharedAccessSignature sr=a&sig=b", "SharedAccessSignature …"),
        ("Cookie", "sid=1; theme=dark;flag", "sid=…; theme=…;…"),
        ("Cookie", "empty=; =x", "empty=; =…"),
        ("Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=…; Path=/; HttpOnly"),
        ("X-Api-Key", "abc", "…"),
        ("X-Api-Key", "", ""),
        ("Sec-WebSocket-Protocol", "chat, bearer.abc", "chat, …"),
        ("Sec-WebSocket-Protocol", "chat, superchat", "chat, superchat"),
        ("Location", "https://here/cb?code=abc&state=1", "https://here/cb?code=…&state=1"),
        ("Referer", "https://here/?next=%2Fa%3Ftoken%3Dabc", "https://here/?next=…"),
        (
            "Link",
            '<https://here/?page=2&access_token=abc>; rel="next"',
            '<https://here/?page=2&access_token=…>; rel="next"',
        ),
        ("X-Note", f"a {JWT} b", "a eyJ… b"),
        ("Accept", "text/html;q=0.9", "text/html;q=0.9"),
    ],
)
def test_values_are_shown_without_their_secrets(name: str, value: str, shown: str):
    assert masked_value(name, value) == shown


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/page", "/page"),
        ("/page?a=1&token=abc&b=2", "/page?a=1&token=…&b=2"),
        ("/page?token=&a", "/page?token=&a"),
        ("/page?to%6Ben=abc", "/page?to%6Ben=…"),
        ("/cb#access_token=abc", "/cb#access_token=abc"),
        ("/cb?x=1#access_token=abc", "/cb?x=1#access_token=…"),
        (f"/go?to={quote('https://a/?key=1', safe='')}", "/go?to=…"),
        (f"/go?to={quote(quote('https://a/?key=1', safe=''), safe='')}", "/go?to=…"),
        (f"/go?to={quote('https://a/?page=1', safe='')}", f"/go?to={quote('https://a/?page=1', safe='')}"),
        (f"/t/{JWT}/x", "/t/eyJ…/x"),
    ],
)
def test_targets_are_shown_without_their_secrets(target: str, shown: str):
    assert masked_target(target) == shown


def test_every_part_of_an_exchange_is_masked():
    one = captured(
        "/?token=s3cret", (("Authorization", "Bearer s3cret"), ("Host", "a")), (("Set-Cookie", "a=s3cret"),)
    )
    shown = masked(one)
    assert "s3cret" not in f"{shown.request_target} {shown.request_headers} {shown.response_headers}"
    assert [name for name, _ in shown.request_headers] == ["Authorization", "Host"]
    assert dataclasses.replace(shown, request_target="", request_headers=(), response_headers=()) == (
        dataclasses.replace(one, request_target="", request_headers=(), response_headers=())
    )


names = st.sampled_from(
    [
        "Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "Host",
        "Referer",
        "Sec-WebSocket-Protocol",
        "X-Other",
    ]
)
#: What a header may hold: no mark, for that is no Latin-1.
values = st.one_of(
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40),
    st.sampled_from(
        [
            "Bearer abc",
            "a=1; b=2",
            "a=1; a=2; a=3",
            "https://h/?token=abc&x=1",
            "chat, bearer.x",
            JWT,
            "SharedAccessSignature sr=a&sig=b%3d&se=1&skn=c",
            " ; =; ",
        ]
    ),
)
headers = st.lists(st.tuples(names, values), max_size=6).map(tuple)
targets = st.one_of(
    st.lists(
        st.tuples(
            st.sampled_from(["token", "a", "sig", "page", "to%6Ben", "code"]),
            st.sampled_from(["", "1", "abc", "%3Ftoken%3D1", "x=y", "https%3A%2F%2Fa%2F%3Fkey%3D1"]),
        ),
        max_size=6,
    ).map(lambda pairs: "/p?" + "&".join(f"{name}={value}" for name, value in pairs)),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(lambda text: f"/{text}"),
)


@settings(max_examples=500)
@given(targets, headers)
def test_masking_twice_is_masking_once_and_nothing_is_left_out(target: str, fields: Headers):
    once = masked_headers(fields)
    assert masked_headers(once) == once
    assert [name for name, _ in once] == [name for name, _ in fields]
    assert masked_target(masked_target(target)) == masked_target(target)


@settings(max_examples=500)
@given(targets, headers)
def test_what_an_editor_begins_with_is_what_was_captured(target: str, fields: Headers):
    one = captured(target, fields)
    whole = unmask(editor_of(one), one)
    assert (whole.request_target, whole.headers) == (target, fields)


@settings(max_examples=1_000)
@given(
    st.sampled_from(["a", "page", "token", "x%3d", "eyJ", "ey", "sig", "primary_key", "x://u:p", "b,c", "sr"])
    | st.text(max_size=6),
    st.sampled_from([JWT, "%3Ftoken%3D1", "a://u:p@h", "y@z", "1", "k=v", "?key=1", "SharedAccessKey=x"])
    | st.text(max_size=8),
)
def test_names_that_are_remembered_change_nothing(name: str, value: str):
    """Most parameters have a plain name and a plain value, and are passed over quickly."""
    quick = masked_target(f"/?{name}={value}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "_is_plain_name", lambda _: False)
        assert quick == masked_target(f"/?{name}={value}")


@pytest.mark.slow
def test_hostile_texts_are_masked_in_linear_time():
    """A square of the length would take minutes here."""
    for text in (
        "a=" * 50_000,
        "?x=" * 50_000,
        "%25" * 50_000,
        "eyJ" * 50_000,
        "; a" * 50_000,
        "key=" * 50_000,
    ):
        began = time.process_time()
        masked_target(f"/?{text}")
        for name in ("Referer", "Cookie", "X-Other", "Sec-WebSocket-Protocol"):
            masked_value(name, text)
        assert time.process_time() - began < 10


# --- and back --------------------------------------------------------------------------------------------------------


def test_marks_stand_for_what_was_captured_at_their_place():
    one = captured(
        "/p?token=t1&x=1&token=t2",
        (("Authorization", "Bearer b"), ("Cookie", "a=1; b=2"), ("X-Api-Key", "k1"), ("X-Api-Key", "k2")),
    )
    edited = EditedRequest(
        method="PUT",
        request_target="/other?x=2&token=…&token=…",
        headers=(
            ("X-Api-Key", "…"),
            ("X-Api-Key", "…"),
            ("Authorization", "Basic …"),
            ("Cookie", "b=…; c=new; a=…"),
            ("X-New", "plain"),
        ),
    )
    whole = unmask(edited, one)
    assert whole.request_target == "/other?x=2&token=t1&token=t2"
    assert whole.headers == (
        ("X-Api-Key", "k1"),
        ("X-Api-Key", "k2"),
        ("Authorization", "Basic b"),
        ("Cookie", "b=2; c=new; a=1"),
        ("X-New", "plain"),
    )
    assert whole.method == "PUT"


@pytest.mark.parametrize(
    ("target", "fields", "says"),
    [
        (
            "/",
            (("X-Secret", "…"),),
            "the header X-Secret says …, which stands for a captured value, and none was",
        ),
        ("/", (("X-Api-Key", "a…"),), "the header X-Api-Key was changed around …"),
        ("/", (("Authorization", "… …"),), "the header Authorization was changed around …"),
        ("/", (("X-Api-Key", "…"), ("X-Api-Key", "…")), "the header X-Api-Key says …"),
        ("/", (("Cookie", "other=…"),), "the cookie other in Cookie says …"),
        ("/", (("Cookie", "a=x…"),), "the cookie a in Cookie says …"),
        ("/", (("Cookie", "a=…; a=…"),), "the cookie a in Cookie says …"),
        ("/?other=…", (), "other in the query says …"),
        ("/?token=x…", (), "token in the query says …"),
        ("/?token=…&token=…", (), "token in the query says …"),
        ("/…", (), "the path was changed around …"),
    ],
)
def test_mark_that_stands_for_nothing_is_refused_with_what_to_do(target: str, fields: Headers, says: str):
    one = captured("/?token=t", (("Authorization", "Bearer b"), ("Cookie", "a=1; b=2"), ("X-Api-Key", "k")))
    with pytest.raises(MaskError) as refused:
        unmask(EditedRequest(method="GET", request_target=target, headers=fields), one)
    assert str(refused.value).startswith(says)
    assert "write" in str(refused.value)
    assert MASK in str(refused.value)


def test_mark_in_a_path_stands_for_what_was_hidden_there():
    one = captured(f"/t/{JWT}/x?a=1")
    edited = EditedRequest(method="GET", request_target="/t/eyJ…/x?a=2")
    assert unmask(edited, one).request_target == f"/t/{JWT}/x?a=2"
