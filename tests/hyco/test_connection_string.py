from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.addresses import Endpoint, hide_secrets
from hyco.connection_string import ConnectionString, parse
from hyco.errors import InvalidConnectionStringError

NS = Endpoint("ns.servicebus.windows.net", 443, is_secure=True)
ENDPOINT = "Endpoint=sb://ns.servicebus.windows.net/"

any_text = st.text(st.characters(exclude_categories=[]))


def refused_key(text: str) -> str | None:
    with pytest.raises(InvalidConnectionStringError) as caught:
        parse(text)
    return caught.value.key


def test_a_string_from_the_portal():
    text = f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=abc=;EntityPath=hyco"
    parsed = parse(text)
    assert parsed == ConnectionString(endpoint=NS, entity_path="hyco", key_name="R", key="abc=")
    assert parsed.operation_timeout_s == 60
    assert parsed.format() == text


def test_keys_have_no_case_and_no_order_and_spaces_do_not_matter():
    text = (
        f"\n ;entitypath = /a/B/ ;SHAREDACCESSKEY= abc== ;; sharedAccessKeyName=R ; {ENDPOINT.lower()} ;\r\n"
    )
    assert parse(text) == ConnectionString(endpoint=NS, entity_path="a/B", key_name="R", key="abc==")


def test_only_the_endpoint_is_required():
    assert parse(ENDPOINT) == ConnectionString(endpoint=NS)
    assert parse("Endpoint=sb://localhost:8443").endpoint == Endpoint("localhost", 8443, is_secure=True)


def test_a_ready_token_takes_the_place_of_a_key():
    token = "SharedAccessSignature sr=x&sig=y%3D&se=1&skn=R"
    parsed = parse(f"{ENDPOINT};SharedAccessSignature={token}")
    assert parsed.signature == token
    assert parse(parsed.format()) == parsed


@pytest.mark.parametrize("value", ["Managed Identity", "ManagedIdentity", "managed identity"])
def test_managed_identity(value: str):
    assert parse(f"{ENDPOINT};Authentication={value}").authentication == "Managed Identity"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("00:01:30", 90), ("1:2:3", 3723), ("100:00:00", 360_000), ("90", 90), ("0090", 90)],
)
def test_a_timeout_is_written_as_dotnet_or_as_java_does(value: str, seconds: int):
    assert parse(f"{ENDPOINT};OperationTimeout={value}").operation_timeout_s == seconds


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "00:00:00",
        "-1",
        "+1",
        "1_0",
        "1.5",
        "\uff11\uff10",
        "1e3",
        "1:60:00",
        "1:00:60",
        "00:01",
        "1.00:00:00",
        "9" * 99,
    ],
)
def test_another_timeout_is_refused(value: str):
    assert refused_key(f"{ENDPOINT};OperationTimeout={value}") == "OperationTimeout"


def test_a_gateway_without_tls_says_so():
    """sb:// means TLS to every SDK; the flag is what tells ours otherwise."""
    parsed = parse("Endpoint=sb://localhost:8080/;UseDevelopmentEmulator=TRUE")
    assert parsed.endpoint == Endpoint("localhost", 8080, is_secure=False)
    assert parsed.is_development_emulator
    assert parsed.format() == "Endpoint=sb://localhost:8080/;UseDevelopmentEmulator=true"
    assert parse("Endpoint=sb://localhost/;UseDevelopmentEmulator=true").endpoint.port == 80
    assert parse(f"{ENDPOINT};UseDevelopmentEmulator=false") == parse(ENDPOINT)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", None),
        (" \n", None),
        ("x" * 16_385, None),
        (";", "Endpoint"),
        ("EntityPath=hyco", "Endpoint"),
        ("Endpoint", "Endpoint"),
        ("Endpoint=", "Endpoint"),
        ("Endpoint=ns", "Endpoint"),
        ("Endpoint=https://ns/", "Endpoint"),
        ("Endpoint=sb://ns/hyco", "Endpoint"),
        ("Endpoint=sb://", "Endpoint"),
        ("Endpoint=sb://ns:0/", "Endpoint"),
        (f"{ENDPOINT};{ENDPOINT}", "Endpoint"),
        (f"{ENDPOINT};entitypath=a;EntityPath=b", "EntityPath"),
        (f"{ENDPOINT};EntityPath=/", "EntityPath"),
        (f"{ENDPOINT};EntityPath=a//b", "EntityPath"),
        (f"{ENDPOINT};EntityPath=a/../b", "EntityPath"),
        (f"{ENDPOINT};EntityPath=a%2fb", "EntityPath"),
        (f"{ENDPOINT};EntityPath=a\x01b", "EntityPath"),
        (f"{ENDPOINT};EntityPth=hyco", "EntityPth"),
        (f"{ENDPOINT};SharedAccessKeyName=R", "SharedAccessKey"),
        (f"{ENDPOINT};SharedAccessKey=K", "SharedAccessKeyName"),
        (f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=", "SharedAccessKey"),
        (f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=a b", "SharedAccessKey"),
        (f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=a\udcff", "SharedAccessKey"),
        (f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey={'k' * 257}", "SharedAccessKey"),
        (f"{ENDPOINT};SharedAccessKeyName={'r' * 257};SharedAccessKey=K", "SharedAccessKeyName"),
        (
            f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=K;SharedAccessSignature=S",
            "SharedAccessSignature",
        ),
        (
            f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=K;Authentication=ManagedIdentity",
            "Authentication",
        ),
        (f"{ENDPOINT};SharedAccessSignature=S;Authentication=ManagedIdentity", "Authentication"),
        (f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessSignature=S", "SharedAccessKey"),
        (f"{ENDPOINT};Authentication=Kerberos", "Authentication"),
        (f"{ENDPOINT};UseDevelopmentEmulator=yes", "UseDevelopmentEmulator"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_key(text: str, key: str | None):
    assert refused_key(text) == key


def test_a_key_pasted_in_place_of_a_connection_string_is_not_repeated():
    for secret in ("bm90IGEgcmVhbCBrZXksIGJ1dCBsb25nIGVub3VnaCE=", "hunter2", "a" * 44):
        with pytest.raises(InvalidConnectionStringError) as caught:
            parse(f"{ENDPOINT};{secret}")
        assert secret.rstrip("=") not in str(caught.value)
        assert caught.value.key is None


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"endpoint": Endpoint("ns", 80, is_secure=False)}, "UseDevelopmentEmulator"),
        ({"is_development_emulator": True}, "UseDevelopmentEmulator"),
        ({"entity_path": ""}, "EntityPath"),
        ({"entity_path": "/a"}, "EntityPath"),
        ({"entity_path": "a/"}, "EntityPath"),
        ({"entity_path": "a;b"}, "EntityPath"),
        ({"key_name": "R", "key": "a;EntityPath=x"}, "SharedAccessKey"),
        ({"key_name": " R", "key": "a"}, "SharedAccessKeyName"),
        ({"signature": "a\nb"}, "SharedAccessSignature"),
        ({"operation_timeout_s": 0}, "OperationTimeout"),
        ({"authentication": "managed identity"}, "Authentication"),
    ],
)
def test_a_value_that_could_not_be_written_cannot_be_made(changes: dict[str, Any], key: str | None):
    with pytest.raises(InvalidConnectionStringError) as caught:
        ConnectionString(**{"endpoint": NS} | changes)
    assert caught.value.key == key


def test_its_repr_shows_no_secret():
    assert "hush" not in repr(parse(f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=hush"))
    assert "hush" not in repr(parse(f"{ENDPOINT};SharedAccessSignature=hush"))


@given(any_text)
def test_any_text_is_a_connection_string_or_refused(text: str):
    for form in (text, f"{ENDPOINT};{text}", f"{ENDPOINT};EntityPath={text}", f"Endpoint=sb://{text}"):
        try:
            parsed = parse(form)
        except InvalidConnectionStringError:
            continue
        assert parse(parsed.format()) == parsed


words = st.text(
    st.characters(codec="utf-8", exclude_characters=";", exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=50,
)
paths = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}[A-Za-z0-9](/[a-z0-9]{1,5}){0,3}", fullmatch=True)
credentials = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"key_name": words, "key": words}),
    st.fixed_dictionaries({"signature": words}),
    st.just({"authentication": "Managed Identity"}),
)


@given(
    host=st.sampled_from(["ns.example.net", "localhost", "::1", "10.0.0.1"]),
    port=st.integers(1, 65_535),
    is_secure=st.booleans(),
    entity_path=st.none() | paths,
    credential=credentials,
    timeout_s=st.integers(1, 9_999_999),
)
def test_what_was_formatted_is_parsed_again(
    *,
    host: str,
    port: int,
    is_secure: bool,
    entity_path: str | None,
    credential: dict[str, Any],
    timeout_s: int,
):
    value = ConnectionString(
        endpoint=Endpoint(host, port, is_secure),
        entity_path=entity_path,
        operation_timeout_s=timeout_s,
        is_development_emulator=not is_secure,
        **credential,
    )
    assert parse(value.format()) == value


@given(words)
def test_hiding_secrets_hides_whatever_key_is_allowed(key: str):
    text = ConnectionString(endpoint=NS, key_name="R", key=key, entity_path="hyco").format()
    assert hide_secrets(text) == f"{ENDPOINT};SharedAccessKeyName=R;SharedAccessKey=…;EntityPath=hyco"
