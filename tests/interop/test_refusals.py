"""What Microsoft's clients see when the gateway says no: status, reason phrase, and the body for HTTP senders."""

from __future__ import annotations

import dataclasses
import json

import pytest

from .cast import Cast
from .hosting import HostedGateway, Relay

pytestmark = pytest.mark.timeout(400)

CLOSE = {"code": 1000, "reason": ""}


def with_wrong_key(relay: Relay) -> Relay:
    """Give *relay* with a key that is not its own."""
    return dataclasses.replace(relay, key=relay.key[::-1])


def test_a_websocket_sender_is_told_that_nobody_listens(gateway: HostedGateway, cast: Cast):
    relay = gateway.create("nobody")
    with cast.node("hyco_ws", "sender", relay) as sender:
        refused = sender.ask(close=CLOSE)["refused"]
    assert refused["status"] == 404
    assert refused["reason"].startswith("There are no listeners connected for the endpoint. TrackingId:")
    assert f"SystemTracker:sb://contoso.relay.test/{relay.path}" in refused["reason"]


def test_a_websocket_sender_is_told_that_there_is_no_such_hybrid_connection(
    gateway: HostedGateway, cast: Cast
):
    relay = dataclasses.replace(gateway.create("nothing"), path="never-made")
    with cast.node("hyco_ws", "sender", relay) as sender:
        refused = sender.ask(close=CLOSE)["refused"]
    assert refused["status"] == 404
    assert refused["reason"].startswith("Endpoint does not exist. TrackingId:")


def test_a_websocket_sender_is_told_that_its_token_is_wrong(gateway: HostedGateway, cast: Cast):
    relay = gateway.create("locked")
    with cast.node("hyco_ws", "sender", with_wrong_key(relay)) as sender:
        refused = sender.ask(close=CLOSE)["refused"]
    assert refused["status"] == 401
    assert "The token has an invalid signature" in refused["reason"]
    assert relay.path in refused["reason"]


@pytest.mark.parametrize("package", ["hyco_https", "hyco_ws"])
def test_a_listener_is_told_that_its_token_is_wrong(gateway: HostedGateway, cast: Cast, package: str):
    relay = gateway.create("locked")
    with cast.node(package, "listener", with_wrong_key(relay)) as listener:
        assert "401" in listener.event("failed")["message"]
        assert not listener.has_seen("listening")
        listener.kill()  # hyco-ws would go on trying, without a pause


def test_an_http_sender_is_told_by_the_relay_that_nobody_listens(gateway: HostedGateway, cast: Cast):
    relay = gateway.create("nobody")
    with cast.node("hyco_https", "sender", relay) as sender:
        (response,) = sender.ask(requests=[{"method": "GET", "target": "/"}])["responses"]
    assert response["status"] == 404
    assert "via" not in response["headers"]
    assert response["headers"]["content-type"].startswith("application/json")
    error = json.loads(response["text"])["error"]
    assert error["code"] == "EndpointNotFound"
    assert error["message"].startswith("There are no listeners connected for the endpoint.")


def test_an_http_sender_is_told_that_its_token_is_wrong(gateway: HostedGateway, cast: Cast):
    relay = gateway.create("locked")
    with cast.node("hyco_https", "sender", with_wrong_key(relay)) as sender:
        (response,) = sender.ask(requests=[{"method": "GET", "target": "/"}])["responses"]
    assert response["status"] == 401
    assert json.loads(response["text"])["error"]["code"] == "TokenMissingOrInvalid"
