"""hyco.json_members: whatever the text, a value or a RemoteProtocolError that names the member at fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.errors import RemoteProtocolError
from hyco.json_members import Members, read_object, whole_characters


def members(text: str) -> Members:
    return Members("it", read_object(text))


def test_an_object_is_read_from_text_and_from_its_bytes() -> None:
    assert read_object('{"a":"é"}') == {"a": "é"}
    assert read_object('{"a":"é"}'.encode()) == {"a": "é"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "GET / HTTP/1.1",
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        '{"a":1,}',
        "{'a':1}",
        '\ufeff{"a":1}',
        '{"a":"\n"}',
        '{"a":1} {"b":2}',
        '{"a":' * 100_000,
        "[" * 100_000,
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^message is not JSON$") as caught:
        read_object(text)
    assert caught.value.close_code == 1002


@pytest.mark.parametrize("text", ["[]", "null", "1", '"a"', "true"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^message is not a JSON object$"):
        read_object(text)


def test_bytes_that_are_not_utf8_are_refused_with_the_code_for_that() -> None:
    with pytest.raises(RemoteProtocolError, match=r"^message is not UTF-8$") as caught:
        read_object(b'{"a":"\xff"}')
    assert caught.value.close_code == 1007


def test_utf16_is_not_guessed() -> None:
    """json.loads guesses the encoding of bytes; a WebSocket's text is UTF-8."""
    with pytest.raises(RemoteProtocolError):
        read_object('{"a":1}'.encode("utf-16-le"))


def test_of_a_member_that_occurs_twice_the_last_counts() -> None:
    assert members('{"a":"1","a":"2"}').text("a") == "2"


def test_a_number_of_a_million_digits_is_no_work() -> None:
    digits = "1" * 1_000_000
    assert members(f'{{"a":{digits}}}').phrase("a") == digits


def test_what_should_be_an_object_has_to_be_one() -> None:
    with pytest.raises(RemoteProtocolError, match=r"^it is not an object$"):
        Members("it", "text")


@given(st.text())
def test_whole_characters_can_be_said_in_utf8(text: str) -> None:
    assert whole_characters(text).encode().decode() == text


def test_half_characters_are_replaced() -> None:
    assert whole_characters("a\ud83d\udcffé\udc80") == "a\ufffd\ufffdé\ufffd"
    assert members(r'{"a":"\ud83d","b":"\ud83d\ude00"}').text("a") == "\ufffd"
    assert members(r'{"a":"\ud83d","b":"\ud83d\ude00"}').text("b") == "😀"


def test_null_is_not_there() -> None:
    it = members('{"a":null,"b":false}')
    assert not it.has("a")
    assert it.has("b")
    assert not it.has("c")


READERS = ["text", "token", "url", "flag", "status", "port", "phrase", "inner"]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", ['{"a":null}', "{}"])
def test_a_missing_member_is_named(reader: str, text: str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^it\.a is missing$"):
        getattr(members(text), reader)("a")


@pytest.mark.parametrize(
    ("reader", "value", "fault"),
    [
        ("text", "1", "is not a string"),
        ("text", "true", "is not a string"),
        ("text", '["a"]', "is not a string"),
        ("text", '""', "is empty"),
        ("token", '"GET "', "is not a token"),
        ("token", "{}", "is not a string"),
        ("url", r'"wss://x/\r\nHost: y"', "has a space or a control character"),
        ("url", '"wss://x/a b"', "has a space or a control character"),
        ("flag", '"true"', "is not true or false"),
        ("flag", "1", "is not true or false"),
        ("flag", "0", "is not true or false"),
        ("status", "99", "is not a number from 100 to 999"),
        ("status", "1000", "is not a number from 100 to 999"),
        ("status", '"099"', "is not a number from 100 to 999"),
        ("status", "200.0", "is not a number from 100 to 999"),
        ("status", "2e2", "is not a number from 100 to 999"),
        ("status", "-200", "is not a number from 100 to 999"),
        ("status", "true", "is not a number from 100 to 999"),
        ("status", '"\uff12\uff10\uff10"', "is not a number from 100 to 999"),
        ("status", '" 200"', "is not a number from 100 to 999"),
        ("status", r'"200\n"', "is not a number from 100 to 999"),
        ("status", "[200]", "is not a number from 100 to 999"),
        ("port", "65536", "is not a port number"),
        ("port", "-1", "is not a port number"),
        ("port", '"http"', "is not a port number"),
        ("phrase", "{}", "is not a string"),
        ("phrase", "[]", "is not a string"),
        ("inner", "[]", "is not an object"),
        ("inner", '"{}"', "is not an object"),
    ],
)
def test_a_member_of_the_wrong_kind_is_named(reader: str, value: str, fault: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        getattr(members(f'{{"a":{value}}}'), reader)("a")
    assert str(caught.value) == f"it.a {fault}"
    assert caught.value.close_code == 1002


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        ("text", '"a b"', "a b"),
        ("token", '"PATCH"', "PATCH"),
        ("url", '"wss://x/é?a=%20"', "wss://x/é?a=%20"),
        ("flag", "true", True),
        ("flag", "false", False),
        ("status", "100", 100),
        ("status", '"200"', 200),
        ("status", "999", 999),
        ("port", "0", 0),
        ("port", "65535", 65535),
        ("port", '"443"', 443),
        ("phrase", '""', ""),
        ("phrase", r'"OK\r\nSet-Cookie: a\u0000\t."', "OK Set-Cookie: a ."),
        ("phrase", "200.50", "200.50"),
        ("phrase", "true", "true"),
        ("phrase", "false", "false"),
    ],
)
def test_a_member_of_the_right_kind_is_read(reader: str, value: str, expected: object) -> None:
    assert getattr(members(f'{{"a":{value}}}'), reader)("a") == expected


def test_faults_inside_an_object_are_named_by_the_way_to_them() -> None:
    with pytest.raises(RemoteProtocolError, match=r"^it\.remoteEndpoint\.port is not a port number$"):
        members('{"remoteEndpoint":{"port":"x"}}').inner("remoteEndpoint").port("port")


def test_headers_of_every_kind_become_text() -> None:
    """Node puts what its users pass to setHeader through JSON.stringify: numbers, lists, anything."""
    text = r"""{"A":"x","B":12,"C":1.50,"D":true,"E":false,"F":null,"G":["1",2,null],"H":[],"I":" \t padded ",
                "0":"Sec-WebSocket-Extensions: permessage-deflate","J":"","K":"caf\u00e9"}"""
    assert members(text).headers() == (
        ("A", "x"),
        ("B", "12"),
        ("C", "1.50"),
        ("D", "true"),
        ("E", "false"),
        ("G", "1"),
        ("G", "2"),
        ("I", "padded"),
        ("0", "Sec-WebSocket-Extensions: permessage-deflate"),
        ("J", ""),
        ("K", "café"),
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a b":"x"}', "it has a name that no header can have: 'a b'"),
        (r'{"a\r\nb":"x"}', r"it has a name that no header can have: 'a\r\nb'"),
        ('{"é":"x"}', r"it has a name that no header can have: '\xe9'"),
        ('{"":"x"}', "it has a name that no header can have: ''"),
        (f'{{"{"(" * 90}":"x"}}', f"it has a name that no header can have: '{'(' * 40}'"),
        (r'{"a":"secret\r\nSet-Cookie: x"}', "it.a has a control character"),
        (r'{"a":["ok","secret\u0000"]}', "it.a has a control character"),
        ('{"a":{"b":"secret"}}', "it.a is not a string"),
        ('{"a":[["secret"]]}', "it.a is not a string"),
    ],
)
def test_a_header_that_could_split_a_message_is_refused_without_repeating_it(text: str, fault: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        members(text).headers()
    assert str(caught.value) == fault
