"""P7: whose pages may open WebSockets as senders. It is a setting of each hybrid connection; by default, everybody's."""

from __future__ import annotations

import pytest

from tests.support.gateways import RunningGateway

PAGE = "https://app.example.org"


async def _status(relay: RunningGateway, *origins: str) -> int:
    """What a sender is told that comes from there; 404 is the answer to one that may send, for nobody listens."""
    headers = [("Origin", origin) for origin in origins]
    return (await (await relay.connecting("open", token=None, headers=headers)).refusal()).status


async def _allow(relay: RunningGateway, *origins: str) -> None:
    await relay.gateway.editor.put_connection(relay.namespace, "open", allowed_origins=origins)


async def test_by_default_pages_from_everywhere_may_send(relay: RunningGateway) -> None:
    for origin in (PAGE, "https://evil.example", "null"):
        assert await _status(relay, origin) == 404


@pytest.mark.parametrize(
    ("origins", "status"),
    [
        ([PAGE], 404),
        (["HTTPS://App.Example.Org:443"], 404),
        ([], 404),  # no browser
        (["http://app.example.org"], 403),
        (["https://app.example.org:8443"], 403),
        (["https://app.example.org.evil.example"], 403),
        (["https://evil.example/https://app.example.org"], 403),
        (["null"], 403),
        ([""], 403),
        ([PAGE, "https://evil.example"], 403),
    ],
)
async def test_only_pages_of_the_origins_that_are_named_may_send(
    relay: RunningGateway, origins: list[str], status: int
) -> None:
    await _allow(relay, PAGE)
    assert await _status(relay, *origins) == status


async def test_a_stranger_is_asked_for_its_token_first(relay: RunningGateway) -> None:
    """The answer to somebody without a token does not tell what is set."""
    await relay.gateway.editor.put_connection(relay.namespace, "hc", allowed_origins=[PAGE])
    headers = [("Origin", "https://evil.example")]
    assert (await (await relay.connecting(token=None, headers=headers)).refusal()).status == 401
    assert (await (await relay.connecting(headers=headers)).refusal()).status == 403


async def test_a_change_counts_at_once_and_concerns_senders_alone(relay: RunningGateway) -> None:
    await _allow(relay, PAGE)
    elsewhere = [("Origin", "https://evil.example")]
    listener = await relay.listen("open", headers=elsewhere)
    assert await _status(relay, elsewhere[0][1]) == 403
    await _allow(relay)
    waiting = await relay.connecting("open", token=None, headers=elsewhere)
    far = await listener.accept()
    sender = await waiting.answer()
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"
