import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.errors import InvalidAddressError
from hyco.names import canonical_path
from hyco.request_targets import parse_target, rejection_of

any_text = st.text(st.characters(exclude_categories=[]))


def test_an_http_sender_names_its_hybrid_connection_in_the_path():
    target = parse_target("/Hyco/api/x?y=1&sb-hc-id=7")
    assert target.path == "/Hyco/api/x"
    assert target.canonical == "hyco/api/x"
    assert target.query == "y=1&sb-hc-id=7"
    assert target.user_query == "y=1"
    assert target.parameters == {"sb-hc-id": "7"}
    assert not target.is_websocket_path


@pytest.mark.parametrize("prefix", ["/$hc", "/$HC", "/$Hc", "/%24hc", "/%24%48C"])
def test_the_prefix_of_websockets_is_stripped_in_any_spelling(prefix: str):
    """Python's quote() sends %24hc."""
    target = parse_target(f"{prefix}/Hyco/a?x")
    assert (target.path, target.canonical, target.is_websocket_path) == ("/Hyco/a", "hyco/a", True)


@pytest.mark.parametrize("raw", ["/$hcx/hyco", "/hyco/$hc", "/$h/c"])
def test_only_the_first_segment_can_be_the_prefix(raw: str):
    target = parse_target(raw)
    assert target.path == raw
    assert not target.is_websocket_path


@pytest.mark.parametrize(
    ("raw", "is_websocket_path"), [("/", False), ("/$hc", True), ("/$hc/", True), ("/?x=1", False)]
)
def test_the_root_names_no_hybrid_connection(raw: str, is_websocket_path: bool):
    target = parse_target(raw)
    assert (target.path, target.canonical, target.is_websocket_path) == ("/", "", is_websocket_path)


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("/hyco//index.html", "hyco"),
        ("/hyco/@scope%2fpackage", "hyco"),
        ("/hyco/a/b%2Fc/d", "hyco/a"),
        ("/hyco/%2F", "hyco"),
        ("/hyco/", "hyco"),
        ("/hyco//", "hyco"),
    ],
)
def test_what_no_name_can_have_ends_the_name_and_is_the_applications_own(raw: str, canonical: str):
    """Registries and forges put %2F into their paths; it reaches the web server behind the listener as it was sent."""
    target = parse_target(raw)
    assert target.canonical == canonical
    assert target.path == raw


@pytest.mark.parametrize(
    ("raw", "because"),
    [
        ("http://ns/hyco", "absolute form"),
        ("WSS://ns/hyco", "absolute form"),
        ("ns:443", "authority form"),
        ("hyco", "authority form"),
        ("", "authority form"),
        ("*", "asterisk form"),
        ("//hyco", "two slashes"),
        ("//ns/hyco", "two slashes"),
        ("/$hc//hyco", "empty segment"),
        ("/$hc//", "empty segment"),
        ("/hyco#x", "a fragment"),
        ("/hyco?x#y", "a fragment"),
        ("/hy co", "a space"),
        ("/hyco?a b", "a space"),
        ("/hyco\r\nX: y", "control character"),
        ("/hyco?\x00", "control character"),
        ("/%2fhyco", "encoded slash"),
        ("/a%2fb/c", "encoded slash"),
        ("/$hc/a%2fb", "encoded slash"),
        ("/hyco/../other", "'.' or '..'"),
        ("/hyco/%2e%2e/other", "'.' or '..'"),
        ("/hyco/..%2fother", "'.' or '..'"),
        ("/hyco%5cother", "backslash"),
        ("/hyco%00", "control character"),
        ("/hyco%", "a %"),
        ("/hyco%ff", "not UTF-8"),
        ("/hyco\udcff", "not UTF-8"),
        ("/" + "x" * 16_384, "longer than"),
        ("/?" + "ø" * 8_192, "longer than"),
        ("/hyco?sb-hc-token=a&sb-hc-token=b", "sb-hc-token is given twice"),
        ("/hyco?sb-hc-token=a&SB-HC-TOKEN=a", "sb-hc-token is given twice"),
        ("/hyco?sb-hc-token=a&sb-hc-%74oken=b", "sb-hc-token is given twice"),
        ("/hyco?sb-hc-action=connect&sb-hc-action=listen", "sb-hc-action is given twice"),
        ("/hyco?sb-hc-ø=1&sb-hc-ø=1", "a parameter is given twice"),
    ],
)
def test_a_target_that_could_be_read_in_two_ways_is_refused(raw: str, because: str):
    with pytest.raises(InvalidAddressError, match=because):
        parse_target(raw)


def test_a_trace_id_may_be_repeated():
    """It decides nothing, and an SDK may add one to a URL that has one."""
    assert parse_target("/hyco?sb-hc-id=1&sb-hc-id=2").parameters == {"sb-hc-id": "1"}


def test_parameters_are_form_decoded_once():
    target = parse_target("/hyco?sb-hc-token=SharedAccessSignature+sr%3Da%2526&sb-hc-x=%FF")
    assert target.parameters == {"sb-hc-token": "SharedAccessSignature sr=a%26", "sb-hc-x": "\ufffd"}


@pytest.mark.parametrize(
    ("query", "user_query"),
    [
        ("a=1&a=2", "a=1&a=2"),
        ("a=1&a=2&", "a=1&a=2&"),
        ("&&&", "&&&"),
        ("&foo=bar", "&foo=bar"),
        ("sb-hc-id=1", ""),
        ("sb-hc-id=1&custom=value", "custom=value"),
        ("custom=value&sb-hc-id=1", "custom=value"),
        ("a&sb-hc-id=1&b", "a&b"),
        ("sb-hc-undefined", "sb-hc-undefined"),
        ("sb-hc-undefined=true", ""),
        ("sb-hc-whatever=", ""),
        ("sb-hc-whatever=&foo=bar", "foo=bar"),
        ("SB-HC-Token=x&y", "y"),
        ("sb%2Dhc%2Dtoken=x&y", "y"),
        ("x=sb-hc-token=1", "x=sb-hc-token=1"),
        ("sbc-hc-token=x", "sbc-hc-token=x"),
        ("+", "+"),
        ("%2B", "%2B"),
        ("%20", "%20"),
        ("%2f%3a%3d%26", "%2f%3a%3d%26"),
        ("key='value'", "key='value'"),
        ("a=b=c", "a=b=c"),
        ("100%", "100%"),
        ("?x", "?x"),
        ("api-version=abc", "api-version=abc"),
        ("", ""),
    ],
)
def test_the_applications_query_crosses_byte_for_byte(query: str, user_query: str):
    """Most rows are those of the .NET SDK's QueryString test (protocol reference §6.3)."""
    assert parse_target(f"/hyco?{query}").user_query == user_query


def test_a_targets_repr_shows_nothing_of_its_query():
    shown = repr(parse_target("/hyco?password=hush&sb-hc-token=hush"))
    assert "hush" not in shown
    assert "/hyco" in shown


@given(any_text)
def test_any_target_is_read_or_refused(raw: str):
    for text in (raw, "/" + raw):
        try:
            target = parse_target(text)
        except InvalidAddressError:
            continue
        assert target.path.startswith("/")
        assert not any(
            part.lower().startswith("sb-hc-") and "=" in part for part in target.user_query.split("&")
        )


@given(st.text("aB/.%2f5c$hH?&=sb-", max_size=20))
def test_a_targets_name_is_the_canonical_name_of_its_path(text: str):
    """One reading for routing and for authorisation: where canonical_path gives a name, it is this one."""
    try:
        target = parse_target("/" + text)
        canonical = canonical_path(target.path)
    except InvalidAddressError:
        return
    if target.path.startswith("//") or "//" in target.path.rstrip("/"):
        return
    assert target.canonical == canonical


SECRET = "sb-hc-action=accept&sb-hc-id=g_G0&sb-hc-rdv=c0ffee"


@pytest.mark.parametrize("space", ["+", "%20"])
@pytest.mark.parametrize("prefix", ["sb-hc-", "", "SB-HC-"])
def test_a_listener_rejects_in_either_spelling(prefix: str, space: str):
    query = f"user=1&{SECRET}&{prefix}statusCode=403&{prefix}statusDescription=No{space}thanks"
    assert rejection_of(query) == (403, "No thanks")


@pytest.mark.parametrize(
    "query",
    [
        "",
        SECRET,
        f"statusCode=500&statusDescription=x&{SECRET}",
        f"sb-hc-rdv&statusCode=500&{SECRET}",
        f"{SECRET}&statusDescription=x",
        f"{SECRET}&statusCode",
    ],
)
def test_a_senders_own_query_rejects_nothing(query: str):
    """Unprefixed, the parameters count behind the gateway's secret only; the secret has a value."""
    assert rejection_of(query) is None


def test_a_senders_query_does_not_stand_in_the_way_of_a_rejection():
    query = f"statusCode=500&statusCode=501&{SECRET}&statusCode=404&statusDescription=a"
    assert rejection_of(query) == (404, "a")


def test_the_prefixed_spelling_goes_first():
    query = f"{SECRET}&statusCode=404&statusDescription=a&sb-hc-statusCode=403&sb-hc-statusDescription=b"
    assert rejection_of(query) == (403, "b")


def test_a_rejection_needs_no_reason():
    assert rejection_of(f"{SECRET}&sb-hc-statusCode=999") == (999, "")


def test_the_marking_parameter_can_be_another():
    assert rejection_of("my-id=1&statusCode=400", after_parameter="my-id") == (400, "")


@pytest.mark.parametrize(
    "status", ["", "99", "1000", "abc", "+403", "4_3", "\uff14\uff10\uff13", "403.0", "-403", "0403", "403+"]
)
def test_a_rejection_with_another_status_is_refused(status: str):
    with pytest.raises(InvalidAddressError, match="100 to 999"):
        rejection_of(f"{SECRET}&sb-hc-statusCode={status}")


@pytest.mark.parametrize(
    "doubled",
    [
        "sb-hc-statusCode=403&sb-hc-statusCode=404",
        "statusCode=403&statuscode=404",
        "statusCode=403&statusDescription=a&statusDescription=b",
    ],
)
def test_a_rejection_is_given_once(doubled: str):
    with pytest.raises(InvalidAddressError, match="given twice"):
        rejection_of(f"{SECRET}&{doubled}")


@given(any_text)
def test_any_query_rejects_or_does_not(query: str):
    for text in (query, f"{SECRET}&statusCode={query}"):
        try:
            rejection = rejection_of(text)
        except InvalidAddressError:
            continue
        assert rejection is None or 100 <= rejection[0] <= 999
