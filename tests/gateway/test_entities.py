import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entities import (
    MAX_HOSTS,
    MAX_ORIGINS,
    MAX_USER_METADATA_LENGTH,
    HybridConnection,
    InvalidEntityError,
    Namespace,
    check_connection_name,
    check_hosts,
    check_key,
    check_namespace_name,
    check_origins,
    check_response_timeout,
    check_rule,
    check_user_metadata,
    find_rule,
    generate_key,
    new_rule,
    rights_words,
)
from hyco.sas import Right

RULE = new_rule("Root", Right.ALL)
NAMESPACE = Namespace(
    name="Contoso", hosts=("a.example",), rules=(RULE,), created_at=1.5, updated_at=2.5, rev=7
)
CONNECTION = HybridConnection(
    namespace="contoso",
    name="Hyco/One",
    canonical="hyco/one",
    requires_client_authorization=False,
    user_metadata="ü",
    response_timeout_s=5.0,
    allowed_origins=("https://app.example",),
    rules=(RULE,),
    created_at=1.5,
    updated_at=2.5,
    rev=8,
)


def test_what_is_stored_is_read_back_the_same() -> None:
    document = json.loads(json.dumps(NAMESPACE.document()))
    assert Namespace.from_document(document, 7) == NAMESPACE
    document = json.loads(json.dumps(CONNECTION.document()))
    assert HybridConnection.from_document(document, 8) == CONNECTION


def test_keys_never_show() -> None:
    for shown in (repr(NAMESPACE), repr(CONNECTION), str(NAMESPACE), repr(RULE)):
        assert RULE.primary_key not in shown
        assert RULE.secondary_key not in shown


def test_names_are_looked_up_without_regard_to_case_and_shown_as_made() -> None:
    assert NAMESPACE.key == "contoso"
    assert CONNECTION.key == "contoso/hyco/one"
    assert CONNECTION.name == "Hyco/One"
    assert find_rule((RULE,), "rOOT") is RULE
    assert find_rule((RULE,), "other") is None


def test_a_new_rule_has_two_keys_of_256_random_bits() -> None:
    keys = {
        key
        for _ in range(50)
        for rule in [new_rule("r", Right.SEND)]
        for key in (rule.primary_key, rule.secondary_key)
    }
    assert len(keys) == 100
    assert {len(base64.b64decode(key)) for key in keys} == {32}


@pytest.mark.parametrize("rights", [Right.LISTEN, Right.SEND, Right.LISTEN | Right.SEND, Right.ALL])
def test_rights_that_a_rule_can_have(rights: Right) -> None:
    check_rule("r", rights)


@pytest.mark.parametrize("rights", [Right(0), Right.MANAGE, Right.MANAGE | Right.LISTEN])
def test_manage_needs_the_other_rights(rights: Right) -> None:
    with pytest.raises(InvalidEntityError, match="Manage"):
        check_rule("r", rights)


@pytest.mark.parametrize("name", ["", "a" * 51, "a b", "a/b", "-a", "a;b", "ä"])
def test_names_that_no_rule_can_have(name: str) -> None:
    with pytest.raises(InvalidEntityError):
        new_rule(name, Right.SEND)


def test_rights_are_written_in_the_order_of_the_resource_api() -> None:
    assert rights_words(Right.ALL) == ["Listen", "Send", "Manage"]
    assert rights_words(Right.SEND) == ["Send"]


def test_a_key_that_is_brought_along_is_as_strong_as_a_made_one() -> None:
    assert check_key(key := generate_key()) == key


@pytest.mark.parametrize(
    "key", ["", "secret", "c2hvcnQ=", "A" * 43, "ü" * 44, base64.b64encode(bytes(33)).decode()]
)
def test_any_other_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(InvalidEntityError) as caught:
        check_key(key)
    assert not key or key not in str(caught.value)


def test_namespace_names() -> None:
    assert check_namespace_name("Contoso") == "contoso"
    with pytest.raises(InvalidEntityError, match="6 to 50"):
        check_namespace_name("abc")


def test_connection_names() -> None:
    assert check_connection_name("Hyco/One") == "hyco/one"
    for name in ("", "/a", "a/", "a//b", "a/../b", "a b", "a%2Fb", "a\n", "x" * 261, "$hc"):
        with pytest.raises(InvalidEntityError):
            check_connection_name(name)


def test_host_names_are_canonical_and_few() -> None:
    assert check_hosts(["Relay.Example.", "relay.example", "[::1]"]) == ("relay.example", "::1")
    with pytest.raises(InvalidEntityError, match="hostNames"):
        check_hosts(["a b"])
    with pytest.raises(InvalidEntityError, match="at most"):
        check_hosts([f"h{n}.example" for n in range(MAX_HOSTS + 1)])


def test_origins_are_written_as_browsers_write_them() -> None:
    given = ["HTTPS://App.Example:443", "https://app.example", "http://127.0.0.1:3000", "http://[::1]:80"]
    assert check_origins(given) == ("https://app.example", "http://127.0.0.1:3000", "http://[::1]")
    for wrong in ("", "*", "null", "app.example", "https://", "https://a/b", "https://u@a", "https://a b"):
        with pytest.raises(InvalidEntityError, match="allowedOrigins"):
            check_origins([wrong])
    with pytest.raises(InvalidEntityError, match="at most"):
        check_origins([f"https://h{n}.example" for n in range(MAX_ORIGINS + 1)])


def test_what_was_stored_before_there_were_origins_is_read() -> None:
    document = CONNECTION.document()
    del document["allowedOrigins"]
    assert HybridConnection.from_document(document, 8).allowed_origins == ()


def test_metadata_is_bounded_and_can_be_said_in_xml() -> None:
    assert check_user_metadata("a\n\tü😀") == "a\n\tü😀"
    assert check_user_metadata("x" * MAX_USER_METADATA_LENGTH)
    for text in ("x" * (MAX_USER_METADATA_LENGTH + 1), "\x00", "\x1b[31m", "\ud800", "\uffff"):
        with pytest.raises(InvalidEntityError, match="userMetadata"):
            check_user_metadata(text)


def test_response_deadlines_are_positive_and_end() -> None:
    assert check_response_timeout(None) is None
    assert check_response_timeout(1) == 1.0
    for seconds in (10**400, 0.0, -1.0, math.inf, math.nan, 86_401.0):
        with pytest.raises(InvalidEntityError, match="responseTimeoutSeconds"):
            check_response_timeout(seconds)


@given(st.text(max_size=300))
def test_checking_a_name_is_total(name: str) -> None:
    for check in (check_connection_name, check_namespace_name, check_key, check_user_metadata):
        try:
            check(name)
        except InvalidEntityError:
            continue
