import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.resources import (
    BadBodyError,
    hosts_in,
    iso_time,
    key_in,
    parse_body,
    rights_in,
    rule_document,
    settings_in,
)
from gateway.editor import KEEP
from gateway.entities import InvalidEntityError, KeyType, Kind, Namespace, new_rule
from hyco.sas import Right


def properties(**values: object) -> dict[str, object]:
    return {"properties": values}


def test_a_body_is_an_object_or_empty() -> None:
    assert parse_body(b"") == parse_body(b" \n") == parse_body(b"{}") == {}
    assert parse_body('{"a": "ü"}'.encode()) == {"a": "ü"}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b"null",
        b"{",
        b'{"a": 1} x',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"[" * 60000,
        b'{"a": 1, "a": 2}',
        b'{"p": {"key": "x", "key": "y"}}',
        b"{" + b'"a":{' * 20000,
    ],
)
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(BadBodyError):
        parse_body(body)


def test_a_refusal_does_not_repeat_the_body() -> None:
    with pytest.raises(BadBodyError) as caught:
        parse_body(b'{"key": "secret-value" "x"}')
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=200))
def test_reading_a_body_is_total(body: bytes) -> None:
    try:
        document = parse_body(body)
        settings_in(document)
    except InvalidEntityError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "properties",
                        "rights",
                        "hostNames",
                        "userMetadata",
                        "responseTimeoutSeconds",
                        "allowedOrigins",
                        "key",
                    ]
                ),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_reading_what_a_body_says_is_total(value: object) -> None:
    document = {"properties": value, "keyType": value, "key": value}
    for read in (settings_in, rights_in, hosts_in, key_in):
        try:
            read(document)
        except InvalidEntityError:
            continue


def test_settings_that_are_not_spoken_of_stay() -> None:
    nothing = dict.fromkeys(
        ["kind", "requires_client_authorization", "user_metadata", "response_timeout_s", "allowed_origins"],
        KEEP,
    )
    assert settings_in({}) == nothing
    assert settings_in({"location": "x", "properties": None}) == nothing
    assert (
        settings_in(properties(listenerCount=5, createdAt="x", requiresClientAuthorization=None)) == nothing
    )
    assert settings_in(
        properties(requiresClientAuthorization=False, userMetadata="x", responseTimeoutSeconds=None)
    ) == nothing | {"requires_client_authorization": False, "user_metadata": "x", "response_timeout_s": None}
    assert settings_in(properties(kind="event")) == nothing | {"kind": Kind.EVENT}
    assert settings_in(properties(allowedOrigins=[])) == nothing | {"allowed_origins": []}
    assert settings_in(properties(responseTimeoutSeconds=2.5))["response_timeout_s"] == 2.5


@pytest.mark.parametrize(
    "wrong",
    [
        properties(requiresClientAuthorization="false"),
        properties(requiresClientAuthorization=0),
        properties(userMetadata=1),
        properties(responseTimeoutSeconds="5"),
        properties(responseTimeoutSeconds=True),
        properties(allowedOrigins="https://a.example"),
        properties(allowedOrigins=[1]),
        properties(kind="topic"),
        properties(kind=1),
        properties(kind=["event"]),
        {"properties": []},
    ],
)
def test_settings_of_another_type_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadBodyError, match="properties"):
        settings_in(wrong)


def test_a_misspelt_setting_is_not_passed_over() -> None:
    with pytest.raises(BadBodyError, match=r"properties\.requireClientAuthorization is unknown; there are"):
        settings_in(properties(requireClientAuthorization=False))
    with pytest.raises(BadBodyError, match=r"properties\.right is unknown"):
        rights_in(properties(right=["Send"]))


def test_rights_are_read_in_any_case() -> None:
    assert rights_in(properties(rights=["Listen", "SEND"])) == Right.LISTEN | Right.SEND
    for wrong in ([], ["All"], "Send", None, [1], [["Send"]]):
        with pytest.raises(BadBodyError, match="Listen"):
            rights_in(properties(rights=wrong))


def test_which_key_to_replace() -> None:
    assert key_in({"keyType": "PrimaryKey"}) == (KeyType.PRIMARY, None)
    assert key_in({"keyType": "secondarykey", "key": "x"}) == (KeyType.SECONDARY, "x")
    assert key_in({"keyType": "PrimaryKey", "key": ""}) == (KeyType.PRIMARY, None)
    for wrong in ({}, {"keyType": "Third"}, {"keyType": 1}, {"keyType": "PrimaryKey", "key": 1}):
        with pytest.raises(BadBodyError):
            key_in(wrong)


def test_host_names() -> None:
    assert hosts_in({}) is None
    assert hosts_in(properties(hostNames=["a.example"], publicNetworkAccess="Enabled")) == ["a.example"]
    for wrong in ("a.example", [1], {}):
        with pytest.raises(BadBodyError, match="hostNames"):
            hosts_in(properties(hostNames=wrong))


def test_a_rule_is_shown_without_its_keys() -> None:
    rule = new_rule("R", Right.ALL)
    namespace = Namespace(name="Contoso", created_at=0, updated_at=0)
    document = rule_document(namespace, "Hyco", rule, "/prefix")
    assert document == {
        "id": "/prefix/namespaces/Contoso/hybridConnections/Hyco/authorizationRules/R",
        "name": "R",
        "type": "Microsoft.Relay/Namespaces/HybridConnections/AuthorizationRules",
        "properties": {"rights": ["Listen", "Send", "Manage"]},
    }
    assert rule.primary_key not in json.dumps(document)


def test_times_are_utc() -> None:
    assert iso_time(0) == "1970-01-01T00:00:00.000Z"
    assert iso_time(1_800_000_000.25) == "2027-01-15T08:00:00.250Z"
