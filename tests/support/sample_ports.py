"""What listens on a developer's computer, for pictures."""

from __future__ import annotations

from relaydesk.ports import ListeningPort, PortWatcher, Reach

_SAMPLE = (
    (3000, "node", "storefront", Reach.LOOPBACK),
    (3100, "grafana", "", Reach.EVERYWHERE),
    (5432, "postgres", "", Reach.LOOPBACK),
    (8000, "python", "docs", Reach.LOOPBACK),
    (8080, "java", "orders", Reach.EVERYWHERE),
)


class SamplePorts(PortWatcher):
    """Always the same ports."""

    def __init__(self) -> None:
        super().__init__()
        self._sample = tuple(
            ListeningPort(
                port=port,
                address="127.0.0.1",
                reach=reach,
                target=f"127.0.0.1:{port}",
                pid=port,
                process=process,
                project=project,
            )
            for port, process, project, reach in _SAMPLE
        )

    @property
    def ports(self) -> tuple[ListeningPort, ...]:
        return self._sample
