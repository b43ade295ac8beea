"""The admin API over a socket: who gets in, what it answers, what it does to the directory."""

import asyncio
import dataclasses
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from gateway.admin import paths
from gateway.admin.app import MAX_BODY_BYTES, build_app
from gateway.admin.gate import MAX_FAILURES
from gateway.config import GatewayConfig, HostPort
from gateway.data_folder import DataFolder
from gateway.directory import ContentionError, Directory
from gateway.editor import Editor
from gateway.entities import ROOT_RULE
from gateway.store.interface import Unavailable
from hyco.connection_string import parse as parse_connection_string
from tests.support.flaky_store import FlakyStore

HC = "/namespaces/contoso/hybridConnections"
RULES = "/namespaces/contoso/authorizationRules"


@dataclasses.dataclass
class Host:
    """What the admin API needs of a gateway."""

    config: GatewayConfig
    directory: Directory
    store: FlakyStore
    data_folder: DataFolder
    addresses: Sequence[HostPort] = (HostPort("127.0.0.1", 9400),)
    is_draining: bool = False
    is_leaving: bool = False

    def status(self) -> Mapping[str, int]:
        return {"listeners": 3}


@dataclasses.dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.text)

    @property
    def error(self) -> tuple[int, str]:
        """The status and code; every error must have this form."""
        body = self.json
        assert body.keys() == {"error"}
        assert body["error"].keys() == {"code", "message"}
        assert body["error"]["message"].endswith((".", "Bearer …"))
        return self.status, body["error"]["code"]


@dataclasses.dataclass
class Client:
    """Calls the API, with its token unless told otherwise."""

    host: Host
    session: aiohttp.ClientSession
    port: int

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        data: bytes | None = None,
        token: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.host.data_folder.admin_token()}"
        content = data if data is not None or body is None else json.dumps(body).encode()
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)  # sent as it stands, dots and all
        async with self.session.request(method, url, data=content, headers=sent) as answer:
            return Answer(answer.status, answer.headers, await answer.text())


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    config = GatewayConfig(data_folder=tmp_path, namespace="contoso")
    store = FlakyStore(tmp_path / "gateway.db")
    await store.open()
    directory = Directory(store, config)
    await directory.load()
    yield Host(config, directory, store, DataFolder(tmp_path))
    await store.close()


@pytest.fixture
async def call(host: Host) -> AsyncIterator[Client]:
    runner = web.AppRunner(build_app(host), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield Client(host, session, runner.addresses[0][1])
    await runner.cleanup()


def filled(template: str) -> str:
    names = {"namespace": "contoso", "name": "hyco", "rule": ROOT_RULE}
    return re.sub(r"{(\w+)}", lambda found: names[found[1]], template)


def every_route() -> list[tuple[str, str]]:
    """From the very document that the API publishes."""
    document = paths.openapi("1")
    return [
        (method.upper(), filled(template))
        for template, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters" and operation.get("security") != []
    ]


# --- who gets in: reliability reference P6 -------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), every_route())
async def test_every_route_needs_the_token(call: Client, method: str, path: str) -> None:
    await Editor(call.host.directory).put_connection("contoso", "hyco")
    before = await call.host.store.revision()
    for token in (None, "wrong", "wrong-with-ümlaut"):
        answer = await call(method, path, {}, token=token)
        assert answer.error == (401, "AuthenticationFailed")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await call(method, path, {}, headers={"Host": "evil.test"})).error == (403, "HostNotAllowed")
    if method != "GET":
        origin = {"Origin": "https://evil.test"}
        assert (await call(method, path, {}, headers=origin)).error == (403, "OriginNotAllowed")
    assert await call.host.store.revision() == before


async def test_paths_that_do_not_exist_need_the_token_too(call: Client) -> None:
    for path in ("/", "/other", "/namespaces/contoso/other", "/namespaces/contoso/hybridConnections/a//b"):
        assert (await call("GET", path, token=None)).error == (401, "AuthenticationFailed")
        assert (await call("GET", path)).error == (404, "NotFound")


async def test_health_needs_nothing_and_says_nothing_else(call: Client) -> None:
    anything = {"Host": "10.0.0.1:9401", "Origin": "https://evil.test"}
    assert (await call("GET", "/healthz", token=None, headers=anything)).json == {"status": "ok"}
    answer = await call("GET", "/readyz", token=None)
    assert (answer.status, answer.json) == (200, {"status": "ready"})
    call.host.is_leaving = True
    answer = await call("GET", "/readyz", token=None)
    assert (answer.status, answer.json) == (503, {"status": "stopping"})
    assert (await call("GET", "/healthz", token=None)).status == 200


async def test_no_answer_lets_a_page_of_another_origin_read_it(call: Client) -> None:
    for method, token in (("OPTIONS", None), ("OPTIONS", ""), ("GET", "")):
        answer = await call(
            method,
            "/namespaces",
            token=token,
            headers={"Origin": "https://evil.test", "Access-Control-Request-Method": "GET"},
        )
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert (answer.status == 200) is (method == "GET")


async def test_wrong_tokens_lock_the_door(call: Client) -> None:
    for _ in range(MAX_FAILURES):
        assert (await call("GET", "/status", token="wrong")).status == 401
    locked = await call("GET", "/status")
    assert locked.error == (403, "Locked")
    assert 0 < int(locked.headers["Retry-After"]) <= 60
    assert (await call("GET", "/healthz", token=None)).status == 200


async def test_answers_are_not_kept_by_anybody(call: Client) -> None:
    for path in ("/status", "/namespaces"):
        answer = await call("GET", path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


# --- resources -----------------------------------------------------------------------------------------------------------


async def test_status_counts(call: Client) -> None:
    await Editor(call.host.directory).put_connection("contoso", "hyco")
    assert (await call("GET", "/status")).json == {
        "isDraining": False,
        "namespaces": 1,
        "hybridConnections": 1,
        "listeners": 3,
    }
    assert (await call("GET", "/openapi.json")).json["openapi"] == "3.1.0"


async def test_the_life_of_a_namespace(call: Client) -> None:
    made = await call(
        "PUT", "/namespaces/Fabrikam", {"location": "x", "properties": {"hostNames": ["F.example"]}}
    )
    assert made.status == 201
    document = made.json
    assert document["id"] == "/namespaces/Fabrikam"
    assert document["properties"]["hostNames"] == ["f.example"]
    assert document["properties"]["serviceBusEndpoint"] == "http://f.example:9400/"
    again = await call("PUT", "/namespaces/fabrikam", {"properties": {"hostNames": ["g.example"]}})
    assert (again.status, again.json["properties"]["hostNames"]) == (200, ["g.example"])
    assert (await call("PUT", "/namespaces/fabrikam")).json["properties"]["hostNames"] == ["g.example"]
    listed = (await call("GET", "/namespaces")).json["value"]
    assert [namespace["name"] for namespace in listed] == ["contoso", "Fabrikam"]
    await call("PUT", "/namespaces/fabrikam/hybridConnections/a")
    assert (await call("DELETE", "/namespaces/fabrikam")).status == 200
    assert (await call("DELETE", "/namespaces/fabrikam")).status == 204
    assert (await call("GET", "/namespaces/fabrikam")).error == (404, "ResourceNotFound")
    assert (await call("DELETE", "/namespaces/contoso")).error == (409, "Conflict")


async def test_the_life_of_a_hybrid_connection(call: Client) -> None:
    body = {
        "properties": {"requiresClientAuthorization": False, "userMetadata": "ü", "responseTimeoutSeconds": 5}
    }
    made = await call("PUT", f"{HC}/Team/App", body)
    assert made.status == 200
    assert made.json["name"] == "Team/App"
    assert made.json["id"] == f"{HC}/Team/App"
    assert made.json["type"] == "Microsoft.Relay/Namespaces/HybridConnections"
    properties = made.json["properties"]
    assert properties["requiresClientAuthorization"] is False
    assert (properties["userMetadata"], properties["responseTimeoutSeconds"]) == ("ü", 5)
    assert properties["allowedOrigins"] == []
    changed = await call(
        "PUT",
        f"{HC}/team%2Fapp",
        {"properties": {"userMetadata": "b", "allowedOrigins": ["https://a.example:443"]}},
    )
    assert changed.json["properties"]["allowedOrigins"] == ["https://a.example"]
    assert changed.json["properties"]["requiresClientAuthorization"] is False
    read = await call("GET", f"{HC}/TEAM/APP")
    assert read.json == changed.json
    # what was read can be written back
    assert (await call("PUT", f"{HC}/team/app", read.json)).status == 200
    assert [item["name"] for item in (await call("GET", HC)).json["value"]] == ["Team/App"]
    assert (await call("DELETE", f"{HC}/team/app")).status == 200
    assert (await call("DELETE", f"{HC}/team/app")).status == 204
    assert (await call("GET", f"{HC}/team/app")).error == (404, "ResourceNotFound")


async def test_listeners_are_counted(call: Client) -> None:
    await call("PUT", f"{HC}/a")
    await call("PUT", f"{HC}/b")
    for n in range(2):
        await call.host.store.claim("contoso/a", f"l{n}", "node", 25)
    assert (await call("GET", f"{HC}/a")).json["properties"]["listenerCount"] == 2
    listed = (await call("GET", HC)).json["value"]
    assert [item["properties"]["listenerCount"] for item in listed] == [2, 0]


@pytest.mark.parametrize("owner", ["/namespaces/contoso", f"{HC}/team/app"])
async def test_the_life_of_a_rule(call: Client, owner: str) -> None:
    await call("PUT", f"{HC}/team/app")
    rules = f"{owner}/authorizationRules"
    made = await call("PUT", f"{rules}/Sender", {"properties": {"rights": ["Send"]}})
    assert (made.status, made.json["properties"]) == (200, {"rights": ["Send"]})
    keys = (await call("POST", f"{rules}/sender/listKeys")).json
    assert keys["keyName"] == "Sender"
    for kind in ("primary", "secondary"):
        read = parse_connection_string(keys[f"{kind}ConnectionString"])
        assert (read.key_name, read.key) == ("Sender", keys[f"{kind}Key"])
        assert read.entity_path == ("team/app" if "hybrid" in owner else None)
        assert (read.endpoint.authority, read.is_development_emulator) == ("127.0.0.1:9400", True)
    fresh = (await call("POST", f"{rules}/sender/regenerateKeys", {"keyType": "SecondaryKey"})).json
    assert fresh["primaryKey"] == keys["primaryKey"]
    assert fresh["secondaryKey"] != keys["secondaryKey"]
    assert (await call("POST", f"{rules}/sender/listKeys")).json == fresh
    changed = await call("PUT", f"{rules}/SENDER", {"properties": {"rights": ["Listen", "Send", "Manage"]}})
    assert (changed.json["name"], len(changed.json["properties"]["rights"])) == ("Sender", 3)
    assert (await call("GET", f"{rules}/sender")).json == changed.json
    listed = (await call("GET", rules)).json["value"]
    assert [rule["name"] for rule in listed] == [
        *([ROOT_RULE] if owner.endswith("contoso") else []),
        "Sender",
    ]
    for answer in (made, changed, await call("GET", rules), await call("GET", owner)):
        assert keys["primaryKey"] not in answer.text
    assert (await call("DELETE", f"{rules}/sender")).status == 200
    assert (await call("DELETE", f"{rules}/sender")).status == 204
    assert (await call("POST", f"{rules}/sender/listKeys")).error == (404, "ResourceNotFound")


async def test_paths_of_azures_resource_api_work_in_any_case(call: Client) -> None:
    prefix = "/subscriptions/0000/resourcegroups/group/providers/microsoft.relay"
    made = await call("PUT", f"{prefix}/namespaces/contoso/HybridConnections/a?api-version=2021-11-01", {})
    assert made.status == 200
    assert made.json["id"] == f"{prefix}/namespaces/contoso/hybridConnections/a"
    keys = await call("POST", f"{prefix}/namespaces/contoso/authorizationrules/{ROOT_RULE.upper()}/LISTKEYS")
    assert keys.json["keyName"] == ROOT_RULE


# --- bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("PUT", f"{HC}/a", {"properties": {"userMetadata": 1}}, (400, "BadRequest")),
        ("PUT", f"{HC}/a", {"properties": {"unknown": 1}}, (400, "BadRequest")),
        ("PUT", f"{HC}/a", [], (400, "BadRequest")),
        ("PUT", f"{HC}/-a", {}, (400, "BadRequest")),
        ("GET", f"{HC}/a%20b", None, (400, "BadRequest")),
        ("GET", f"{HC}/a%2F..%2Fb", None, (400, "BadRequest")),
        ("GET", f"{HC}/%00", None, (400, "BadRequest")),
        ("DELETE", f"{HC}/a/%2E%2E/b", None, (400, "BadRequest")),
        ("PUT", "/namespaces/no", {}, (400, "BadRequest")),
        ("PUT", "/namespaces/fabrikam", {"properties": {"hostNames": ["a b"]}}, (400, "BadRequest")),
        ("PUT", f"{RULES}/r", {"properties": {"rights": ["Manage"]}}, (400, "BadRequest")),
        ("PUT", f"{RULES}/r", {}, (400, "BadRequest")),
        ("PUT", f"{RULES}/a%20b", {"properties": {"rights": ["Send"]}}, (400, "BadRequest")),
        ("POST", f"{RULES}/{ROOT_RULE}/regenerateKeys", {}, (400, "BadRequest")),
        (
            "POST",
            f"{RULES}/{ROOT_RULE}/regenerateKeys",
            {"keyType": "PrimaryKey", "key": "x"},
            (400, "BadRequest"),
        ),
        ("POST", f"{RULES}/missing/regenerateKeys", {"keyType": "PrimaryKey"}, (404, "ResourceNotFound")),
        ("PUT", "/namespaces/missing/hybridConnections/a", {}, (404, "ResourceNotFound")),
        ("GET", "/namespaces/missing/hybridConnections", None, (404, "ResourceNotFound")),
        ("GET", f"{HC}/missing/authorizationRules", None, (404, "ResourceNotFound")),
        ("POST", f"{HC}/a", {}, (405, "MethodNotAllowed")),
        ("PATCH", "/namespaces/contoso", {}, (405, "MethodNotAllowed")),
        ("DELETE", "/namespaces", None, (405, "MethodNotAllowed")),
        ("GET", f"{RULES}/{ROOT_RULE}/listKeys", None, (405, "MethodNotAllowed")),
        ("POST", "/healthz", None, (405, "MethodNotAllowed")),
    ],
)
async def test_bad_requests_say_what_is_wrong_and_change_nothing(
    call: Client, method: str, path: str, body: object, error: tuple[int, str]
) -> None:
    before = await call.host.store.revision()
    assert (await call(method, path, body)).error == error
    assert await call.host.store.revision() == before


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 50_000, b'{"a":1,"a":2}'])
async def test_bodies_that_are_no_json_are_refused(call: Client, data: bytes) -> None:
    assert (await call("PUT", f"{HC}/a", data=data)).error == (400, "BadRequest")


async def test_a_body_that_is_too_large_is_refused(call: Client) -> None:
    assert (await call("PUT", f"{HC}/a", data=b" " * (MAX_BODY_BYTES + 1))).error == (413, "RequestTooLarge")
    assert (await call("PUT", f"{HC}/a", data=b" " * (MAX_BODY_BYTES - 1))).status == 200


async def test_the_thirteenth_rule_is_over_the_quota(call: Client) -> None:
    for n in range(11):
        assert (await call("PUT", f"{RULES}/r{n}", {"properties": {"rights": ["Send"]}})).status == 200
    answer = await call("PUT", f"{RULES}/r11", {"properties": {"rights": ["Send"]}})
    assert answer.error == (403, "QuotaExceeded")


async def test_head_is_answered_like_get_without_a_body(call: Client) -> None:
    answer = await call("HEAD", "/namespaces")
    assert (answer.status, answer.text) == (200, "")


# --- failures ------------------------------------------------------------------------------------------------------------


@pytest.mark.expect_log_warnings("a change could not be stored: the store is")
@pytest.mark.parametrize(
    ("reason", "error"),
    [
        (Unavailable.FULL, (507, "InsufficientStorage")),
        (Unavailable.LOCKED, (503, "StoreUnavailable")),
        (Unavailable.READ_ONLY, (503, "StoreUnavailable")),
    ],
)
async def test_a_store_that_cannot_be_used_fails_changes_and_nothing_else(
    call: Client, reason: Unavailable, error: tuple[int, str]
) -> None:
    """Reliability reference F10 and F11."""
    await call("PUT", f"{HC}/a", {"properties": {"userMetadata": "before"}})
    call.host.store.failure = reason
    assert (await call("PUT", f"{HC}/a", {"properties": {"userMetadata": "after"}})).error == error
    assert (await call("DELETE", f"{HC}/a")).error == error
    assert (
        await call("POST", f"{RULES}/{ROOT_RULE}/regenerateKeys", {"keyType": "PrimaryKey"})
    ).error == error
    assert (await call("GET", f"{HC}/a")).json["properties"]["userMetadata"] == "before"
    call.host.store.failure = None
    changed = await call("PUT", f"{HC}/a", {"properties": {"userMetadata": "after"}})
    assert changed.json["properties"]["userMetadata"] == "after"


async def test_contention_is_a_conflict(call: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def contended(*_: object) -> None:
        raise ContentionError("contoso/a is being changed by others")

    monkeypatch.setattr(call.host.directory, "write", contended)
    assert (await call("PUT", f"{HC}/a", {})).error == (409, "Conflict")


@pytest.mark.expect_log_warnings("the admin API failed to answer PUT")
async def test_a_bug_is_logged_and_answered_without_details(
    call: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(call.host.directory, "write", broken)
    answer = await call("PUT", f"{HC}/a", {})
    assert answer.error == (500, "InternalServerError")
    assert "secret" not in answer.text


async def test_many_changes_at_once_lose_nothing(call: Client) -> None:
    async with asyncio.TaskGroup() as tasks:
        answers = [tasks.create_task(call("PUT", f"{HC}/c{n % 10}", {})) for n in range(40)]
        answers += [
            tasks.create_task(call("PUT", f"{RULES}/r{n}", {"properties": {"rights": ["Send"]}}))
            for n in range(11)
        ]
    assert {task.result().status for task in answers} == {200}
    assert len((await call("GET", HC)).json["value"]) == 10
    assert len((await call("GET", RULES)).json["value"]) == 12
