"""HAProxy in front of several gateways, as packaging/ has it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from .gateway_processes import GatewayProcess
from .processes import LOOPBACK, ROOT, child, need_program
from .raw_stream import RawStream
from .waiting import until


@contextlib.asynccontextmanager
async def haproxy_over(folder: Path, port: int, gateways: Sequence[GatewayProcess]) -> AsyncIterator[None]:
    """Balance over *gateways* on *port* of loopback, without TLS, for the time of the block."""
    configuration = _written(folder, port, gateways)
    async with child("haproxy", need_program("haproxy"), "-db", "-V", "-f", configuration):

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                await (await RawStream.open(LOOPBACK, port)).close()
                return True
            return False

        await until(listens, "haproxy listens")
        yield


def _written(folder: Path, port: int, gateways: Sequence[GatewayProcess]) -> Path:
    replaced = {
        "bind :443 ssl crt /etc/ssl/relay.example.org.pem alpn http/1.1": f"bind {LOOPBACK}:{port}",
        "X-Forwarded-Proto https": "X-Forwarded-Proto http",
        "maxconn 20000": "maxconn 4000",
    }
    for number, gateway in enumerate(gateways, 1):
        replaced |= {
            f"server g{number} 10.0.0.{number}:9400 port 9401": (
                f"server n{number} {LOOPBACK}:{gateway.port} port {gateway.admin_port}"
            ),
            f"use-server g{number} if {{ url_param(sb-hc-node) -m str g{number} }}": (
                f"use-server n{number} if {{ url_param(sb-hc-node) -m str g{number - 1} }}"
            ),
        }
    text = (ROOT / "packaging" / "haproxy-cluster.cfg.sample").read_text()
    for old, new in replaced.items():
        assert old in text, f"the sample has no {old}"
        text = text.replace(old, new)
    folder.mkdir()
    file = folder / "haproxy.cfg"
    file.write_text(text)
    return file
