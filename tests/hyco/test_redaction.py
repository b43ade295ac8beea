import base64
import json
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.addresses import Endpoint, rendezvous_address
from hyco.connection_string import ConnectionString
from hyco.redaction import hide_secrets
from hyco.sas import audience, sign

JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJoIn0.c2lnbmF0dXJl"

base64_keys = st.binary(min_size=32, max_size=32).map(lambda key: base64.b64encode(key).decode())
surroundings = st.text(st.characters(codec="ascii", exclude_characters="…"), max_size=20)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /hyco?sb-hc-token=abc&x=1", "GET /hyco?sb-hc-token=…&x=1"),
        ("SB-HC-Token=abc%26sig%3Ddef HTTP/1.1", "SB-HC-Token=… HTTP/1.1"),
        ("u=/h%3Fsb-hc-token%3Dabc", "u=/h%3Fsb-hc-token%3D…"),
        ("?sb-hc-sas-key-name=R&sb-hc-sas-key=K", "?sb-hc-sas-key-name=R&sb-hc-sas-key=…"),
        ("wss://gw/$hc/h?sb-hc-id=1&sb-hc-rdv=c0ffee", "wss://gw/$hc/h?sb-hc-id=1&sb-hc-rdv=…"),
        ("SharedAccessSignature sr=h&sig=a%2Fb%3D&se=1&skn=R", "SharedAccessSignature sr=h&sig=…&se=1&skn=R"),
        ("sr%3Dh%26sig%3Da%252Fb%26se%3D1", "sr%3Dh%26sig%3D…%26se%3D1"),
        ("sr=h&sig=a/b+c=", "sr=h&sig=…"),
        (
            "Endpoint=sb://ns/;SharedAccessKeyName=R;SharedAccessKey=K=;EntityPath=h",
            "Endpoint=sb://ns/;SharedAccessKeyName=R;SharedAccessKey=…;EntityPath=h",
        ),
        ("Authorization: Bearer abc", "Authorization: …"),
        ('Authorization: Digest username="u", response="r"\r\nHost: h', "Authorization: …\r\nHost: h"),
        ("servicebusauthorization: abc def", "servicebusauthorization: …"),
        ("{'Proxy-Authorization': 'Basic \"abc', 'Host': 'h'}", "{'Proxy-Authorization': '…', 'Host': 'h'}"),
        (
            "[(b'authorization', b'Basic abc'), (b'host', b'h')]",
            "[(b'authorization', b'…'), (b'host', b'h')]",
        ),
        ('{"ServiceBusAuthorization":"a\\"bc","a":1}', '{"ServiceBusAuthorization":"…","a":1}'),
        ('{"primaryKey": "abc=", "keyName": "R"}', '{"primaryKey": "…", "keyName": "R"}'),
        ("Rule(secondary_key='abc')", "Rule(secondary_key='…')"),
        (f"token {JWT} refused", "token eyJ… refused"),
        ("relaydesk://invitation/1#eyJhdCI6Imh0_-", "relaydesk://invitation/1#…"),
        ("open 'RelayDesk://Invitation/12/#eyJ=' now", "open 'RelayDesk://Invitation/12/#…' now"),
        ("u=relaydesk%3A%2F%2Finvitation%2F1%23eyJhdCI&x=1", "u=relaydesk%3A%2F%2Finvitation%2F1%23…&x=1"),
        ("/shop/?a=1&relaydesk-invitation=c0ffee&b=2", "/shop/?a=1&relaydesk-invitation=…&b=2"),
        ("u=%2Fshop%3Frelaydesk-invitation%3Dc0ffee%26b%3D2", "u=%2Fshop%3Frelaydesk-invitation%3D…%26b%3D2"),
        ("Cookie: a=1; relaydesk-invitation=c0ffee; b=2", "Cookie: a=1; relaydesk-invitation=…; b=2"),
        (
            "Set-Cookie: relaydesk-invitation=c0ffee; Path=/shop",
            "Set-Cookie: relaydesk-invitation=…; Path=/shop",
        ),
        ("RelayDesk-Invitation: c0ffee\r\nHost: h", "RelayDesk-Invitation: …\r\nHost: h"),
        ("{'RelayDesk-Invitation': 'c0ffee', 'Host': 'h'}", "{'RelayDesk-Invitation': '…', 'Host': 'h'}"),
        (
            "[(b'relaydesk-invitation', b'c0ffee'), (b'host', b'h')]",
            "[(b'relaydesk-invitation', b'…'), (b'host', b'h')]",
        ),
        ('"{\\"RelayDesk-Invitation\\": \\"c0ffee\\"}"', '"{\\"RelayDesk-Invitation\\": \\"…\\"}"'),
        ("('RelayDesk-Probe', 'c0ffee')", "('RelayDesk-Probe', '…')"),
        ("http://user:hush@proxy:3128/", "http://…@proxy:3128/"),
    ],
)
def test_the_secret_goes_and_the_rest_stays(text: str, shown: str):
    assert hide_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Authorization failed for specified action: Listen. TrackingId:g",
        "InvalidSignature: The token has an invalid signature.",
        "SharedAccessKey has no value",
        "SharedAccessKeyName=R",
        "sb://ns.example.net:443/hyco",
        "http://[::1]:8080/a@b:c",
        "sb-hc-action=connect&sb-hc-id=1",
        "keyJ.a.b",
        "the header RelayDesk-Invitation, which is missing",
        "relaydesk://invitation",
    ],
)
def test_text_without_secrets_stays(text: str):
    assert hide_secrets(text) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_hiding_never_fails_and_is_done_once(text: str):
    hidden = hide_secrets(text)
    assert hide_secrets(hidden) == hidden


@given(base64_keys, surroundings, surroundings)
def test_no_key_survives_in_a_connection_string(key: str, before: str, after: str):
    text = ConnectionString(endpoint=Endpoint("ns", 443, is_secure=True), key_name="R", key=key).format()
    for shown in (text, repr(text), json.dumps(text), f"{before} {text} {after}", f'{before}"{text}"{after}'):
        assert key.rstrip("=") not in hide_secrets(shown)


@given(base64_keys, st.sampled_from(["hyco", "a/b"]), surroundings, surroundings)
def test_no_signature_survives_in_a_token_however_it_travels(key: str, path: str, before: str, after: str):
    token = sign(audience("ns.example.net", path), "R", key, 1893456000)
    signature = token.partition("&sig=")[2].partition("&")[0]
    query = f"wss://ns/$hc/{path}?sb-hc-token={quote_plus(token)}&x=1"
    headers = {"ServiceBusAuthorization": token}
    for shown in (
        token,
        query,
        quote(query),
        unquote_plus(token),
        unquote_plus(unquote_plus(token)),
        f"SharedAccessSignature={token};EntityPath=h",
        f"ServiceBusAuthorization: {token}",
        f"Authorization: {token}\r\nHost: h",
        repr(headers),
        json.dumps(headers),
        json.dumps({"renewToken": {"token": token}}),
        repr(list(headers.items())),
    ):
        hidden = hide_secrets(f"{before} {shown} {after}")
        for form in (
            signature,
            unquote_plus(signature),
            unquote_plus(unquote_plus(signature)),
            quote(signature),
        ):
            assert form.rstrip("=") not in hidden


@given(st.binary(min_size=16, max_size=16), surroundings)
def test_no_secret_of_a_rendezvous_survives(secret: bytes, after: str):
    address = rendezvous_address(
        "wss://gw", "/hyco", "a=1", action="accept", tracking_id="g_G0", secret=secret.hex()
    )
    assert secret.hex() not in hide_secrets(f"{address} {after}")
    assert secret.hex() not in hide_secrets(json.dumps({"accept": {"address": address, "id": "g_G0"}}))


@pytest.mark.parametrize(
    "piece",
    [
        "sig=",
        "eyJ",
        "eyJ.",
        "://",
        "://a:",
        "Authorization",
        "Authorization: '",
        "sig=" + "A" * 43,
        "sb-hc-token=",
        "relaydesk-invitation",
        'relaydesk-invitation" ',
        "relaydesk-invitation=%26",
        "relaydesk://invitation/1",
        "relaydesk://invitation/1#",
    ],
)
def test_hostile_text_costs_linear_time(piece: str):
    """Quadratic patterns would take minutes for this, and the suite's deadline would fail the test."""
    text = piece * (200_000 // len(piece))
    assert hide_secrets(hide_secrets(text)) == hide_secrets(text)
