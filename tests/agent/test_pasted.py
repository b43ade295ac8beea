"""What people paste: each form as it is found in the wild, and any text at all."""

from __future__ import annotations

import contextlib
import json
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Direction
from agent.invitation import Invitation, sign_token
from agent.pasted import MAX_CHARACTERS, Found, Kind, PastedError, read
from hyco.addresses import parse_endpoint
from hyco.sas import Right

KEY = "bm90IGEgcmVhbCBrZXksIGJ1dCBhcyBsb25nIGFzIDE="
NAMESPACE = f"Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={KEY}"
ONE = (
    "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=defaultListener;"
    f"SharedAccessKey={KEY};EntityPath=orders"
)


def only(text: str, kind: Kind = Kind.CONNECTION_STRING) -> Found:
    pasted = read(text)
    assert pasted.kind is kind
    (found,) = pasted.found
    assert KEY not in repr(pasted)
    return found


def an_invitation(**more: object) -> Invitation:
    endpoint = parse_endpoint("sb://gw.example/")
    token = sign_token(endpoint, "shop", rule_name="send", key=KEY, expires_at=2_000)
    members: dict[str, object] = {"path": "shop", "name": "The shop", "id": "0" * 32, "port": 3000, **more}
    return Invitation(endpoint=endpoint, token=token, **members)  # type: ignore[arg-type]


# --- connection strings


def test_a_connection_string_says_where_by_which_key_and_what_that_may_most_likely_do():
    found = only(NAMESPACE)
    assert found.endpoint.authority == "contoso.servicebus.windows.net"
    assert (found.path, found.key_name) == (None, "RootManageSharedAccessKey")
    assert (found.rights, found.is_told, found.purpose) == (Right.ALL, False, None)
    assert found.text == NAMESPACE


def test_a_gateway_connection_string_of_hybrid_connection_manager_is_for_listening():
    found = only(ONE)
    assert (found.path, found.rights, found.purpose) == ("orders", Right.LISTEN, Direction.LISTEN)


def test_a_rule_of_which_only_its_owner_knows_what_it_may_is_not_guessed_at():
    assert only(NAMESPACE.replace("RootManageSharedAccessKey", "mine")).rights is None


@pytest.mark.parametrize(
    "text",
    [
        f"  {ONE}\n",
        f'"{ONE}"',
        f"“{ONE}”",
        f"<{ONE}>",
        f"RELAY_CONNECTION_STRING='{ONE}'",
        f'  "connectionString": "{ONE}",',
        f"Hi Ann,\n\nhere it is:\n{ONE}\n\nBest wishes\nBob",
        f"Hi Ann, here it is: {ONE}.",
        f"{ONE}\nThanks, Bob",
        f"Primary Connection String\t{ONE}",
        "\n".join(f"> {line}" for line in textwrap.wrap(ONE, 72)),
        "\r\n".join(textwrap.wrap(ONE, 76)),
        ONE.replace(";", ";\n"),
        ONE.replace(";", "\n;"),
        ONE.replace(";", " ; "),
        ONE.replace("Endpoint", "endpoint\u200b"),
        ONE.replace(";", ";\u00a0"),
        f"{ONE[:-14]}\n{ONE[-14:]}",
    ],
)
def test_what_mail_and_people_put_around_a_connection_string_does_not_matter(text: str):
    assert only(text).text == ONE


def test_a_key_that_is_broken_in_its_middle_is_put_together_again():
    start = ONE.index(KEY) + 11
    assert only(f"{ONE[:start]}\n{ONE[start:]}").text == ONE


def test_a_word_below_a_connection_string_that_ends_with_its_key_does_not_become_part_of_that():
    assert only(f"{NAMESPACE}\nAnn").text == NAMESPACE


def test_a_misspelt_part_is_said_by_its_name():
    with pytest.raises(PastedError, match="EntitiPath is not a key") as caught:
        read(ONE.replace("EntityPath", "EntitiPath"))
    assert caught.value.kind is Kind.CONNECTION_STRING


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing to read"),
        ("\u200b \n", "nothing to read"),
        ("hello", "neither a connection string"),
        (KEY, "a key alone"),
        ("contoso.servicebus.windows.net", "the name of a host alone"),
        (f"SharedAccessKeyName=a;SharedAccessKey={KEY}", "Endpoint is missing"),
        (ONE.replace("sb://", "https://"), "does not begin with sb://"),
        (ONE[: ONE.index(";SharedAccessKey=")], "needs SharedAccessKey beside it"),
        ("x" * (MAX_CHARACTERS + 1), "copy less of it"),
        ("https://gw.example/shop/", "not an invitation"),
        ("{" + ONE, "begins like JSON and is none"),
    ],
)
def test_what_cannot_be_used_is_said_without_repeating_it(text: str, says: str):
    with pytest.raises(PastedError, match=says) as caught:
        read(text)
    assert KEY not in str(caught.value)


# --- Azure's JSON

LIST_KEYS = {
    "keyName": "listen",
    "primaryConnectionString": ONE.replace("defaultListener", "listen"),
    "primaryKey": KEY,
    "secondaryConnectionString": ONE.replace("defaultListener", "listen").replace(KEY, "c2Vjb25kYXJ5"),
    "secondaryKey": "c2Vjb25kYXJ5",
}
RULE = {
    "id": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Relay/namespaces/contoso/hybridConnections/orders"
    "/authorizationRules/listen",
    "name": "listen",
    "type": "Microsoft.Relay/namespaces/hybridConnections/authorizationRules",
    "properties": {"rights": ["Listen"]},
}
RESOURCE = {
    "id": "/subscriptions/1/resourceGroups/g/providers/Microsoft.Relay/namespaces/contoso/hybridConnections/orders",
    "name": "orders",
    "type": "Microsoft.Relay/namespaces/hybridConnections",
    "properties": {
        "listenerCount": 0,
        "requiresClientAuthorization": True,
        "userMetadata": '[{"key":"endpoint","value":"db.corp.example:1433"}]',
    },
}
APP_SERVICE = {
    "serviceBusNamespace": "contoso",
    "relayName": "orders",
    "hostname": "db.corp.example",
    "port": 1433,
    "sendKeyName": "defaultSender",
    "sendKeyValue": KEY,
    "serviceBusSuffix": ".servicebus.windows.net",
}


def test_the_answer_of_list_keys_is_its_primary_connection_string():
    found = only(json.dumps(LIST_KEYS, indent=2), Kind.AZURE_JSON)
    assert (found.path, found.key_name, found.rights) == ("orders", "listen", None)
    assert found.text == LIST_KEYS["primaryConnectionString"]


def test_rule_resource_and_keys_together_say_rights_and_target():
    found = only(json.dumps([RULE, RESOURCE, LIST_KEYS]), Kind.AZURE_JSON)
    assert (found.rights, found.is_told, found.purpose) == (Right.LISTEN, True, Direction.LISTEN)
    assert found.target == "db.corp.example:1433"


def test_the_key_of_a_namespace_beside_one_hybrid_connection_is_for_that_one():
    found = only(
        json.dumps({"value": [RESOURCE], "keys": {"primaryConnectionString": NAMESPACE}}), Kind.AZURE_JSON
    )
    assert (found.path, found.target) == ("orders", "db.corp.example:1433")


def test_app_services_object_sends():
    found = only(json.dumps({"properties": APP_SERVICE}), Kind.AZURE_JSON)
    assert (found.path, found.rights, found.purpose) == ("orders", Right.SEND, Direction.CONNECT)
    assert found.target == "db.corp.example:1433"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (RULE, "the policy 'listen' and holds no key"),
        (RESOURCE, "the hybrid connection 'orders' and holds no key"),
        ({**APP_SERVICE, "sendKeyValue": None}, "the hybrid connection 'orders' and holds no key"),
        ({"a": 1}, "no connection string in this JSON"),
        ({"primaryConnectionString": "Endpoint=sb://x/;Foo=1"}, "Foo is not a key"),
        ([{}] * 600, "too many things"),
    ],
)
def test_json_without_a_key_says_what_it_is_about(value: object, says: str):
    with pytest.raises(PastedError, match=says) as caught:
        read(json.dumps(value))
    assert caught.value.kind is Kind.AZURE_JSON


# --- azbridge


def test_each_forward_of_azbridge_is_offered():
    text = f"""
AzureRelayConnectionString: {NAMESPACE}
LocalForward:
  - BindPort: 5432
    RelayName: database
RemoteForward:
  - RelayName: web
    Host: intra.example
    HostPort: 80
    Http: true
  - relay_name: rdp
    hostport: 3389
  - RelayName: phone
    HostPort: -5060
"""
    pasted = read(text)
    assert pasted.kind is Kind.AZBRIDGE
    assert [(one.path, one.purpose, one.target, one.port) for one in pasted.found] == [
        ("database", Direction.CONNECT, None, 5432),
        ("web", Direction.LISTEN, "http://intra.example:80", None),
        ("rdp", Direction.LISTEN, "localhost:3389", None),
    ], "UDP is left out"
    assert pasted.found[1].text == f"{NAMESPACE};EntityPath=web"
    assert KEY not in repr(pasted)


def test_a_configuration_without_forwards_is_its_connection_string():
    assert only(f"AzureRelayConnectionString: '{NAMESPACE}'", Kind.AZBRIDGE).text == NAMESPACE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("LocalForward:\n- RelayName: x\n  BindPort: 1", "holds no key"),
        ("LocalForward: [", "is not YAML in line"),
        ("LocalForward: " + "[" * 5_000, "is not YAML"),
        (
            f"AzureRelayConnectionString: {NAMESPACE}\nRemoteForward:\n- {{RelayName: x, HostPort: 53U}}",
            "UDP alone",
        ),
        ("AzureRelayConnectionString: Endpoint=sb://x/;Foo=1", "Foo is not a key"),
    ],
)
def test_a_configuration_that_cannot_be_used_says_why(text: str, says: str):
    with pytest.raises(PastedError, match=says) as caught:
        read(text)
    assert caught.value.kind is Kind.AZBRIDGE
    assert KEY not in str(caught.value)


# --- invitations


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "  <{}> \n",
        "Have a look:\n\n{}\n\nBest wishes\nBob",
        "Have a look: {} - Bob",
    ],
)
def test_an_invitation_is_found_in_a_mail(around: str):
    invitation = an_invitation()
    found = only(around.format(invitation.text()), Kind.INVITATION)
    assert found.invitation == invitation
    assert (found.path, found.rights, found.port) == ("shop", Right.SEND, 3000)
    assert found.text == invitation.text()


def test_an_invitation_that_a_mail_has_broken_is_put_together_again():
    invitation = an_invitation()
    text = "\r\n".join(f"> {line}" for line in textwrap.wrap(invitation.text(), 76))
    assert only(f"{text}\r\nCheers", Kind.INVITATION).invitation == invitation


def test_the_link_of_a_web_site_is_an_invitation():
    url = an_invitation(is_web=True).url()
    for text in (url, f"<{url}>", f"{url} - for you"):
        found = only(text, Kind.INVITATION)
        assert found.invitation is not None
        assert found.invitation.is_web
        assert found.invitation.token == an_invitation().token


@pytest.mark.parametrize("text", ["{}", "{}\nCheers"])
def test_an_invitation_that_is_over_says_so(text: str):
    with pytest.raises(PastedError, match="ended on") as caught:
        read(text.format(an_invitation().text()), now=3_000)
    assert caught.value.kind is Kind.INVITATION


def test_an_invitation_that_was_cut_short_says_so():
    with pytest.raises(PastedError, match="cut short") as caught:
        read(an_invitation().text()[:-20])
    assert caught.value.kind is Kind.INVITATION


# --- anything

_PIECES = st.sampled_from(
    [
        "Endpoint=sb://x.example/",
        "SharedAccessKeyName=a",
        f"SharedAccessKey={KEY}",
        "EntityPath=",
        "relaydesk://invitation/1#",
        "https://",
        "{",
        "[{",
        '"primaryConnectionString":',
        '"userMetadata":',
        '"id":"/namespaces/n/hybridConnections/h"',
        '"relayName":"r"',
        "LocalForward:",
        "RemoteForward:\n- RelayName: x\n",
        "AzureRelayEndpoint: sb://x",
        "&a [*a]",
        "!!python/object:x",
        "? {a: b}",
        ";",
        "=",
        "\n",
        '"',
        "\ud800",
        "\x00",
        "\u2028",
        "}",
        "]",
    ]
)


@given(st.one_of(st.text(), st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=14).map("".join)))
def test_any_text_gives_a_result_or_the_named_error(text: str):
    try:
        pasted = read(text, now=0)
    except PastedError:
        return
    assert pasted.found
    for found in pasted.found:
        assert read(found.text).found[0].endpoint == found.endpoint


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.just(NAMESPACE)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "name",
                    "rights",
                    "properties",
                    "userMetadata",
                    "relayName",
                    "port",
                    "sendKeyName",
                    "sendKeyValue",
                    "serviceBusNamespace",
                    "primaryConnectionString",
                    "connectionString",
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["id", "properties", "value", "relayName"]), _JSON, max_size=3))
def test_any_json_gives_a_result_or_the_named_error(value: object):
    with contextlib.suppress(PastedError):
        assert read(json.dumps(value)).kind is Kind.AZURE_JSON
