from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvitationError, InvitationProblem
from agent.invitation import (
    ID_BYTES,
    MAX_CHARACTERS,
    Invitation,
    digest,
    is_invitation,
    new_id,
    parse,
    sign_token,
)
from agent.redaction import RedactingFormatter
from hyco import sas
from hyco.addresses import Endpoint
from hyco.redaction import hide_secrets
from tests.support.tokens import sas_token

ENDS = 1_800_000_000
GATEWAY = Endpoint("gw.example.org", 8443, is_secure=True)
KEY = "c2VjcmV0LWtleQ=="


def token(path: str = "team/shop", endpoint: Endpoint = GATEWAY, expires_at: int = ENDS) -> str:
    return sign_token(endpoint, path, rule_name="invite", key=KEY, expires_at=expires_at)


def invitation(**changes: object) -> Invitation:
    given_ = {
        "endpoint": GATEWAY,
        "path": "team/shop",
        "name": "Ann's shop",
        "token": token(),
        "id": new_id(bytes(range(16))),
        **changes,
    }
    return Invitation(**given_)  # type: ignore[arg-type]


def problem_of(text: str, now: float | None = None) -> InvitationProblem:
    with pytest.raises(InvitationError) as raised:
        parse(text, now)
    return raised.value.problem


def packed(**members: object) -> str:
    """An invitation's text with other members than it should have; None leaves one out."""
    document = json.loads(base64.urlsafe_b64decode(unpadded(invitation())) or "{}")
    document |= members
    text = json.dumps({name: value for name, value in document.items() if value is not None})
    return "relaydesk://invitation/1#" + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpadded(whole: Invitation) -> str:
    content = whole.text().partition("#")[2]
    return content + "=" * (-len(content) % 4)


hosts = st.sampled_from(["gw.example.org", "10.0.0.1", "::1", "localhost"])
endpoints = st.builds(Endpoint, hosts, st.integers(1, 65_535), is_secure=st.booleans())
paths = st.from_regex(
    r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,20}[a-zA-Z0-9])?(/[a-zA-Z0-9]{1,9}){0,2}", fullmatch=True
)
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)


@st.composite
def invitations(draw: st.DrawFn) -> Invitation:
    endpoint, path = draw(endpoints), draw(paths)
    return Invitation(
        endpoint=endpoint,
        path=path,
        name=draw(names),
        token=token(path, endpoint, draw(st.integers(0, 253_402_300_799))),
        id=new_id(draw(st.binary(min_size=ID_BYTES, max_size=ID_BYTES))),
        is_web=draw(st.booleans()),
        port=draw(st.none() | st.integers(1, 65_535)),
        ca=draw(st.none() | st.binary(min_size=1, max_size=400)),
    )


# --- both forms there and back ---------------------------------------------------------------------------------------


@given(invitations())
def test_text_is_read_back(whole: Invitation):
    assert parse(whole.text()) == whole


@given(invitations())
def test_url_is_read_back_as_far_as_it_says(whole: Invitation):
    read = parse(whole.url())
    assert (read.endpoint, read.path, read.token, read.id) == (
        whole.endpoint,
        whole.path,
        whole.token,
        whole.id,
    )
    assert (read.is_web, read.expires_at, read.name) == (True, whole.expires_at, whole.path)


def test_url_is_what_browsers_and_curl_take():
    assert invitation().url() == (
        "https://gw.example.org:8443/team/shop/?sb-hc-token=SharedAccessSignature%20sr%3Dhttp%253A%252F%252F"
        "gw.example.org%252Fteam%252Fshop%26sig%3D"
        + invitation().token.partition("sig=")[2].partition("&")[0].replace("%", "%25")
        + "%26se%3D1800000000%26skn%3Dinvite&relaydesk-invitation=000102030405060708090a0b0c0d0e0f"
    )


def test_url_of_a_page_inside_names_the_same_hybrid_connection():
    whole = invitation()
    page = whole.url().replace("/team/shop/?", "/team/shop/cart/list?a=1&")
    assert parse(page).path == "team/shop"


def test_token_is_one_that_others_would_make_too():
    assert token() == sas_token("http://gw.example.org/team/shop", "invite", KEY, expires_at=ENDS)


def test_token_of_a_whole_namespace_leaves_the_path_to_the_url():
    whole = invitation(token=sas.sign("http://gw.example.org/", "r", KEY, ENDS))
    assert parse(whole.url()).path == "team/shop"


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: f"  {text}\n",
        lambda text: f"<{text}>",
        lambda text: f'"{text}"',
        lambda text: "\r\n".join(text[at : at + 60] for at in range(0, len(text), 60)),
        lambda text: text.replace("relaydesk", "RelayDesk"),
        lambda text: text + "=" * (-len(text.partition("#")[2]) % 4),
    ],
    ids=["blanks", "angle brackets", "quotes", "broken lines", "case", "padding"],
)
def test_what_mail_programs_do_does_not_matter(changed: Callable[[str], str]):
    assert parse(changed(invitation().text())) == invitation()
    assert is_invitation(changed(invitation().text()))


def test_later_members_are_ignored():
    assert parse(packed(colour="red")) == invitation()


# --- what it is not --------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=[])) | st.text().map("relaydesk://invitation/1#".__add__))
def test_any_text_gives_an_invitation_or_an_error(text: str):
    with contextlib.suppress(InvitationError):
        parse(text, now=0)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_json_gives_an_invitation_or_an_error(value: object):
    content = base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
    assert problem_of(f"relaydesk://invitation/1#{content}") is InvitationProblem.DAMAGED


@given(st.data())
def test_any_part_of_one_is_cut_short(data: st.DataObject):
    text = invitation().text()
    kept = data.draw(st.integers(len("relaydesk://invitation"), len(text) - 1))
    assert problem_of(text[:kept]) is InvitationProblem.DAMAGED


@given(st.data())
def test_any_part_of_a_url_is_cut_short_or_none(data: st.DataObject):
    url = invitation().url()
    kept = data.draw(st.integers(0, url.index("relaydesk-invitation=") + 36))
    assert problem_of(url[:kept]) in (InvitationProblem.DAMAGED, InvitationProblem.NONE)


@given(
    st.sampled_from(["at", "path", "name", "token", "id", "web", "port", "ca"]),
    st.none() | st.integers() | st.text(max_size=30) | st.lists(st.text()) | st.floats(allow_nan=False),
)
def test_any_member_can_be_anything(member: str, value: object):
    with contextlib.suppress(InvitationError):
        parse(packed(**{member: value}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        f"Endpoint=sb://ns/;SharedAccessKeyName=r;SharedAccessKey={KEY}",
        "https://example.org/",
        "https://example.org/?sb-hc-action=connect",
        "relaydesk://other/1#abc",
        "x" * (MAX_CHARACTERS + 1),
        invitation().text() + " " * MAX_CHARACTERS,
    ],
)
def test_other_texts_are_no_invitation(text: str):
    assert problem_of(text) is InvitationProblem.NONE


@pytest.mark.parametrize(
    "text",
    [
        "relaydesk://invitation/1",
        "relaydesk://invitation/1#",
        "relaydesk://invitation/one#abc",
        "relaydesk://invitation/1#a",
        "relaydesk://invitation/1#a$bc",
        "relaydesk://invitation/1#" + base64.urlsafe_b64encode(b"[" * 9_000).decode(),
        packed(token=KEY),
        packed(token=None),
        packed(at="ftp://gw"),
        packed(at="https://user:pw@gw/"),
        packed(path="a//b"),
        packed(path=""),
        packed(name="two\nlines"),
        packed(name=""),
        packed(name="x" * 300),
        packed(id="short"),
        packed(id="x" * 20 + ";"),
        packed(port=0),
        packed(port=65_536),
        packed(port=True),
        packed(web=1),
        packed(ca=""),
        packed(ca="A" * 8_000),
        packed(ca="$"),
        "https://[::1/?sb-hc-token=a&relaydesk-invitation=b",
        invitation().url() + "&relaydesk-invitation=" + "f" * 32,
        invitation().url().replace("/team/shop/", "/team/other/"),
        invitation().url().replace("sb-hc-token=", "sb-hc-token=x"),
        invitation().url().replace("relaydesk-invitation=", "other="),
    ],
)
def test_what_cannot_be_right_is_damaged(text: str):
    assert problem_of(text) is InvitationProblem.DAMAGED


def test_newer_version_is_said_to_be_one():
    assert problem_of("relaydesk://invitation/2#anything at all") is InvitationProblem.NEWER


def test_end_is_said_with_its_time():
    assert parse(invitation().text(), now=ENDS - 1) == invitation()
    with pytest.raises(InvitationError, match=r"^the invitation ended on 2027-01-15 at 08:00 UTC$") as raised:
        parse(invitation().text(), now=ENDS)
    assert raised.value.problem is InvitationProblem.EXPIRED
    assert problem_of(invitation().url(), now=ENDS) is InvitationProblem.EXPIRED


def test_connection_string_is_told_from_an_invitation():
    assert not is_invitation(f"Endpoint=sb://ns/;SharedAccessKeyName=r;SharedAccessKey={KEY}")
    assert not is_invitation("")
    assert is_invitation(" https://gw.example.org/shop/")


# --- secrets -----------------------------------------------------------------------------------------------------------


@given(invitations())
def test_nothing_that_is_shown_tells_a_secret(whole: Invitation):
    signature = whole.token.partition("sig=")[2].partition("&")[0]
    secrets = (whole.id, signature, whole.text().partition("#")[2])
    for shown in (repr(whole), str(whole), f"{whole}", whole.shown(), whole.shown_url()):
        assert not any(secret in shown for secret in secrets)
    for logged in (hide_secrets(whole.text()), hide_secrets(f"opened {whole.url()!r}")):
        assert not any(secret in logged for secret in secrets)


@given(st.data())
def test_no_error_repeats_what_was_pasted(data: st.DataObject):
    text = data.draw(st.sampled_from([invitation().text(), invitation().url()]))
    kept = data.draw(st.integers(1, len(text)))
    with pytest.raises(InvitationError) as raised:
        parse(text[:kept], now=ENDS + 1)
    assert not any(secret in str(raised.value) for secret in (text[:40], invitation().id, "sig", "#"))


def test_log_shows_that_there_was_one_and_no_more():
    record = logging.LogRecord(
        "agent", logging.INFO, __file__, 1, "opened %s", (invitation().text(),), exc_info=None
    )
    assert RedactingFormatter("%(message)s").format(record) == "opened relaydesk://invitation/1#…"


# --- the rest ----------------------------------------------------------------------------------------------------------


def test_id_is_made_of_the_bytes_that_are_given():
    assert new_id(b"\xff" * 16) == "f" * 32
    with pytest.raises(ValueError, match="16 bytes"):
        new_id(b"short")


def test_agent_keeps_the_digest_of_the_id_as_it_is_shown():
    whole = invitation()
    assert whole.id_sha256 == digest(whole.id) == hashlib.sha256(whole.id.encode()).hexdigest()
    assert len(digest("\ud800")) == 64


def test_fingerprint_is_that_of_the_certificate():
    assert invitation().ca_sha256 is None
    assert invitation(ca=b"certificate").ca_sha256 == hashlib.sha256(b"certificate").hexdigest()
