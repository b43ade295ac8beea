"""nginx in front of three gateways, as packaging/ has it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.clusters import cluster
from tests.support.gateways import GatewayClients
from tests.support.nginx import nginx
from tests.support.postgresql import PostgresServer
from tests.support.processes import LOOPBACK, ROOT, free_port
from tests.support.raw_relay import Dial
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

#: Where senders come from, so that they are not taken for the proxy.
SENDER = "127.0.0.2"


async def test_listeners_and_senders_meet_behind_nginx_and_one_gateway_less_is_passed_over(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    arguments = ("--public-url", f"http://{LOOPBACK}:{port}", "--trusted-proxy", f"{LOOPBACK}/32")
    async with cluster(tmp_path, postgres_server, monkeypatch, *arguments) as made:
        text = (ROOT / "packaging" / "nginx-cluster.conf.sample").read_text()
        replaced = {
            "listen 443 ssl": f"listen {LOOPBACK}:{port}",
            "ssl_certificate     /etc/ssl/relay.example.org.pem;": "",
            "ssl_certificate_key /etc/ssl/relay.example.org.key;": "",
            "ssl_protocols TLSv1.2 TLSv1.3;": "",
            "worker_processes auto": "worker_processes 1",
            "sb-hc-node=g1": "sb-hc-node=g0",
            "sb-hc-node=g2": "sb-hc-node=g-second",
            "sb-hc-node=g3": "sb-hc-node=g2",
            "sb-hc-node=g-second": "sb-hc-node=g1",
            "relay.example.org": "localhost",
        }
        for number, gateway in enumerate(made.gateways, 1):
            replaced[f"10.0.0.{number}:9400"] = f"{LOOPBACK}:{gateway.port}"
        for old, new in replaced.items():
            assert old in text, f"the sample has no {old}"
            text = text.replace(old, new)
        async with nginx(tmp_path / "nginx", text):
            first = made.gateways[0]
            await first.create("hc")
            dial = Dial(LOOPBACK, port, source=SENDER)
            outside = GatewayClients(dial, f"{LOOPBACK}:{port}", first.rule)

            async def is_known() -> bool:
                return all(["hc" in await gateway.connections() for gateway in made.gateways])

            await until(is_known, "it is known everywhere", within_s=6)
            listener = await outside.listen("hc")
            for number in range(12):
                waiting = await outside.connecting("hc")
                accept = await listener.expect("accept")
                assert accept.fields["remoteEndpoint"]["address"] == SENDER
                assert "sb-hc-node=g" in accept.address
                far = await listener.rendezvous(accept.address)
                sender = await waiting.answer()
                await sender.send_text(str(number))
                assert (await far.read_message()).text == str(number)
                await far.send_close(1000)
                await sender.read_close()
                await sender.send_close(1000)
            assert [(await gateway.status())["legs"] for gateway in made.gateways].count(1) >= 1
            # the gateway without the listener goes; nobody notices
            [home] = [gateway for gateway in made.gateways if (await gateway.status())["listeners"]]
            [lost, *_] = [gateway for gateway in made.gateways if gateway is not home]
            await lost.child.kill()
            for _ in range(12):
                http = await outside.http()
                asking = asyncio.create_task(http.request("GET", "/hc/x", outside.authorization("hc")))
                await listener.answer(await listener.expect("request"), 200, b"answer")
                assert (await asking).body == b"answer"
            await dial.close()
