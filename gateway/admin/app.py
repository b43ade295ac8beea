"""The admin API: an aiohttp application on a port of its own.

Every answer is JSON. An error says what happened and what to do next, as ``{"error": {"code", "message"}}``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from hyco.sas import Rule

from ..config import GatewayConfig, HostPort
from ..data_folder import DataFolder
from ..directory import ContentionError, Directory
from ..editor import Editor, EntityExistsError, EntityNotFoundError, QuotaError
from ..entities import InvalidEntityError, Namespace, check_connection_name
from ..store.interface import Store, StoreUnavailableError, Unavailable
from . import keys, paths, resources
from .gate import Gate, Refused

log = logging.getLogger(__name__)

#: The longest body. The largest real one, a hybrid connection with all its metadata, has some 7 KiB.
MAX_BODY_BYTES = 65_536

API_VERSION = "1"

_ANSWER_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class AdminHost(Protocol):
    """What the admin API needs of the gateway."""

    @property
    def config(self) -> GatewayConfig:
        """Its settings."""

    @property
    def directory(self) -> Directory:
        """What exists."""

    @property
    def store(self) -> Store:
        """Where listeners are counted."""

    @property
    def data_folder(self) -> DataFolder:
        """Where the token is."""

    @property
    def addresses(self) -> Sequence[HostPort]:
        """What senders and listeners connect to."""

    @property
    def is_leaving(self) -> bool:
        """Whether nobody should be sent to it any more."""

    @property
    def is_draining(self) -> bool:
        """Whether it is about to stop."""

    def status(self) -> Mapping[str, int]:
        """Counts of what is going on."""


def build_app(host: AdminHost) -> web.Application:
    """The admin API of *host*. Reads the token, or makes it.

    Raises:
        DataFolderError: The token cannot be read or made.
    """
    config = host.config
    admin = AdminApi(
        host, Gate(host.data_folder.admin_token(), [*config.admin_hosts, config.admin_bind.host])
    )
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", admin.handle)
    return app


class AdminApi:
    """Answers requests."""

    def __init__(self, host: AdminHost, gate: Gate) -> None:
        self._host = host
        self._gate = gate
        self._directory = host.directory
        self._editor = Editor(host.directory)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer *request*, whatever it is."""
        try:
            found = paths.match(request.rel_url.raw_path)
            if found is None or found.template not in paths.OPEN:
                self._check_credential(request)
            return await self._answer(request, found)
        except Refused as refused:
            extra = {} if refused.retry_after_s is None else {"Retry-After": str(refused.retry_after_s)}
            if refused.status == 401:
                extra["WWW-Authenticate"] = "Bearer"
            return _error(refused.status, refused.code, refused.message, extra)
        except InvalidEntityError as error:
            return _error(400, "BadRequest", _sentence(error))
        except EntityNotFoundError as error:
            return _error(404, "ResourceNotFound", _sentence(error))
        except EntityExistsError as error:
            return _error(409, "Conflict", _sentence(error))
        except ContentionError as error:
            return _error(409, "Conflict", f"{_sentence(error)} Read it again, and repeat the change.")
        except QuotaError as error:
            return _error(403, "QuotaExceeded", _sentence(error))
        except StoreUnavailableError as error:
            return _unavailable(error)
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "RequestTooLarge", f"A body has at most {MAX_BODY_BYTES} bytes.")
        except Exception:
            log.exception("the admin API failed to answer %s", request.method)
            return _error(500, "InternalServerError", "The gateway failed; its log says why.")

    def _check_credential(self, request: web.Request) -> None:
        self._gate.check_host(request.headers.getall("Host", []))
        self._gate.check_token(request.remote or "", request.headers.getall("Authorization", []))
        self._gate.check_origin(request.method, request.headers.getall("Origin", []))

    async def _answer(self, request: web.Request, found: paths.Match | None) -> web.Response:
        if found is None:
            raise Refused(404, "NotFound", "There is no such path; /openapi.json lists those there are.")
        methods = paths.OPEN.get(found.template) or paths.ROUTES[found.template]
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            allowed = ", ".join(methods)
            return _error(405, "MethodNotAllowed", f"This path takes {allowed}.", {"Allow": allowed})
        handlers: dict[str, Callable[[str, paths.Match, bytes], Awaitable[web.Response]]] = {
            "/healthz": self._health,
            "/readyz": self._ready,
            "/status": self._status,
            "/nodes": self._nodes,
            "/openapi.json": self._openapi,
            "/namespaces": self._namespaces,
            "/namespaces/{namespace}": self._namespace,
            "/namespaces/{namespace}/hybridConnections": self._connections,
            "/namespaces/{namespace}/hybridConnections/{name}": self._connection,
        }
        handler = handlers.get(found.template, self._rules)
        return await handler(method, found, await request.read())

    # The gateway

    async def _health(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        return _json(200, {"status": "ok"})

    async def _ready(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        if self._host.is_leaving:
            return _json(503, {"status": "stopping"})
        return _json(200, {"status": "ready"})

    async def _status(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        namespaces = self._directory.namespaces()
        connections = sum(len(self._directory.connections(namespace.name)) for namespace in namespaces)
        return _json(
            200,
            {
                "isDraining": self._host.is_draining,
                "namespaces": len(namespaces),
                "hybridConnections": connections,
                **self._host.status(),
            },
        )

    async def _nodes(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        nodes = [
            {"node": record.node, "secondsSinceHeard": round(max(0.0, record.age_s), 1), **record.details}
            for record in await self._host.store.nodes()
        ]
        return _json(200, {"value": nodes})

    async def _openapi(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        return _json(200, paths.openapi(API_VERSION))

    # Namespaces

    async def _namespaces(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        value = [self._namespace_document(namespace, found) for namespace in self._directory.namespaces()]
        return _json(200, {"value": value})

    async def _namespace(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        status = 200
        if method == "DELETE":
            if self._directory.namespace(found.namespace) is None:
                return web.Response(status=204, headers=_ANSWER_HEADERS)
            await self._editor.delete_namespace(found.namespace)
            return web.Response(status=200, headers=_ANSWER_HEADERS)
        if method == "PUT":
            hosts = resources.hosts_in(resources.parse_body(body))
            if self._directory.namespace(found.namespace) is None:
                await self._editor.create_namespace(found.namespace, hosts or ())
                status = 201
            elif hosts is not None:
                await self._editor.set_hosts(found.namespace, hosts)
        return _json(status, self._namespace_document(self._editor.namespace(found.namespace), found))

    def _namespace_document(self, namespace: Namespace, found: paths.Match) -> dict[str, Any]:
        endpoint = keys.endpoint_of(namespace, self._directory, self._host.config, self._host.addresses)
        return resources.namespace_document(namespace, endpoint, found.prefix)

    # Hybrid connections

    async def _connections(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        namespace = self._editor.namespace(found.namespace)
        counts = await self._host.store.counts(f"{namespace.key}/")
        value = [
            resources.connection_document(namespace, connection, counts.get(connection.key, 0), found.prefix)
            for connection in self._directory.connections(found.namespace)
        ]
        return _json(200, {"value": value})

    async def _connection(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        assert found.name is not None
        canonical = check_connection_name(found.name)
        if method == "DELETE":
            if self._directory.connection(self._editor.namespace(found.namespace).key, canonical) is None:
                return web.Response(status=204, headers=_ANSWER_HEADERS)
            await self._editor.delete_connection(found.namespace, canonical)
            return web.Response(status=200, headers=_ANSWER_HEADERS)
        if method == "PUT":
            settings = resources.settings_in(resources.parse_body(body))
            connection, _ = await self._editor.put_connection(found.namespace, found.name, **settings)
        else:
            connection = self._editor.connection(found.namespace, canonical)
        count = await self._host.store.count(connection.key)
        namespace = self._editor.namespace(found.namespace)
        # 200 for new ones too: Azure's management SDKs know no other answer
        return _json(200, resources.connection_document(namespace, connection, count, found.prefix))

    # Rules and keys

    async def _rules(self, method: str, found: paths.Match, body: bytes) -> web.Response:
        namespace = self._editor.namespace(found.namespace)
        canonical = name = None
        if found.name is not None:
            canonical = check_connection_name(found.name)
            name = self._editor.connection(namespace.key, canonical).name
        owner = (namespace.key, canonical)
        if found.template.endswith("/authorizationRules"):
            value = [
                resources.rule_document(namespace, name, rule, found.prefix)
                for rule in self._editor.rules(*owner)
            ]
            return _json(200, {"value": value})
        if found.template.endswith("/regenerateKeys"):
            key_type, key = resources.key_in(resources.parse_body(body))
            rule = await self._editor.regenerate_key(*owner, found.rule, key_type, key)
            return self._keys(namespace, name, rule)
        if found.template.endswith("/listKeys"):
            return self._keys(namespace, name, self._editor.rule(*owner, found.rule))
        if method == "DELETE":
            if not any(rule.name.lower() == found.rule.lower() for rule in self._editor.rules(*owner)):
                return web.Response(status=204, headers=_ANSWER_HEADERS)
            await self._editor.delete_rule(*owner, found.rule)
            return web.Response(status=200, headers=_ANSWER_HEADERS)
        if method == "PUT":
            rights = resources.rights_in(resources.parse_body(body))
            rule, _ = await self._editor.put_rule(*owner, found.rule, rights)
        else:
            rule = self._editor.rule(*owner, found.rule)
        return _json(200, resources.rule_document(namespace, name, rule, found.prefix))

    def _keys(self, namespace: Namespace, name: str | None, rule: Rule) -> web.Response:
        endpoint = keys.endpoint_of(namespace, self._directory, self._host.config, self._host.addresses)
        return _json(200, keys.key_document(endpoint, rule, name))


def _json(status: int, document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=json.dumps(document).encode(),
        content_type="application/json",
        headers={**_ANSWER_HEADERS, **(headers or {})},
    )


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return _json(status, {"error": {"code": code, "message": message}}, headers)


def _unavailable(error: StoreUnavailableError) -> web.Response:
    log.warning("a change could not be stored: %s", error)
    if error.reason is Unavailable.FULL:
        return _error(507, "InsufficientStorage", f"{_sentence(error)} Make room, and try again.")
    message = f"{_sentence(error)} Relaying goes on; try again when the store can be used."
    return _error(503, "StoreUnavailable", message, {"Retry-After": "5"})


def _sentence(error: Exception) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."
