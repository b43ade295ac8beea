"""gateway/admin/atom.py. Source of the format: protocol reference §12.1."""

import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin import atom, xml_tree
from gateway.authorization import Authorizer
from gateway.config import GatewayConfig
from gateway.directory import Directory
from gateway.editor import Editor
from gateway.entities import ROOT_RULE, InvalidEntityError, generate_key
from gateway.store.interface import Unavailable
from hyco.addresses import parse_target
from hyco.fields import by_name
from hyco.sas import Right, Rule, sign
from tests.support.flaky_store import FlakyStore

HOST = "contoso.example"
NS = {
    "a": "http://www.w3.org/2005/Atom",
    "c": "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect",
}
FAR = 4_000_000_000
KEY = generate_key()


def put_body(inner: str = "") -> bytes:
    """An entry as NamespaceManager writes it."""
    return (
        '<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml">'
        f'<HybridConnectionDescription xmlns="{NS["c"]}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"{inner}</HybridConnectionDescription></content></entry>"
    ).encode()


@dataclasses.dataclass
class Door:
    store: FlakyStore
    directory: Directory
    authorizer: Authorizer
    listeners: int = 0

    @property
    def editor(self) -> Editor:
        return Editor(self.directory)

    @property
    def root(self) -> Rule:
        return self.editor.rule("contoso", None, ROOT_RULE)

    async def ask(
        self, method: str, path: str, body: bytes = b"", *headers: tuple[str, str], rule: Rule | None = None
    ) -> tuple[int, str, str]:
        signer = rule or self.root
        token = sign(f"http://{HOST}/", signer.name, signer.primary_key, FAR)
        status, kind, content = await atom.handle(
            self.directory,
            self.authorizer,
            self.directory.namespaces()[0],
            method,
            parse_target(f"/{path}?api-version=2016-07"),
            by_name([("Host", HOST), ("Authorization", token), ("X-PROCESS-AT", "ServiceBus"), *headers]),
            body,
            listener_count=lambda _: self.listeners,
        )
        return status, kind, content.decode()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    config = GatewayConfig(data_folder=tmp_path, namespace="contoso")
    store = FlakyStore(tmp_path / "gateway.db")
    await store.open()
    directory = Directory(store, config, now=lambda: 1_767_225_600.0)
    await directory.load()
    yield Door(store, directory, Authorizer(directory, config))
    await store.close()


def error_of(answer: tuple[int, str, str]) -> tuple[int, str]:
    """The status and detail of an error, which must agree with its body."""
    status, kind, content = answer
    root = ET.fromstring(content)
    assert root.tag == "Error"
    assert root.findtext("Code") == str(status)
    assert "xml" in kind
    return status, root.findtext("Detail") or ""


async def test_a_hybrid_connection_is_described_in_the_order_of_its_data_contract(door: Door) -> None:
    await door.editor.put_connection(
        "contoso", "Hyco", requires_client_authorization=False, user_metadata='[{"key":"endpoint"}] <&>\r\nü'
    )
    door.listeners = 3
    status, kind, content = await door.ask("GET", "hyco")
    assert (status, kind) == (200, "application/atom+xml;type=entry;charset=utf-8")
    entry = ET.fromstring(content)
    assert entry.findtext("a:id", None, NS) == "https://contoso.example/Hyco?api-version=2016-07"
    assert entry.findtext("a:title", None, NS) == "Hyco"
    description = entry.find("a:content/c:HybridConnectionDescription", NS)
    assert description is not None
    assert [(child.tag.rpartition("}")[2], child.text) for child in description] == [
        ("CreatedAt", "2026-01-01T00:00:00.000Z"),
        ("UpdatedAt", "2026-01-01T00:00:00.000Z"),
        ("RequiresClientAuthorization", "false"),
        ("UserMetadata", '[{"key":"endpoint"}] <&>\r\nü'),
        ("ListenerCount", "3"),
    ]


async def test_no_answer_shows_a_key(door: Door) -> None:
    await door.editor.put_connection("contoso", "hyco")
    rule, _ = await door.editor.put_rule("contoso", "hyco", "listener", Right.LISTEN)
    made = f"<AuthorizationRules><AuthorizationRule><KeyName>r</KeyName><PrimaryKey>{KEY}</PrimaryKey>"
    made += "<Rights><AccessRights>Send</AccessRights></Rights></AuthorizationRule></AuthorizationRules>"
    for answer in (
        await door.ask("GET", "hyco", rule=rule),
        await door.ask("PUT", "new", put_body(made)),
        await door.ask("PUT", "new", put_body(made)),
    ):
        for key in (rule.primary_key, rule.secondary_key, KEY):
            assert key not in answer[2]


async def test_an_unknown_name_is_an_empty_feed_and_not_an_error(door: Door) -> None:
    """SDKs turn the feed into their EndpointNotFound."""
    for path in ("missing", "", "hyco/below"):
        await door.editor.put_connection("contoso", "hyco")
        status, kind, content = await door.ask("GET", path)
        assert (status, kind) == (200, "application/atom+xml;type=feed;charset=utf-8")
        assert ET.fromstring(content).tag == f"{{{NS['a']}}}feed"


async def test_any_right_reads_and_only_manage_changes(door: Door) -> None:
    await door.editor.put_connection("contoso", "hyco", requires_client_authorization=False)
    for name, right in (("listener", Right.LISTEN), ("sender", Right.SEND)):
        rule, _ = await door.editor.put_rule("contoso", "hyco", name, right)
        assert (await door.ask("GET", "hyco", rule=rule))[0] == 200
        for method in ("PUT", "DELETE", "POST"):
            status, detail = error_of(await door.ask(method, "hyco", put_body(), rule=rule))
            assert (status, detail.partition(". TrackingId:")[0]) == (
                401,
                "Authorization failed for specified action: Manage",
            )
    assert door.directory.connection("contoso", "hyco") is not None


async def test_strangers_learn_nothing_even_where_senders_need_no_token(door: Door) -> None:
    await door.editor.put_connection("contoso", "open", requires_client_authorization=False)
    namespace = door.directory.namespaces()[0]
    answers = set()
    for path in ("open", "missing", "open/below"):
        status, kind, content = await atom.handle(
            door.directory,
            door.authorizer,
            namespace,
            "GET",
            parse_target(f"/{path}"),
            {"host": [HOST]},
            listener_count=lambda _: 0,
        )
        status, detail = error_of((status, kind, content.decode()))
        assert f"SystemTracker:sb://contoso.example/{path}" in detail
        answers.add((status, detail.partition("TrackingId:")[0]))
    assert answers == {(401, "MissingToken: Relay security token is required. ")}


async def test_errors_carry_the_tracking_id_that_the_client_sent(door: Door) -> None:
    guid = "0f3c2a51-6c1e-4f0b-9d5e-2b7a6e4c1d90"
    _, _, content = await atom.handle(
        door.directory,
        door.authorizer,
        door.directory.namespaces()[0],
        "GET",
        parse_target(f"/hyco?sb-hc-id={guid}_G3"),
        {},
        listener_count=lambda _: 0,
    )
    assert f"TrackingId:{guid}_G0, SystemTracker:sb://contoso/hyco".encode() in content


async def test_put_makes_and_with_if_match_changes(door: Door) -> None:
    inner = "<RequiresClientAuthorization>false</RequiresClientAuthorization><UserMetadata>a &amp; b</UserMetadata>"
    status, kind, content = await door.ask("PUT", "New/One", put_body(inner))
    assert (status, kind) == (201, atom.ENTRY)
    assert "<RequiresClientAuthorization>false<" in content
    connection = door.editor.connection("contoso", "new/one")
    assert (connection.name, connection.user_metadata) == ("New/One", "a & b")
    status, detail = error_of(await door.ask("PUT", "new/one", put_body()))
    assert (status, "there is a hybrid connection New/One already" in detail) == (409, True)
    status, _, _ = await door.ask(
        "PUT", "new/one", put_body("<UserMetadata>c</UserMetadata>"), ("If-Match", "*")
    )
    assert status == 200
    changed = door.editor.connection("contoso", "new/one")
    assert (changed.user_metadata, changed.requires_client_authorization) == ("c", False)


async def test_put_brings_its_rules_along(door: Door) -> None:
    rule = (
        '<AuthorizationRule i:type="SharedAccessAuthorizationRule"><ClaimType>SharedAccessKey</ClaimType>'
        "<ClaimValue>None</ClaimValue><Rights><AccessRights>Listen</AccessRights><AccessRights>Send</AccessRights></Rights>"
        f"<KeyName>both</KeyName><PrimaryKey>{KEY}</PrimaryKey></AuthorizationRule>"
    )
    status, _, _ = await door.ask("PUT", "hyco", put_body(f"<AuthorizationRules>{rule}</AuthorizationRules>"))
    assert status == 201
    made = door.editor.rule("contoso", "hyco", "both")
    assert (made.rights, made.primary_key) == (Right.LISTEN | Right.SEND, KEY)
    assert made.secondary_key not in ("", KEY)


async def test_put_brings_no_more_rules_than_there_may_be(door: Door) -> None:
    rules = "".join(
        f"<AuthorizationRule><KeyName>r{n}</KeyName><Rights><AccessRights>Send</AccessRights></Rights></AuthorizationRule>"
        for n in range(13)
    )
    answer = await door.ask("PUT", "hyco", put_body(f"<AuthorizationRules>{rules}</AuthorizationRules>"))
    assert error_of(answer)[0] == 403
    assert door.directory.connections("contoso") == []


async def test_delete_deletes_exactly_what_it_names(door: Door) -> None:
    await door.editor.put_connection("contoso", "a")
    assert error_of(await door.ask("DELETE", "a/b"))[0] == 404
    assert door.directory.connection("contoso", "a") is not None
    assert await door.ask("DELETE", "A") == (200, atom.ERROR, "")
    assert door.directory.connection("contoso", "a") is None


@pytest.mark.parametrize("path", ["a/b%2Fc", "a//c", "a/b%2fc/d"])
async def test_a_path_that_could_be_read_in_two_ways_is_no_name(door: Door, path: str) -> None:
    """Authorised as one name and made as another: the bug of others (reliability reference §3)."""
    for method in ("GET", "PUT", "DELETE"):
        assert error_of(await door.ask(method, path, put_body()))[0] == 400
    assert door.directory.connections("contoso") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<entry/>",
        b"<entry><content/></entry>",
        b'<!DOCTYPE entry [<!ENTITY a "x">]>' + put_body("<UserMetadata>&a;</UserMetadata>"),
        put_body("<RequiresClientAuthorization>maybe</RequiresClientAuthorization>"),
        put_body("<UserMetadata>a</UserMetadata><UserMetadata>b</UserMetadata>"),
        put_body(f"<UserMetadata>{'x' * 1_025}</UserMetadata>"),
        put_body("<AuthorizationRules><Other/></AuthorizationRules>"),
        put_body("<AuthorizationRules><AuthorizationRule/></AuthorizationRules>"),
        put_body('<AuthorizationRules><AuthorizationRule i:type="AllowRule"/></AuthorizationRules>'),
        put_body(
            "<AuthorizationRules><AuthorizationRule><KeyName>r</KeyName><Rights><AccessRights>All</AccessRights></Rights>"
            "</AuthorizationRule></AuthorizationRules>"
        ),
        put_body(
            "<AuthorizationRules><AuthorizationRule><KeyName>r</KeyName><PrimaryKey>weak</PrimaryKey><Rights>"
            "<AccessRights>Send</AccessRights></Rights></AuthorizationRule></AuthorizationRules>"
        ),
        b" " * 70_000,
    ],
)
async def test_a_body_that_is_no_description_is_refused_and_makes_nothing(door: Door, body: bytes) -> None:
    status, detail = error_of(await door.ask("PUT", "hyco", body))
    assert status == 400
    assert "TrackingId:" in detail
    assert door.directory.connections("contoso") == []


async def test_the_name_of_a_new_one_must_be_a_name(door: Door) -> None:
    for path in ("-a", "a%20b", "", "x" * 261):
        assert error_of(await door.ask("PUT", path, put_body()))[0] == 400


@pytest.mark.parametrize(("reason", "status"), [(Unavailable.FULL, 507), (Unavailable.LOCKED, 503)])
async def test_a_store_that_cannot_be_used_is_said_to_be_so(
    door: Door, reason: Unavailable, status: int
) -> None:
    """Reliability reference F10."""
    await door.editor.put_connection("contoso", "hyco")
    door.store.failure = reason
    assert error_of(await door.ask("PUT", "new", put_body()))[0] == status
    assert error_of(await door.ask("DELETE", "hyco"))[0] == status
    assert (await door.ask("GET", "hyco"))[0] == 200


async def test_other_methods_are_refused(door: Door) -> None:
    assert error_of(await door.ask("POST", "hyco"))[0] == 405


@given(st.text(max_size=100))
def test_any_text_is_written_as_xml_that_can_be_read(text: str) -> None:
    root = xml_tree.parse(atom.error_xml(400, text))
    detail = root.text_of("Detail")
    assert detail is not None
    assert re.sub(r"[^\w ]", "", detail) == re.sub(r"[^\w ]", "", text) or "?" in detail


@given(st.binary(max_size=300))
def test_reading_a_body_is_total(body: bytes) -> None:
    for content in (body, put_body(body.decode("latin-1"))):
        try:
            atom.parse_entry(content)
        except InvalidEntityError:
            continue
