import random
import re
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hyco import names
from hyco.errors import InvalidAddressError
from hyco.names import (
    candidates,
    canonical_host,
    canonical_path,
    check_name,
    covers,
    decode_segments,
    lower,
    split_authority,
)

any_text = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("hyco", "hyco"),
        ("/Hyco/", "hyco"),
        ("//hyco//", "hyco"),
        ("a/B/c", "a/b/c"),
        ("%68yco", "hyco"),
        ("my%20path", "my path"),
        ("my path", "my path"),
        ("%C3%B8", "ø"),
        ("ø", "ø"),
        ("a+b", "a+b"),
        ("a%2525", "a%25"),
        ("...", "..."),
        (".a/b.", ".a/b."),
        ("microsoft.hybridcompute/machines/1f/2/v2", "microsoft.hybridcompute/machines/1f/2/v2"),
    ],
)
def test_a_path_has_one_name(path: str, canonical: str):
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("path", "because"),
    [
        ("", "is empty"),
        ("/", "is empty"),
        ("///", "is empty"),
        ("a//b", "an empty segment"),
        (".", "'.' or '..'"),
        ("..", "'.' or '..'"),
        ("a/../b", "'.' or '..'"),
        ("a/./b", "'.' or '..'"),
        ("a/%2e%2E/b", "'.' or '..'"),
        ("a/..", "'.' or '..'"),
        ("a/..%2fb", "'.' or '..'"),
        ("a%2fb", "an encoded slash"),
        ("a%2Fb", "an encoded slash"),
        ("%2f", "an encoded slash"),
        ("a\\b", "a backslash"),
        ("a%5cb", "a backslash"),
        ("a\x00b", "a control character"),
        ("a%0ab", "a control character"),
        ("a%7f", "a control character"),
        ("a%C2%85", "a control character"),
        ("a%E2%80%A8", "a control character"),
        ("a%", "a %"),
        ("a%4", "a %"),
        ("a%zz", "a %"),
        ("a%u00f8", "a %"),
        ("a%-1", "a %"),
        ("a%ff", "not UTF-8"),
        ("a%C0%AF", "not UTF-8"),
        ("a%ED%A0%80", "not UTF-8"),
        ("a\udcff", "not UTF-8"),
        ("x" * 16_385, "longer than"),
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(path: str, because: str):
    with pytest.raises(InvalidAddressError, match=because):
        canonical_path(path)


def test_a_lone_surrogate_is_no_character():
    with pytest.raises(InvalidAddressError, match="not UTF-8"):
        canonical_path("a\ud800")


def test_only_a_to_z_have_two_cases():
    """Unicode folds the Kelvin sign into k and the long s into s; that would be a second spelling of a name."""
    assert canonical_path("hy\u212aco") == "hy\u212aco"
    assert canonical_path("\u017fecret") == "\u017fecret"
    assert canonical_path("Ø") == "Ø"


def test_raw_bytes_of_a_request_line_are_their_characters():
    raw = "hyco/ø".encode().decode("utf-8", "surrogateescape")
    assert canonical_path(raw) == canonical_path("hyco/%C3%B8")


@given(any_text)
def test_any_path_has_a_name_or_is_refused(path: str):
    try:
        canonical = canonical_path(path)
    except InvalidAddressError:
        return
    assert canonical
    assert canonical.strip("/") == canonical
    assert not {"", ".", ".."} & set(canonical.split("/"))


@given(any_text)
def test_a_name_is_its_own_name(path: str):
    try:
        canonical = canonical_path(path)
    except InvalidAddressError:
        assume(False)
    assert canonical_path(quote(canonical)) == canonical


@given(st.from_regex(r"[A-Za-z0-9._/-]{1,30}", fullmatch=True), st.randoms(use_true_random=False))
def test_no_spelling_of_a_path_has_another_name(path: str, chance: random.Random):
    """Routing may see one spelling and a token another; both must mean the same, or be refused both."""
    respelt = "".join(
        f"%{ord(letter):02{chance.choice('xX')}}" if chance.random() < 0.5 and letter != "/" else letter
        for letter in path.swapcase()
    )
    try:
        canonical = canonical_path(path)
    except InvalidAddressError:
        with pytest.raises(InvalidAddressError):
            canonical_path(respelt)
    else:
        assert canonical_path(respelt) == canonical


@pytest.mark.parametrize("name", ["a", "hyco", "Hyco-1", "a/b", "a.b_c-d/e", "x" * 260])
def test_a_hybrid_connection_can_have_this_name(name: str):
    assert check_name(name) == name.lower()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "a/",
        "-a",
        "a.",
        "a b",
        "a%41",
        "ø",
        "a//b",
        "a/../b",
        "$hc",
        "a$",
        "a\n",
        "x" * 261,
        "a/./b",
    ],
)
def test_a_hybrid_connection_cannot_have_this_name(name: str):
    with pytest.raises(InvalidAddressError):
        check_name(name)


def test_the_longest_name_is_tried_first():
    assert list(candidates("a/b/c")) == ["a/b/c", "a/b", "a"]
    assert list(candidates("hyco")) == ["hyco"]
    assert list(candidates("")) == []


def test_a_path_longer_than_any_name_costs_no_look_ups():
    long = "a/" * 5_000 + "a"
    tried = list(candidates(long))
    assert len(tried[0]) == 259
    assert len(tried) == 130


@pytest.mark.parametrize(
    ("scope", "path", "is_covered"),
    [
        ("", "hyco", True),
        ("", "", True),
        ("hyco", "hyco", True),
        ("hyco", "hyco/a", True),
        ("hyco", "hyco2", False),
        ("hyco/a", "hyco", False),
        ("hyc", "hyco", False),
        ("hyco", "", False),
    ],
)
def test_a_scope_covers_whole_segments(scope: str, path: str, is_covered: bool):
    assert covers(scope, path) is is_covered


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("ns.example.net", "ns.example.net"),
        ("NS.Example.NET.", "ns.example.net"),
        ("ns.example.net:443", "ns.example.net"),
        ("localhost:8080", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::1]:8443", "::1"),
        ("::1", "::1"),
        ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ("under_score", "under_score"),
    ],
)
def test_hosts_are_compared_by_one_spelling(text: str, host: str):
    assert canonical_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a b",
        "a/b",
        "user@host",
        "host:",
        "host:0",
        "host:65536",
        "host:+80",
        "host:8_0",
        "host:\uff18\uff10",
        "host:80:90",
        "host\n",
        "hö",
        "-a",
        "a..",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[]",
        "[1.2.3.4]",
        "[fe80::1%eth0]",
        "fe80::1%1",
        "1:2:3",
        "x" * 254,
    ],
)
def test_anything_else_is_no_host(text: str):
    with pytest.raises(InvalidAddressError):
        canonical_host(text)


def test_an_authority_is_split_into_host_and_port():
    assert split_authority("Host:8443") == ("host", 8443)
    assert split_authority("[::1]:65535") == ("::1", 65535)
    assert split_authority("host") == ("host", None)


@given(any_text)
def test_any_host_has_a_name_or_is_refused(text: str):
    try:
        host = canonical_host(text)
    except InvalidAddressError:
        return
    assert canonical_host(host) == host


def _segments(path: str) -> list[str] | str:
    try:
        return decode_segments(path)
    except InvalidAddressError as error:
        return str(error)


@given(st.text(st.sampled_from("aZ09./-_~!$&'()*+,;:=@%2eEfF\\\x00é"), max_size=12) | any_text)
def test_plain_paths_are_read_as_all_others_are(path: str):
    quick = _segments(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_PLAIN_PATH", re.compile(r"(?!)"))
        assert quick == _segments(path)


@given(any_text)
def test_only_the_letters_a_to_z_have_two_cases(text: str):
    assert lower(text) == "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)
