import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.tracking import guid_of, reason_phrase, traced, tracking_id

GUID = "bf9b2fba-df27-4652-81c1-945589f00f1c"


@pytest.mark.parametrize("text", [GUID, GUID.upper(), GUID + "_G11", GUID + "_G0_G1", GUID + "&anything"])
def test_the_guid_is_in_the_first_36_characters(text: str):
    assert guid_of(text) == GUID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        " " + GUID,
        GUID[:-1],
        GUID.replace("-", ""),
        "{" + GUID + "}",
        GUID[:-1] + "g",
        GUID[:-1] + "٣",
    ],
)
def test_anything_else_is_no_guid(text: str):
    assert guid_of(text) is None


@given(st.text(st.characters(exclude_categories=[])))
def test_looking_for_a_guid_never_fails(text: str):
    guid = guid_of(text)
    assert guid is None or len(guid) == 36


def test_a_tracking_id_names_its_node():
    assert tracking_id(GUID, 11) == "bf9b2fba-df27-4652-81c1-945589f00f1c_G11"
    assert tracking_id(GUID).endswith("_G0")


@pytest.mark.parametrize("message", ["Endpoint does not exist", "Endpoint does not exist."])
def test_an_error_text_ends_with_where_it_comes_from(message: str):
    assert traced(message, tracking_id="g_G13", host="ns.example.net", path="/hyco", now=1745492895.9) == (
        "Endpoint does not exist. TrackingId:g_G13, SystemTracker:sb://ns.example.net/hyco, "
        "Timestamp:2025-04-24T11:08:15"
    )


def test_a_traced_text_is_not_traced_again():
    """Two tails would name two connections, and .NET adds none where it sees one."""
    once = traced("No", tracking_id="a_G0", host="h", path="p", now=0)
    assert traced(once, tracking_id="b_G1", host="i", path="q", now=9) == once


def test_a_reason_phrase_crosses_verbatim():
    """The .NET tests send this text and expect it back (protocol reference §6.9)."""
    text = "A long text with ``!#$%&*+-.^_`~*|\"'(){}[]<>=/,:;@\\`` and Ünïcödé of Latin-1\tand a tab"
    assert reason_phrase(text) == text


def test_a_reason_phrase_begins_no_header():
    assert reason_phrase("No\r\nSet-Cookie: a=b\n\nx") == "No Set-Cookie: a=b x"


def test_a_reason_phrase_has_no_controls_and_nothing_outside_latin_1():
    assert reason_phrase("a\x00b\x1b[31mc\x85d☃e\ud800f") == "ab[31mcdef"


def test_a_reason_phrase_is_bounded():
    assert reason_phrase("x" * 5000) == "x" * 1024


@given(st.text(st.characters(exclude_categories=[])))
def test_any_reason_phrase_can_be_sent(text: str):
    phrase = reason_phrase(text)
    assert not any(byte < 0x20 and byte != 0x09 for byte in phrase.encode("latin-1"))
    assert reason_phrase(phrase) == phrase
