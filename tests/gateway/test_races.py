"""Two things that happen in one moment: whichever is first, nobody is left waiting or listening on what is gone."""

from __future__ import annotations

import pytest

from gateway.rendezvous import Pending
from tests.support.gateways import RunningGateway
from tests.support.raw_relay import RawListener
from tests.support.waiting import until


async def test_a_listener_that_comes_while_its_hybrid_connection_is_deleted_is_not_let_in(
    relay: RunningGateway, monkeypatch: pytest.MonkeyPatch
):
    """Deleted behind the look whether it exists: whoever listens has been told to go by then."""
    claim = relay.gateway.store.claim

    async def deleted_meanwhile(*claimed: object) -> int:
        await relay.delete("hc")
        return await claim(*claimed)  # type: ignore[arg-type]

    monkeypatch.setattr(relay.gateway.store, "claim", deleted_meanwhile)
    refusal = await (await relay.listening("hc")).refusal()
    assert (refusal.status, refusal.reason[:24]) == (404, "Endpoint does not exist.")
    await until(lambda: "listeners" not in relay.left_behind(), "nobody listens")

    async def counts() -> bool:
        return await relay.gateway.store.counts() == {}

    await until(counts, "its slot is free")


async def test_a_listener_that_comes_in_the_moment_in_which_its_sender_leaves_is_told(
    relay: RunningGateway, monkeypatch: pytest.MonkeyPatch
):
    """Nobody took it any more, and nobody told it: it waited for as long as it liked."""
    listener: RawListener = await relay.listen("open")
    waiting = await relay.connecting("open", token=None)
    address = (await listener.expect("accept")).address
    [sender] = [task for task in relay.gateway._tasks if task.get_name() == "request"]
    take = relay.gateway.rendezvous.take

    def taken(secret: str) -> Pending:
        pending = take(secret)
        assert pending is not None
        pending.outcome.add_done_callback(lambda _: sender.cancel())
        return pending

    monkeypatch.setattr(relay.gateway.rendezvous, "take", taken)
    refusal = await (await listener.come(address)).refusal()
    assert (refusal.status, "The sender is gone" in refusal.reason) == (403, True)
    await waiting.stream.close()
