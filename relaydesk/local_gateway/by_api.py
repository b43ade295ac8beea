"""Administration of a gateway that runs, by its admin API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from gateway.config import HostPort
from gateway.entities import Kind, rights_words
from hyco.addresses import Endpoint, parse_endpoint
from hyco.redaction import one_line
from hyco.sas import Right, parse_rights

from .administration import Administration, HybridConnectionInfo, NodeInfo, RuleInfo, choose_namespace
from .errors import AdministrationError, Failure

#: The admin API answers from memory, or after one write to disk.
_TIMEOUT_S = 30.0


@contextlib.asynccontextmanager
async def administration_by_api(
    address: HostPort, token: str, namespace: str | None
) -> AsyncIterator[Administration]:
    """Reach the admin API at *address*.

    Raises:
        AdministrationError: It cannot be reached, refuses, or the namespace is not clear.
    """
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        api = _Api(session, f"http://{address}")
        namespaces = (await api.ask("GET", "/namespaces"))["value"]
        name = choose_namespace([found["name"] for found in namespaces], namespace)
        document = next(found for found in namespaces if found["name"] == name)
        endpoint = parse_endpoint(document["properties"]["serviceBusEndpoint"])
        yield _ApiAdministration(api, f"/namespaces/{quote(name, safe='')}", endpoint)


class _Api:
    """Asks, and turns what is no success into an error."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON of a gateway of the same version
        try:
            async with self._session.request(
                method, URL(self._origin + path, encoded=True), json=body, allow_redirects=False
            ) as response:
                if response.status == 204 or (response.status == 200 and response.content_length == 0):
                    return None
                document = await response.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise AdministrationError(
                f"the gateway's admin API at {self._origin} does not answer as it should ({type(error).__name__})",
                "check that the gateway is well",
                failure=Failure.UNREACHABLE,
            ) from error
        if response.status >= 400:
            raise AdministrationError(_message(document).rstrip("."))
        return document


class _ApiAdministration:
    """See Administration."""

    is_running = True

    def __init__(self, api: _Api, base: str, endpoint: Endpoint) -> None:
        self._api = api
        self._base = base
        self.endpoint = endpoint

    async def connections(self) -> Sequence[HybridConnectionInfo]:
        answer = await self._api.ask("GET", f"{self._base}/hybridConnections")
        return [
            HybridConnectionInfo(
                name=found["name"],
                kind=Kind(found["properties"].get("kind", Kind.STREAM.value)),
                is_anonymous=not found["properties"]["requiresClientAuthorization"],
                listener_count=found["properties"]["listenerCount"],
            )
            for found in answer["value"]
        ]

    async def nodes(self) -> Sequence[NodeInfo]:
        answer = await self._api.ask("GET", "/nodes")
        return [
            NodeInfo(
                node=found["node"],
                name=found["name"],
                heard_s=found["secondsSinceHeard"],
                listeners=found["listeners"],
                relayed_connections=found["relayedConnections"],
                is_draining=found["isDraining"],
                node_url=found["nodeUrl"],
                peer_url=found["peerUrl"],
            )
            for found in answer["value"]
            if "name" in found
        ]

    async def put_connection(self, name: str, *, is_anonymous: bool | None, kind: Kind | None = None) -> None:
        properties: dict[str, object] = {}
        if is_anonymous is not None:
            properties["requiresClientAuthorization"] = not is_anonymous
        if kind is not None:
            properties["kind"] = kind.value
        await self._api.ask("PUT", self._owner(name), {"properties": properties})

    async def delete_connection(self, name: str) -> None:
        await self._api.ask("DELETE", self._owner(name))

    async def rules(self, owner: str | None) -> Sequence[RuleInfo]:
        answer = await self._api.ask("GET", f"{self._owner(owner)}/authorizationRules")
        return [RuleInfo(rule["name"], _rights(rule["properties"]["rights"])) for rule in answer["value"]]

    async def create_rule(self, owner: str | None, rule: RuleInfo) -> None:
        path = f"{self._owner(owner)}/authorizationRules/{quote(rule.name, safe='')}"
        await self._api.ask("PUT", path, {"properties": {"rights": rights_words(rule.rights)}})

    async def connection_string(self, owner: str | None, rule_name: str) -> str:
        path = f"{self._owner(owner)}/authorizationRules/{quote(rule_name, safe='')}/listKeys"
        answer = await self._api.ask("POST", path)
        return str(answer["primaryConnectionString"])

    def _owner(self, name: str | None) -> str:
        # the slashes too: a part of a name could look like a part of the path
        return self._base if name is None else f"{self._base}/hybridConnections/{quote(name, safe='')}"


def _rights(words: Sequence[str]) -> Right:
    return parse_rights(",".join(words))


def _message(document: object) -> str:
    """The text of an error, which is JSON of a known shape unless something else answered."""
    try:
        return one_line(document["error"]["message"])  # type: ignore[index]
    except (KeyError, TypeError):
        return "the gateway's admin API refused, without saying why"
