"""The island, the gateway in it, and the watch on what that gateway logs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgresql import PASSWORD, PostgresServer

from .cast import Cast
from .hosting import Authority, HostedGateway, hosted_cluster, hosted_gateway
from .island import Island, island


@pytest.fixture(scope="session")
def interop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where logs and certificates of this run are."""
    return tmp_path_factory.mktemp("interop")


@pytest.fixture(scope="session")
def the_island(interop_folder: Path) -> Iterator[Island]:
    """The namespaces that everybody runs in."""
    with island(interop_folder) as made:
        yield made


@pytest.fixture(scope="session")
def authority(interop_folder: Path) -> Authority:
    """Who issues the gateways' certificates."""
    return Authority(interop_folder)


@pytest.fixture(scope="session", params=["alone", "cluster"])
def the_gateway(
    request: pytest.FixtureRequest, the_island: Island, authority: Authority, interop_folder: Path
) -> Iterator[HostedGateway]:
    """The gateway as it is by default, on contoso.relay.test:443; and three that share a database and NATS behind HAProxy."""
    host = "contoso.relay.test"
    if request.param == "alone":
        with hosted_gateway(the_island, host, authority, interop_folder, {}) as running:
            yield running
        return
    postgres: PostgresServer = request.getfixturevalue("postgres_server")
    store = postgres.url_by_socket(asyncio.run(postgres.database()))
    with hosted_cluster(the_island, host, authority, interop_folder, (store, PASSWORD)) as cluster:
        yield cluster


@pytest.fixture
def gateway(the_gateway: HostedGateway) -> Iterator[HostedGateway]:
    """The gateway, which must have nothing to complain about."""
    the_gateway.complaints()
    yield the_gateway
    complaints = the_gateway.complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def cast(the_island: Island, interop_folder: Path) -> Cast:
    """Starts client programs in the island."""
    return Cast(the_island, interop_folder)
