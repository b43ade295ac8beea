"""Who gets a 101, and what is in it: rows 1, 2, 3, 12, 17 and 20 of protocol reference §16, and the texts of §2.5."""

from __future__ import annotations

import re
import time
import uuid
from urllib.parse import quote, urlsplit

import pytest

from hyco.sas import Right
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_http import HttpResponse
from tests.support.raw_relay import RawListener
from tests.support.raw_websocket import Handshake, upgrade_headers
from tests.support.tokens import (
    Fields,
    encode,
    sas_token,
    sas_token_of_encoded,
    sr_variants,
)

HOST = "contoso.example"
DOORS = ("listen", "connect", "http")


@pytest.fixture
async def listener(relay: RunningGateway) -> RawListener:
    return await relay.listen("hc")


async def knock(
    relay: RunningGateway,
    door: str,
    *,
    path: str = "hc",
    headers: list[tuple[str, str]] | None = None,
    query: str = "",
    host: str | None = None,
) -> HttpResponse:
    """Ask at one of the three doors with whatever token is in *headers* or *query*; nobody listens on `path`.

    A token that is good gives 101 to a listener and "no listeners" to both kinds of sender.
    """
    if door == "http":
        http = await relay.http(host=host)
        return await http.request("GET", f"/{path}" + (f"?{query}" if query else ""), headers or [])
    action = f"sb-hc-action={door}" + (f"&{query}" if query else "")
    handshake = await relay.upgrading(f"/$hc/{path}?{action}", headers or [], host=host)
    if door == "listen":
        from tests.support.raw_websocket import UpgradeRefusedError

        try:
            socket = await handshake.answer()
        except UpgradeRefusedError as refused:
            return refused.response
        return socket.response
    return await handshake.refusal()


def is_let_in(door: str, response: HttpResponse) -> bool:
    if door == "listen":
        return response.status == 101
    return response.status == 404 and response.reason.startswith("There are no listeners connected")


# --- row 1 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["", "?", "?sb-hc-action=", "?sb-hc-action", "?user=1", "?SB-HC-ACTION=connect"]
)
async def test_row_1_without_an_action_it_is_a_connect(
    relay: RunningGateway, listener: RawListener, query: str
):
    token = [("ServiceBusAuthorization", relay.token("hc"))]
    waiting = await relay.upgrading(f"/$hc/hc{query}", token)
    far = await listener.accept()
    sender = await waiting.answer()
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"


async def test_an_unknown_action_is_refused(relay: RunningGateway):
    handshake = await relay.upgrading("/$hc/open?sb-hc-action=dance")
    assert (await handshake.refusal()).status == 400


async def test_the_prefix_of_websocket_paths_matches_in_any_case(relay: RunningGateway):
    listener = await relay.listen("open")
    waiting = await relay.upgrading("/$HC/OPEN?sb-hc-action=connect")
    await listener.accept()
    await waiting.answer()


# --- row 2 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("variant", sr_variants(HOST, "hc"))
async def test_row_2_every_sr_that_real_clients_send_is_good(relay: RunningGateway, door: str, variant: str):
    token = sas_token_of_encoded(sr_variants(HOST, "hc")[variant], relay.rule.name, relay.rule.primary_key)
    response = await knock(relay, door, headers=[("ServiceBusAuthorization", token)], host=HOST)
    assert is_let_in(door, response), response.line


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("variant", sr_variants(HOST, "hc"))
async def test_row_2_and_so_it_is_with_a_rule_of_the_hybrid_connection(
    relay: RunningGateway, door: str, variant: str
):
    """Java signs the namespace's root even with a hybrid connection's key."""
    rule = await relay.create_rule("hc", "Own", Right.LISTEN | Right.SEND)
    token = sas_token_of_encoded(sr_variants(HOST, "hc")[variant], rule.name, rule.primary_key)
    response = await knock(relay, door, headers=[("ServiceBusAuthorization", token)], host=HOST)
    assert is_let_in(door, response), response.line


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "resource",
    [
        f"http://{HOST}/h",
        f"http://{HOST}/hc2",
        f"http://{HOST}/hc/deeper",
        f"http://{HOST}/other",
        "http://evil.example/hc",
        f"http://sub.{HOST}/hc",
        f"http://{HOST}.evil.example/hc",
        f"http://evil.example@{HOST}/hc",
        f"http://evil.example/{HOST}/hc",
    ],
)
async def test_row_2_a_token_for_something_else_has_the_wrong_audience(
    relay: RunningGateway, door: str, resource: str
):
    token = sas_token(resource, relay.rule.name, relay.rule.primary_key)
    response = await knock(relay, door, headers=[("ServiceBusAuthorization", token)], host=HOST)
    assert response.status == 401
    assert "InvalidAudience" in response.reason or "MalformedToken" in response.reason, response.reason


@pytest.mark.parametrize("order", ["skn se sig sr", "sig sr skn se"])
async def test_row_2_the_order_of_the_fields_does_not_matter(relay: RunningGateway, order: str):
    token = Fields.good(f"http://{relay.host}/hc", relay.rule.name, relay.rule.primary_key).text(order)
    assert is_let_in("listen", await knock(relay, "listen", headers=[("ServiceBusAuthorization", token)]))


@pytest.mark.parametrize("prefix", ["sharedaccesssignature ", "SHAREDACCESSSIGNATURE "])
async def test_row_2_the_word_in_front_matches_in_any_case(relay: RunningGateway, prefix: str):
    token = relay.token("hc").replace("SharedAccessSignature ", prefix)
    assert is_let_in("listen", await knock(relay, "listen", headers=[("ServiceBusAuthorization", token)]))


async def test_row_2_rule_names_match_in_any_case_and_need_not_be_encoded(relay: RunningGateway):
    rule = await relay.create_rule("hc", "My.Rule-1_x", Right.LISTEN)
    fields = Fields.good(f"http://{relay.host}/hc", rule.name.upper(), rule.primary_key)
    headers = [("ServiceBusAuthorization", fields.text())]
    assert is_let_in("listen", await knock(relay, "listen", headers=headers))


async def test_row_2_the_second_key_is_as_good_as_the_first(relay: RunningGateway):
    token = sas_token(f"http://{relay.host}/hc", relay.rule.name, relay.rule.secondary_key)
    assert is_let_in("listen", await knock(relay, "listen", headers=[("ServiceBusAuthorization", token)]))


async def test_row_2_a_rule_of_the_hybrid_connection_does_not_hide_one_of_the_namespace(
    relay: RunningGateway,
):
    """§2.2: what fails with the hybrid connection's rule is tried with the namespace's of the same name."""
    await relay.create_rule("hc", relay.rule.name, Right.SEND)
    headers = [("ServiceBusAuthorization", relay.token("hc"))]
    assert is_let_in("listen", await knock(relay, "listen", headers=headers))


async def _signature_with(relay: RunningGateway, character: str) -> Fields:
    """A good token whose signature has *character* in it: the expiry is moved until it does."""
    now = int(time.time()) + 3_600
    for shift in range(500):
        fields = Fields.good(
            f"http://{relay.host}/hc", relay.rule.name, relay.rule.primary_key, expires_at=now + shift
        )
        if encode(character) in fields.sig:
            return fields
    raise AssertionError("no such signature")


async def test_row_2_a_slash_in_the_signature_may_be_raw(relay: RunningGateway):
    fields = await _signature_with(relay, "/")
    raw = Fields(fields.sr, fields.sig.replace("%2F", "/"), fields.se, fields.skn)
    assert is_let_in(
        "listen", await knock(relay, "listen", headers=[("ServiceBusAuthorization", raw.text())])
    )


@pytest.mark.parametrize("door", DOORS)
async def test_row_2_a_plus_in_the_signature_survives_the_query(relay: RunningGateway, door: str):
    """Python quotes with '+' safe at times; form-decoding of the query then makes it a space."""
    fields = await _signature_with(relay, "+")
    raw = Fields(fields.sr, fields.sig.replace("%2B", "+"), fields.se, fields.skn)
    for token in (quote(raw.text(), safe="+"), quote(raw.text(), safe=""), quote(fields.text(), safe="")):
        response = await knock(relay, door, query=f"sb-hc-token={token}")
        assert is_let_in(door, response), response.line


# --- row 3 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
async def test_row_3_each_carrier_alone_is_enough(relay: RunningGateway, door: str):
    token = relay.token("hc")
    assert is_let_in(door, await knock(relay, door, query=f"sb-hc-token={quote(token, safe='')}"))
    assert is_let_in(door, await knock(relay, door, headers=[("ServiceBusAuthorization", token)]))
    assert is_let_in(door, await knock(relay, door, headers=[("Authorization", token)]))


@pytest.mark.parametrize("door", DOORS)
async def test_row_3_the_first_carrier_alone_decides(relay: RunningGateway, door: str):
    """Query before ServiceBusAuthorization before Authorization; a bad one is not helped by a good one behind it."""
    good, bad = relay.token("hc"), relay.token("other")
    in_query = f"sb-hc-token={quote(good, safe='')}"
    bad_in_query = f"sb-hc-token={quote(bad, safe='')}"
    own, general = "ServiceBusAuthorization", "Authorization"
    assert is_let_in(door, await knock(relay, door, query=in_query, headers=[(own, bad), (general, bad)]))
    assert is_let_in(door, await knock(relay, door, headers=[(own, good), (general, bad)]))
    for query, headers in [(bad_in_query, [(own, good)]), ("", [(own, bad), (general, good)])]:
        assert (await knock(relay, door, query=query, headers=headers)).status == 401


async def test_row_3_authorization_is_forwarded_when_another_carrier_was_used(
    relay: RunningGateway, listener: RawListener
):
    http = await relay.http()
    token = relay.token("hc")
    theirs = ("Authorization", "Basic dXNlcjpwYXNz")
    await http.send("GET", "/hc/a", [("ServiceBusAuthorization", token), theirs])
    first = await listener.expect("request")
    await listener.answer(first)
    await http.read_response()
    await http.send("GET", f"/hc/b?sb-hc-token={quote(token, safe='')}&x=1", [theirs])
    second = await listener.expect("request")
    for request in (first, second):
        assert request.fields["requestHeaders"]["Authorization"] == "Basic dXNlcjpwYXNz"
        assert "ServiceBusAuthorization" not in request.fields["requestHeaders"]
        assert "SharedAccessSignature" not in request.text
    assert second.fields["requestTarget"] == "/hc/b?x=1"


async def test_row_3_authorization_is_taken_out_when_it_was_the_token(
    relay: RunningGateway, listener: RawListener
):
    http = await relay.http()
    await http.send("GET", "/hc", [("Authorization", relay.token("hc"))])
    request = await listener.expect("request")
    assert "SharedAccessSignature" not in request.text
    assert "Authorization" not in request.fields["requestHeaders"]


@pytest.mark.parametrize("token", ["good", "bad", "junk"])
async def test_row_3_a_sender_that_needs_no_token_is_not_asked_for_a_good_one(
    relay: RunningGateway, token: str
):
    listener = await relay.listen("open")
    text = {"good": relay.token("open"), "bad": relay.token("other"), "junk": "???"}[token]
    http = await relay.http()
    theirs = ("Authorization", text)
    await http.send(
        "GET", f"/open?sb-hc-token={quote(text, safe='')}", [("ServiceBusAuthorization", text), theirs]
    )
    request = await listener.expect("request")
    assert request.fields["requestTarget"] == "/open"
    assert "ServiceBusAuthorization" not in request.fields["requestHeaders"]
    assert request.fields["requestHeaders"]["Authorization"] == text


async def test_row_3_no_token_reaches_the_listener_of_a_websocket(
    relay: RunningGateway, listener: RawListener
):
    token = relay.token("hc")
    headers = [("Authorization", "Basic dXNlcjpwYXNz")]
    await relay.connecting(
        "hc", token=None, query=f"sb-hc-token={quote(token, safe='')}&mine=1", headers=headers
    )
    accept = await listener.expect("accept")
    assert "SharedAccessSignature" not in accept.text
    assert accept.fields["connectHeaders"]["Authorization"] == "Basic dXNlcjpwYXNz"
    await relay.connecting("hc", token=None, headers=[("Authorization", token)])
    accept = await listener.expect("accept")
    assert "SharedAccessSignature" not in accept.text
    assert "Authorization" not in accept.fields["connectHeaders"]


# --- §2.5: what is said to a token that is no good ------------------------------------------------------------------------

TAIL = re.compile(
    r" TrackingId:(?P<guid>[0-9a-f-]{36})_G\d+(_G\d+)*, SystemTracker:sb://(?P<host>[^/,]+)/(?P<path>[^,]*),"
    r" Timestamp:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$"
)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("none", "MissingToken: Relay security token is required."),
        ("junk", "MalformedToken: The token is malformed."),
        ("no signature", "MalformedToken: The token is malformed."),
        ("wrong key", "InvalidSignature: The token has an invalid signature."),
        ("unknown rule", "InvalidSignature: The token has an invalid signature."),
        ("expired", "ExpiredToken: The token is expired. Expiration time: '"),
        ("audience", "InvalidAudience: The authorization header contains a token with a wrong audience."),
        ("right", "Authorization failed for specified action: "),
    ],
)
async def test_row_16_a_refused_token_is_told_why(relay: RunningGateway, door: str, fault: str, text: str):
    manage = await relay.create_rule("hc", "Wrong", Right.SEND if door == "listen" else Right.LISTEN)
    resource = f"http://{relay.host}/hc"
    fields = Fields.good(resource, relay.rule.name, relay.rule.primary_key)
    tokens = {
        "junk": "SharedAccessSignature junk",
        "no signature": fields.text("sr se skn"),
        "wrong key": sas_token(resource, relay.rule.name, "bm90IHRoZSBrZXk="),
        "unknown rule": sas_token(resource, "Nobody", relay.rule.primary_key),
        "expired": relay.token("hc", expires_at=time.time() - 3_600),
        "audience": relay.token("other"),
        "right": relay.token("hc", rule=manage),
    }
    headers = [("ServiceBusAuthorization", tokens[fault])] if fault in tokens else []
    response = await knock(relay, door, headers=headers)
    assert response.status == 401
    assert response.reason.startswith(text), response.reason
    if fault == "right":
        assert response.reason.startswith(text + ("Listen." if door == "listen" else "Send."))
    tail = TAIL.search(response.reason)
    assert tail, response.reason
    assert tail["path"] == "hc"
    assert tail["host"].partition(":")[0] == "127.0.0.1"
    assert response.error["code"] == "TokenMissingOrInvalid"
    assert response.error["message"] == response.reason
    assert response.values("via") == []


@pytest.mark.parametrize("door", DOORS)
async def test_a_clock_that_is_off_by_a_few_minutes_does_no_harm(relay: RunningGateway, door: str):
    headers = [("ServiceBusAuthorization", relay.token("hc", expires_at=time.time() - 240))]
    assert is_let_in(door, await knock(relay, door, headers=headers))


@pytest.mark.parametrize("door", DOORS)
async def test_row_16_the_trackers_are_the_client_s_own_id(relay: RunningGateway, door: str):
    guid = str(uuid.uuid4())
    response = await knock(relay, door, query=f"sb-hc-id={guid}")
    tail = TAIL.search(response.reason)
    assert tail
    assert tail["guid"] == guid
    tracking = response.header("trackingid")
    assert tracking
    assert tracking.startswith(f"{guid}_G")


@pytest.mark.parametrize("id_", ["", "nonsense", "12345678-1234-1234-1234-12345678901"])
async def test_an_id_that_is_no_guid_is_replaced_by_one(relay: RunningGateway, id_: str):
    response = await knock(relay, "connect", query=f"sb-hc-id={id_}")
    tail = TAIL.search(response.reason)
    assert tail
    uuid.UUID(tail["guid"])


@pytest.mark.parametrize("door", DOORS)
async def test_strangers_cannot_tell_which_names_exist(relay: RunningGateway, door: str):
    """§2.4: whether there is a hybrid connection is looked at only after the token."""
    there = await knock(relay, door, path="hc")
    missing = await knock(relay, door, path="nowhere")
    for response in (there, missing):
        assert response.status == 401
        assert response.reason.startswith("MissingToken:")


@pytest.mark.parametrize("door", DOORS)
async def test_row_18_a_missing_hybrid_connection_does_not_exist(relay: RunningGateway, door: str):
    headers = [("ServiceBusAuthorization", relay.token())]
    response = await knock(relay, door, path="nowhere", headers=headers)
    assert response.status == 404
    assert response.reason.startswith("Endpoint does not exist. TrackingId:")
    assert TAIL.search(response.reason)
    assert response.error["code"] == "EndpointNotFound"


@pytest.mark.parametrize("door", ["connect", "http"])
async def test_row_18_without_a_listener_there_are_no_listeners_connected(relay: RunningGateway, door: str):
    headers = [("ServiceBusAuthorization", relay.token())]
    response = await knock(relay, door, path="hc", headers=headers)
    assert response.status == 404
    assert response.reason.startswith("There are no listeners connected for the endpoint. TrackingId:")
    assert TAIL.search(response.reason)
    assert response.error["code"] == "EndpointNotFound"


# --- row 12 and the 101 ------------------------------------------------------------------------------------------------


async def test_row_12_a_control_channel_has_no_subprotocol_and_no_extension(relay: RunningGateway):
    offered = [
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Sec-WebSocket-Protocol", "a, b"),
    ]
    listener = await relay.listen("hc", headers=offered)
    response = listener.socket.response
    assert response.values("sec-websocket-protocol") == []
    assert response.values("sec-websocket-extensions") == []
    tracking = response.header("trackingid")
    assert tracking
    assert re.fullmatch(r"[0-9a-f-]{36}_G\d+", tracking)


async def test_row_12_the_sender_s_101_waits_for_the_listener(relay: RunningGateway, listener: RawListener):
    first = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    # whatever the first was going to be told would have been told before this one's answer
    assert (await knock(relay, "connect", path="nowhere")).status == 401
    assert first.stream.unread_bytes == 0
    await listener.rendezvous(address)
    await first.answer()


@pytest.mark.parametrize("chosen", [None, "first", "second", "third.which-was/not offered"[:14]])
async def test_row_12_the_subprotocol_is_the_listener_s_choice(
    relay: RunningGateway, listener: RawListener, chosen: str | None
):
    """Also one that was not offered: the relay does not judge. None where the listener names none, as Java does."""
    waiting = await relay.connecting("hc", headers=[("Sec-WebSocket-Protocol", "first, second")])
    accept = await listener.expect("accept")
    assert accept.fields["connectHeaders"]["Sec-WebSocket-Protocol"] == "first, second"
    far = await listener.rendezvous(accept.address, [("Sec-WebSocket-Protocol", chosen)] if chosen else [])
    sender = await waiting.answer()
    for socket in (far, sender):
        assert socket.subprotocol == chosen


async def test_row_12_no_extension_is_agreed_to_on_a_relayed_connection(
    relay: RunningGateway, listener: RawListener
):
    deflate = [("Sec-WebSocket-Extensions", "permessage-deflate")]
    waiting = await relay.connecting("hc", headers=deflate)
    accept = await listener.expect("accept")
    assert accept.fields["connectHeaders"]["Sec-WebSocket-Extensions"] == "permessage-deflate"
    # hyco-ws sends its answer under the name "0" (§4.2)
    node = ("0", "Sec-WebSocket-Extensions: permessage-deflate")
    far = await listener.rendezvous(accept.address, [*deflate, node])
    for socket in (far, await waiting.answer()):
        assert socket.response.values("sec-websocket-extensions") == []


# --- row 17, row 20, many listeners -------------------------------------------------------------------------------------


async def test_row_17_two_listeners_with_the_same_id_are_two_listeners(relay: RunningGateway):
    guid = str(uuid.uuid4())
    first = await relay.listen("open", id_=guid)
    second = await relay.listen("open", id_=guid)
    await second.close()
    http = await relay.http()
    await http.send("GET", "/open")
    await first.answer(await first.expect("request"), 200, b"first")
    assert (await http.read_response()).body == b"first"


async def test_row_20_a_sender_chooses_its_listener_by_header(relay: RunningGateway):
    guids = [str(uuid.uuid4()) for _ in range(3)]
    listeners = [await relay.listen("open", id_=guid) for guid in guids]
    for header, value, chosen in [
        ("Microsoft-Relay-AllowedListeners", guids[1], 1),
        ("Microsoft-Relay-AllowedListeners", f"{uuid.uuid4()}, {guids[2].upper()}", 2),
        ("Microsoft-Relay-DisallowedListeners", f"{guids[1]},{guids[2]}", 0),
        ("microsoft-relay-disallowedlisteners", f"{guids[0]} , {guids[2]}", 1),
    ]:
        for _ in range(4):
            http = await relay.http()
            await http.send("GET", "/open", [(header, value)])
            await listeners[chosen].answer(await listeners[chosen].expect("request"))
            assert (await http.read_response()).status == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Microsoft-Relay-AllowedListeners", "00000000-0000-0000-0000-000000000001"),
        ("Microsoft-Relay-DisallowedListeners", "{listener}"),
    ],
)
async def test_row_20_no_listener_that_meets_the_headers_is_404(
    relay: RunningGateway, header: str, value: str
):
    guid = str(uuid.uuid4())
    await relay.listen("open", id_=guid)
    response = await relay.ask("GET", "/open", [(header, value.replace("{listener}", guid))])
    assert response.status == 404
    assert response.reason.startswith(
        "None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria"
    )


async def test_one_listener_too_many_is_refused_and_there_is_room_again_after_one_has_left(
    relay: RunningGateway,
):
    listeners = [await relay.listen("hc") for _ in range(25)]
    response = await (await relay.listening("hc")).refusal()
    assert response.status == 403
    assert response.reason.startswith("QuotaExceeded")
    await relay.listen("open")  # the limit is each hybrid connection's own
    await listeners[7].close()
    await relay.listen("hc")


async def test_senders_are_spread_over_all_listeners_at_random(relay: RunningGateway):
    """With fair odds, one of 4 gets fewer than 20 of 200 in one of 10^7 runs."""
    listeners = [await relay.listen("open") for _ in range(4)]
    handshakes = [await relay.connecting("open", token=None) for _ in range(200)]
    await relay.delete("open")  # each listener is told to leave, after everything it was told before
    counts = []
    for listener in listeners:
        count = 0
        while (received := await listener.socket.read_frame()).opcode == 1:
            count += 1
        assert received.code == 1001
        counts.append(count)
    assert sum(counts) == len(handshakes)
    assert min(counts) >= 20, counts


async def test_a_listener_that_leaves_is_not_asked_again(relay: RunningGateway):
    """§3.1: at once, at its Close frame."""
    stays = await relay.listen("open")
    for _ in range(5):
        leaves = await relay.listen("open")
        await leaves.close()
        http = await relay.http()
        await http.send("GET", "/open")
        await stays.answer(await stays.expect("request"))
        assert (await http.read_response()).status == 200


async def test_a_request_reaches_a_listener_the_moment_it_has_its_101(relay: RunningGateway):
    """Node's tests send one the moment the socket is open."""
    for _ in range(20):
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send("GET", "/open")
        await listener.answer(await listener.expect("request"))
        assert (await http.read_response()).status == 200
        await listener.close()


# --- names ---------------------------------------------------------------------------------------------------------------


async def test_the_longest_name_that_matches_is_meant(relay: RunningGateway):
    await relay.create("open/deeper", is_anonymous=True)
    outer = await relay.listen("open")
    inner = await relay.listen("open/deeper")
    for target, listener in [
        ("/open/deep", outer),
        ("/open/deeper/x", inner),
        ("/OPEN/Deeper", inner),
        ("/open/deeperX", outer),
    ]:
        http = await relay.http()
        await http.send("GET", target)
        request = await listener.expect("request")
        assert request.fields["requestTarget"] == target
        await listener.answer(request)
        await http.read_response()


async def test_names_with_several_segments_as_azure_arc_has_them(relay: RunningGateway):
    path = "microsoft.hybridcompute/machines/0a1b2c/3d4e/v2"
    await relay.create(path)
    listener = await relay.listen(path)
    waiting = await relay.connecting(f"{path}/shell")
    await listener.accept()
    await waiting.answer()


# --- handshakes that are none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["listen", "connect", "accept", "request"])
async def test_a_plain_request_to_a_websocket_address_is_refused(relay: RunningGateway, action: str):
    response = await relay.ask("GET", f"/$hc/open?sb-hc-action={action}")
    assert response.status in (400, 426)


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Sec-WebSocket-Key", None, 400),
        ("Sec-WebSocket-Key", "dG9vIHNob3J0", 400),
        ("Sec-WebSocket-Key", "not base64 at all!!!!!!!", 400),
        ("Sec-WebSocket-Version", None, 426),
        ("Sec-WebSocket-Version", "8", 426),
    ],
)
@pytest.mark.parametrize("action", ["listen", "connect"])
async def test_a_handshake_that_breaks_rfc_6455_is_refused(
    relay: RunningGateway, action: str, name: str, value: str | None, status: int
):
    await relay.listen("open")
    headers = [(key, old) for key, old in upgrade_headers(relay.host) if key != name]
    if value is not None:
        headers.append((name, value))
    http = await relay.http()
    headers += [("ServiceBusAuthorization", relay.token("open"))]
    await http.stream.send(
        b"GET /$hc/open?sb-hc-action=%b HTTP/1.1\r\n" % action.encode()
        + "".join(f"{key}: {text}\r\n" for key, text in headers).encode()
        + b"\r\n"
    )
    response = await http.read_response()
    assert response.status in {status, 400}, response.line
    if response.status == 426:
        assert response.header("sec-websocket-version") == "13"


async def test_addresses_repeat_the_scheme_and_host_by_which_the_listener_came(relay: RunningGateway):
    listener = await relay.listen("open", host="relay.example:8443")
    await relay.connecting("open", token=None, host="elsewhere.example")
    address = (await listener.expect("accept")).address
    assert address.startswith("ws://relay.example:8443/$hc/open?")


async def test_addresses_begin_with_the_public_url_where_there_is_one():
    from gateway.config import parse_public_url

    async with running_gateway(public_url=parse_public_url("https://relay.example")) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        waiting = await relay.connecting("hc", token=relay.token("hc", host="relay.example"))
        accept = await listener.expect("accept")
        assert re.match(r"wss://relay\.example(:443)?/\$hc/hc\?", accept.address), accept.address
        await listener.rendezvous(accept.address)
        await waiting.answer()


@pytest.mark.parametrize("spelling", ["SB-HC-RDV=", "sb%2Dhc-rdv="])
async def test_a_rendezvous_is_found_however_its_parameters_are_spelled(relay: RunningGateway, spelling: str):
    """Names of parameters have no letter case, and URL libraries may encode what they like."""
    listener = await relay.listen("hc")
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    assert "sb-hc-rdv=" in address
    far = await listener.rendezvous(address.replace("sb-hc-rdv=", spelling))
    sender = await waiting.answer()
    await far.send_text("met")
    assert (await sender.read_message()).text == "met"


async def test_a_rendezvous_is_found_by_one_of_several_upgrades(relay: RunningGateway):
    listener = await relay.listen("hc")
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    parts = urlsplit(address)
    stream = await listener.dial.open()
    headers = [
        (name, "h2c, websocket" if name == "Upgrade" else value)
        for name, value in upgrade_headers(parts.netloc)
    ]
    coming = await Handshake.send(stream, f"{parts.path}?{parts.query}", headers)
    far = await coming.answer()
    await (await waiting.answer()).send_text("met")
    assert (await far.read_message()).text == "met"
