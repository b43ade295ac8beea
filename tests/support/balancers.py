"""HAProxy in front of several gateways, as packaging/ has it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from .gateway_processes import GatewayProcess
from .hosts import Host
from .processes import LOOPBACK, ROOT, child, need_program
from .raw_stream import RawStream
from .waiting import until


@contextlib.asynccontextmanager
async def haproxy_over(
    folder: Path, port: int, gateways: Sequence[GatewayProcess], *, host: Host | None = None
) -> AsyncIterator[None]:
    """Balance over *gateways* on *port* of loopback, or of *host*, without TLS, for the time of the block."""
    address = LOOPBACK if host is None else host.address
    configuration = _written(folder, address, port, gateways)
    command: tuple[str | Path, ...] = (need_program("haproxy"), "-db", "-V", "-f", configuration)
    async with child("haproxy", *(command if host is None else host.command(*command))):

        async def listens() -> bool:
            with contextlib.suppress(OSError):
                await (await RawStream.open(address, port)).close()
                return True
            return False

        await until(listens, "haproxy listens")
        yield


def _written(folder: Path, address: str, port: int, gateways: Sequence[GatewayProcess]) -> Path:
    replaced = {
        "bind :443 ssl crt /etc/ssl/relay.example.org.pem alpn http/1.1": f"bind {address}:{port}",
        "X-Forwarded-Proto https": "X-Forwarded-Proto http",
        "maxconn 20000": "maxconn 4000",
    }
    for number, gateway in enumerate(gateways, 1):
        replaced |= {
            f"server g{number} 10.0.0.{number}:9400 port 9401": (
                f"server n{number} {gateway.address}:{gateway.port} port {gateway.admin_port}"
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
