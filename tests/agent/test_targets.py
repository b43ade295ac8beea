from __future__ import annotations

import string
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.targets import Target, TargetKind, parse_target, without_prefix
from hyco.errors import InvalidAddressError


@pytest.mark.parametrize(
    ("text", "target", "shown"),
    [
        ("3000", Target(TargetKind.STREAM, "localhost", 3000), "localhost:3000"),
        ("1", Target(TargetKind.STREAM, "localhost", 1), "localhost:1"),
        ("db.lan:5432", Target(TargetKind.STREAM, "db.lan", 5432), "db.lan:5432"),
        ("DB_1:80", Target(TargetKind.STREAM, "db_1", 80), "db_1:80"),
        ("10.0.0.1:22", Target(TargetKind.STREAM, "10.0.0.1", 22), "10.0.0.1:22"),
        ("[::1]:80", Target(TargetKind.STREAM, "::1", 80), "[::1]:80"),
        ("[0:0::0001]:80", Target(TargetKind.STREAM, "::1", 80), "[::1]:80"),
        ("http://localhost:3000", Target(TargetKind.HTTP, "localhost", 3000), "http://localhost:3000"),
        ("http://localhost/", Target(TargetKind.HTTP, "localhost", 80), "http://localhost"),
        ("HTTPS://Web.Lan", Target(TargetKind.HTTP, "web.lan", 443, is_secure=True), "https://web.lan"),
        ("https://[::1]:8443", Target(TargetKind.HTTP, "::1", 8443, is_secure=True), "https://[::1]:8443"),
    ],
)
def test_targets_are_read(text: str, target: Target, shown: str):
    assert parse_target(text) == target
    assert str(target) == shown
    assert parse_target(shown) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 3000",
        "3000\n",
        "0",
        "65536",
        "999999",
        "+3000",
        "3_000",
        "٣٠٠٠",
        "localhost",
        "localhost:",
        ":3000",
        "localhost:0",
        "localhost:65536",
        "localhost:+80",
        "localhost:\uff18\uff10",
        "a b:80",
        "-a:80",
        "a-:80",
        "a..b:80",
        "user@host:80",
        "host:80/path",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::g]:80",
        "[127.0.0.1]:80",
        "127.1:80",
        "0x7f000001:80",
        "2130706433:80",
        "127.0.0.256:80",
        "http://",
        "http:///",
        "http://host/path",
        "http://host?x",
        "http://host#x",
        "http://user:pw@host",
        "http://host:80:90",
        "ftp://host:21",
        "http:/host",
        "http://ho st",
        "http://h\u00f6st",
        "http://evil.test\\@host",
        "a" * 300 + ":80",
    ],
)
def test_what_is_no_target_is_refused(text: str):
    with pytest.raises(ConfigError):
        parse_target(text)


@given(st.text())
@example("http://[")
@example("[%]:1")
def test_parsing_is_total_and_round_trips(text: str):
    try:
        target = parse_target(text)
    except ConfigError:
        return
    assert parse_target(str(target)) == target
    assert 1 <= target.port <= 65_535


HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet=string.printable + "@:/?#\\[]%\u00e4\u2028"),
    st.sampled_from(
        [
            "//evil.test/",
            "///evil.test",
            "/@evil.test:1/",
            "/\\evil.test",
            "/http://evil.test/",
            "/?@evil.test",
            "/#@evil.test",
            "/%00",
            "/a\r\nHost: evil.test\r\n",
            "/.evil.test",
            "/:1",
        ]
    ),
)


@given(HOSTILE)
def test_request_target_never_changes_where_a_request_goes(request_target: str):
    target = parse_target("http://localhost:3000")
    try:
        url = target.url(request_target)
    except InvalidAddressError:
        assert not request_target.startswith("/")
        return
    assert (url.scheme, url.raw_host, url.port, url.user) == ("http", "localhost", 3000, None)
    line = url.raw_path_qs
    assert line.startswith("/")
    assert line.isascii()
    assert not set(line) & set(string.whitespace)
    assert urlsplit(str(url)).netloc == "localhost:3000"


@pytest.mark.parametrize(
    ("request_target", "sent"),
    [
        ("/a b/ü", "/a%20b/%C3%BC"),
        ("/a%2Fb?x=%2f+%zz&&y=a=b?c/d&", "/a%2Fb?x=%2f+%zz&&y=a=b?c/d&"),
        ("/100%?q='\"<>", "/100%25?q='\"<>"),
        ("//a//b", "//a//b"),
        ("/../a/./b", "/../a/./b"),
    ],
)
def test_path_and_query_are_kept_as_they_are(request_target: str, sent: str):
    assert parse_target("3000").url(request_target).raw_path_qs == sent


@pytest.mark.parametrize(
    ("request_target", "path", "rest"),
    [
        ("/hc", "hc", "/"),
        ("/hc/", "hc", "/"),
        ("/hc/a?b", "hc", "/a?b"),
        ("/HC/a", "hc", "/a"),
        ("/hc?x=/hc", "hc", "/?x=/hc"),
        ("/hcx/a", "hc", "/hcx/a"),
        ("/a/b/c", "a/b", "/c"),
        ("/hc//evil.test", "hc", "//evil.test"),
        ("/other", "hc", "/other"),
    ],
)
def test_prefix_is_left_out_by_whole_segments(request_target: str, path: str, rest: str):
    assert without_prefix(request_target, path) == rest
