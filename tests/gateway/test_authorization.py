"""gateway/authorization.py: which credential counts, and what it opens."""

import itertools
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import authorization
from gateway.authorization import ANY_RIGHT, Authorizer, Carrier, Credential, Grant, find_credential
from gateway.config import GatewayConfig
from gateway.directory import Directory
from gateway.editor import Editor
from gateway.entities import ROOT_RULE, KeyType
from gateway.errors import UnauthorizedError
from gateway.store.sqlite import SqliteStore
from hyco.addresses import Endpoint, parse_target
from hyco.fields import by_name
from hyco.limits import MAX_CLOCK_SKEW_S
from hyco.sas import Right, Rule, Token, sign, verify

NOW = 1_800_000_000.0
IN_AN_HOUR = int(NOW) + 3_600
HOST = "contoso.example"
SIGNATURE = "SharedAccessSignature sr=x"


class Door:
    """An authorizer over a real directory, and what tests ask of it."""

    def __init__(self, directory: Directory, config: GatewayConfig) -> None:
        self.directory = directory
        self.editor = Editor(directory)
        self.authorizer = Authorizer(directory, config)

    async def ask(
        self,
        path: str,
        right: Right,
        *headers: tuple[str, str],
        query: str = "",
        host: str = HOST,
        now: float = NOW,
    ) -> Grant:
        """What the front does for a request."""
        target = parse_target(f"/$hc/{path}?{query}")
        namespace = self.directory.namespace_for(host)
        assert namespace is not None
        connection = await self.directory.find(namespace, target.canonical)
        return await self.authorizer.authorize(
            namespace, connection, target, by_name([("Host", host), *headers]), right, now
        )

    async def refusal(
        self, path: str, right: Right, *headers: tuple[str, str], query: str = "", now: float = NOW
    ) -> str:
        """The text of the refusal that must come."""
        with pytest.raises(UnauthorizedError) as caught:
            await self.ask(path, right, *headers, query=query, now=now)
        assert caught.value.status == 401
        return caught.value.message

    def root(self, namespace: str = "contoso") -> Rule:
        return self.editor.rule(namespace, None, ROOT_RULE)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    config = GatewayConfig(
        data_folder=tmp_path, namespace="contoso", public_url=Endpoint("relay.example.org", 443, True)
    )
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    directory = Directory(store, config)
    await directory.load()
    door = Door(directory, config)
    await door.editor.put_connection("contoso", "hyco")
    await door.editor.put_connection("contoso", "open", requires_client_authorization=False)
    yield door
    await store.close()


def token(
    rule: Rule, path: str = "hyco", *, host: str = HOST, key: str | None = None, expires_at: int = IN_AN_HOUR
) -> str:
    return sign(f"http://{host}/{path}", rule.name, key or rule.primary_key, expires_at)


def header(text: str) -> tuple[str, str]:
    return ("ServiceBusAuthorization", text)


# --- which credential counts -------------------------------------------------------------------------------------------


def test_the_first_of_the_three_places_counts() -> None:
    """Protocol reference §2.1."""
    query = parse_target("/hyco?sb-hc-token=Q")
    bare = parse_target("/hyco")
    both = [("authorization", "A"), ("servicebusauthorization", "S")]
    assert find_credential(query, by_name(both)) == Credential(Carrier.QUERY, "Q")
    assert find_credential(bare, by_name(both)) == Credential(Carrier.SERVICE_BUS_AUTHORIZATION, "S")
    assert find_credential(bare, by_name(both[:1])) == Credential(Carrier.AUTHORIZATION, "A")
    assert find_credential(bare, {}) is None


def test_a_place_that_is_empty_does_not_count() -> None:
    target = parse_target("/hyco?sb-hc-token=&x=1")
    headers = [("ServiceBusAuthorization", "  "), ("Authorization", "Bearer  A ")]
    assert find_credential(target, by_name(headers)) == Credential(Carrier.AUTHORIZATION, "A")


def test_a_rules_name_and_key_in_the_query_are_no_credential() -> None:
    """Keys in URLs end up in logs (protocol reference §1.2)."""
    assert find_credential(parse_target("/hyco?sb-hc-sas-key-name=R&sb-hc-sas-key=K"), {}) is None


@pytest.mark.parametrize("name", ["ServiceBusAuthorization", "Authorization"])
def test_a_header_given_twice_is_refused(name: str) -> None:
    """Two readings of one request are how others were entered (reliability reference §3)."""
    with pytest.raises(UnauthorizedError, match=f"MalformedToken: .*more than one {name} header"):
        find_credential(parse_target("/hyco"), by_name([(name, "A"), (name.lower(), "A")]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Bearer A", "A"),
        ("bearer   A", "A"),
        ("BEARER A", "A"),
        (SIGNATURE, SIGNATURE),
        ("bearerA", "bearerA"),
    ],
)
def test_bearer_before_a_token_is_allowed(value: str, expected: str) -> None:
    found = find_credential(parse_target("/hyco"), by_name([("Authorization", value)]))
    assert found is not None
    assert found.token_text == expected


def test_a_credential_does_not_show_its_token() -> None:
    assert "secret" not in repr(Credential(Carrier.QUERY, "secret"))


# --- carriers and what the listener may see of them ----------------------------------------------------------------------


async def test_every_carrier_opens_the_door_and_says_what_to_strip(door: Door) -> None:
    text = token(door.root())
    by_query = await door.ask("hyco", Right.SEND, query=f"sb-hc-token={quote(text, safe='')}")
    by_header = await door.ask("hyco", Right.SEND, header(text))
    by_authorization = await door.ask("hyco", Right.SEND, ("Authorization", text))
    assert by_query.consumed == by_header.consumed == {"servicebusauthorization"}
    assert by_authorization.consumed == {"servicebusauthorization", "authorization"}
    for grant in (by_query, by_header, by_authorization):
        assert (grant.rule_name, grant.expires_at) == (ROOT_RULE, IN_AN_HOUR)


async def test_authorization_is_the_applications_own_where_another_carrier_was_used(door: Door) -> None:
    """Conformance trap 3."""
    grant = await door.ask(
        "hyco",
        Right.SEND,
        header(token(door.root())),
        ("Authorization", "Basic b3du"),
        ("Authorization", "twice"),
    )
    assert "authorization" not in grant.consumed


async def test_the_first_carrier_is_judged_even_if_the_next_one_were_good(door: Door) -> None:
    good = token(door.root())
    assert "MalformedToken" in await door.refusal("hyco", Right.SEND, header(good), query="sb-hc-token=junk")
    assert "MalformedToken" in await door.refusal("hyco", Right.SEND, header("junk"), ("Authorization", good))


async def test_anonymous_senders_need_nothing_and_what_they_bring_is_not_looked_at(door: Door) -> None:
    """Protocol reference §2.4."""
    grant = await door.ask(
        "open", Right.SEND, header("junk"), header("junk"), ("Authorization", "Basic b3du")
    )
    assert (grant.rule_name, grant.expires_at) == (None, math.inf)
    assert grant.consumed == {"servicebusauthorization"}
    for right in (Right.LISTEN, Right.MANAGE, ANY_RIGHT):
        assert "MissingToken" in await door.refusal("open", right)


# --- refusals: protocol reference §2.5 -----------------------------------------------------------------------------------


async def test_texts_of_refusals(door: Door) -> None:
    root = door.root()
    refusal = door.refusal
    send = Right.SEND
    assert await refusal("hyco", send) == "MissingToken: Relay security token is required."
    assert await refusal("hyco", send, header("x")) == "MalformedToken: The token is malformed."
    wrong_key = token(root, key="wrong")
    invalid = "InvalidSignature: The token has an invalid signature."
    assert await refusal("hyco", send, header(wrong_key)) == invalid
    unknown = token(Rule(name="unknown", rights=Right.ALL, primary_key=root.primary_key))
    assert await refusal("hyco", send, header(unknown)) == invalid
    expired = token(root, expires_at=int(NOW) - 301)
    assert await refusal("hyco", send, header(expired)) == (
        "ExpiredToken: The token is expired. Expiration time: '2027-01-15 07:54:59Z'."
    )
    other = token(root, "other")
    assert (await refusal("hyco", send, header(other))).startswith("InvalidAudience: ")
    elsewhere = token(root, host="elsewhere.example")
    assert (await refusal("hyco", send, header(elsewhere))).startswith("InvalidAudience: ")
    listener, _ = await door.editor.put_rule("contoso", "hyco", "listener", Right.LISTEN)
    assert await refusal("hyco", send, header(token(listener))) == (
        "Authorization failed for specified action: Send."
    )


async def test_a_json_web_token_is_told_that_entra_is_not_configured(door: Door) -> None:
    text = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"
    for value in (text, f"Bearer {text}"):
        refusal = await door.refusal("hyco", Right.SEND, ("Authorization", value))
        assert refusal.startswith("MalformedToken: ")
        assert "not configured for Entra ID" in refusal


async def test_clocks_may_differ_by_five_minutes(door: Door) -> None:
    late = token(door.root(), expires_at=int(NOW))
    await door.ask("hyco", Right.SEND, header(late), now=NOW + 300)
    assert "ExpiredToken" in await door.refusal("hyco", Right.SEND, header(late), now=NOW + 301)


@pytest.mark.parametrize(
    "value",
    [
        "SharedAccessSignature sr=é&sig=é&se=1&skn=é",
        "�",
        "SharedAccessSignature " + "&" * 5000,
        "SharedAccessSignature sr=x&sig=y&se=9&skn=RootManageSharedAccessKey�",
        "Bearer",
        "Basic dTpw",
    ],
)
async def test_bytes_that_are_no_text_are_a_bad_token_and_no_failure(door: Door, value: str) -> None:
    """Reliability reference P9: comparing text outside ASCII raises, and made others answer 500."""
    for name in ("ServiceBusAuthorization", "Authorization"):
        assert (await door.refusal("hyco", Right.SEND, (name, value))).startswith(
            ("MalformedToken", "Invalid")
        )


async def test_a_signature_outside_ascii_is_a_wrong_signature(door: Door) -> None:
    text = token(door.root())
    broken = text.replace("sig=", "sig=%C3%A9")
    assert "token has an invalid signature" in await door.refusal("hyco", Right.SEND, header(broken))


# --- audiences -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resource",
    [
        "http://contoso.example/hyco/",
        "http://contoso.example:443/hyco",
        "sb://contoso.example/hyco",
        "sb://contoso.example",
        "wss://CONTOSO.example/HYCO",
        "https://relay.example.org/hyco",
        "http://contoso.example/hyco/suffix",
    ],
)
async def test_audiences_that_clients_sign(door: Door, resource: str) -> None:
    """Conformance trap 2: the host of the request, a configured one or the public one; any ancestor of the path."""
    root = door.root()
    text = sign(resource, root.name, root.primary_key, IN_AN_HOUR)
    assert (await door.ask("hyco/suffix", Right.LISTEN, header(text))).rule_name == ROOT_RULE


@pytest.mark.parametrize("path", ["hyc", "hyco2", "hyco/other", "HYCO/suffix2", "hyco%2Fsuffix"])
async def test_audiences_are_compared_by_whole_segments(door: Door, path: str) -> None:
    text = token(door.root(), path)
    assert (await door.refusal("hyco/suffix", Right.SEND, header(text))).startswith(
        ("InvalidAud", "Malformed")
    )


async def test_the_host_of_the_request_is_an_audience_only_for_that_request(door: Door) -> None:
    text = token(door.root(), host="alias.example")
    await door.ask("hyco", Right.SEND, header(text), host="alias.example:9400")
    assert "InvalidAudience" in await door.refusal("hyco", Right.SEND, header(text))
    with pytest.raises(UnauthorizedError, match="InvalidAudience"):
        await door.ask("hyco", Right.SEND, header(text), host="not a host")


# --- rules ---------------------------------------------------------------------------------------------------------------


async def test_a_rule_of_the_hybrid_connection_opens_only_that_one(door: Door) -> None:
    await door.editor.put_connection("contoso", "hyco2")
    own, _ = await door.editor.put_rule("contoso", "hyco", "own", Right.ALL)
    await door.ask("hyco", Right.SEND, header(token(own)))
    assert "InvalidSignature" in await door.refusal("hyco2", Right.SEND, header(token(own, "hyco2")))
    whole_namespace = token(own, "")
    await door.ask("hyco", Right.SEND, header(whole_namespace))  # Microsoft's Java sender signs so
    assert "InvalidSignature" in await door.refusal("hyco2", Right.SEND, header(whole_namespace))


async def test_a_rule_of_the_same_name_on_both_levels_works_by_either_key(door: Door) -> None:
    await door.editor.put_rule("contoso", "hyco", ROOT_RULE, Right.LISTEN)
    own = door.editor.rule("contoso", "hyco", ROOT_RULE)
    assert (await door.ask("hyco", Right.LISTEN, header(token(own)))).rule_name == ROOT_RULE
    assert (await door.ask("hyco", Right.SEND, header(token(door.root())))).rule_name == ROOT_RULE
    assert "Send" in await door.refusal("hyco", Right.SEND, header(token(own)))


async def test_a_replaced_key_is_refused_at_once_and_the_other_one_is_not(door: Door) -> None:
    """Reliability reference F15."""
    before = door.root()
    by_primary, by_secondary = token(before), token(before, key=before.secondary_key)
    await door.ask("hyco", Right.SEND, header(by_primary))
    await door.editor.regenerate_key("contoso", None, ROOT_RULE, KeyType.PRIMARY)
    assert "InvalidSignature" in await door.refusal("hyco", Right.SEND, header(by_primary))
    await door.ask("hyco", Right.SEND, header(by_secondary))
    await door.editor.delete_rule("contoso", None, ROOT_RULE)
    assert "InvalidSignature" in await door.refusal("hyco", Right.SEND, header(by_secondary))


async def test_any_right_is_enough_to_read_but_a_key_is_needed(door: Door) -> None:
    for name, right in (("listener", Right.LISTEN), ("sender", Right.SEND)):
        rule, _ = await door.editor.put_rule("contoso", "hyco", name, right)
        assert (await door.ask("hyco", ANY_RIGHT, header(token(rule)))).rule_name == name
    assert "InvalidSignature" in await door.refusal("hyco", ANY_RIGHT, header(token(door.root(), key="x")))


# --- what exists does not show -------------------------------------------------------------------------------------------


async def test_existing_and_missing_names_look_the_same_to_strangers(door: Door) -> None:
    """Reliability reference P8, protocol reference §2.4."""
    stranger, _ = await door.editor.put_rule("contoso", "open", "stranger", Right.ALL)
    for credential in (
        (),
        (header("junk"),),
        (header(token(stranger, "")),),
        (header(token(door.root(), key="guessed")),),
        (header("Bearer eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"),),
    ):
        for right in (Right.LISTEN, Right.SEND, Right.MANAGE):
            existing = await door.refusal("hyco", right, *credential)
            assert existing == await door.refusal("missing", right, *credential)
    assert (await door.ask("missing", Right.SEND, header(token(door.root(), "")))).rule_name == ROOT_RULE


@pytest.mark.slow
async def test_isolation_of_ten_tenants_with_ten_hybrid_connections_each(door: Door) -> None:
    """Reliability reference P8: 300 keys at three doors of their own (900 pairs) and at others; open on the diagonal only."""
    editor = door.editor
    rights = {"l": Right.LISTEN, "s": Right.SEND, "m": Right.ALL}
    tenants = [f"tenant{n}" for n in range(10)]
    paths = ["a", "a/b", "a/b/c", "ab", "b", "a-b", "A.b", "x/a", "c/d", "e"]
    keys: dict[tuple[str, str, str], Rule] = {}
    for tenant in tenants:
        await editor.create_namespace(tenant, [f"{tenant}.example"])
        for path in paths:
            await editor.put_connection(tenant, path)
            for name, right in rights.items():
                keys[tenant, path.lower(), name], _ = await editor.put_rule(tenant, path.lower(), name, right)

    async def is_open(tenant: str, path: str, right: Right, text: str) -> bool:
        try:
            await door.ask(path, right, header(text), host=f"{tenant}.example")
        except UnauthorizedError:
            return False
        return True

    opened = 0
    for n, ((tenant, path, name), rule) in enumerate(keys.items()):
        text = token(rule, path, host=f"{tenant}.example")
        for right in (Right.LISTEN, Right.SEND, Right.MANAGE):
            is_allowed = right in rights[name]
            assert await is_open(tenant, path, right, text) is is_allowed
            opened += is_allowed
            # the same name at another tenant, and another name (often a prefix of this one) at the same one
            neighbour = tenants[(tenants.index(tenant) + 1 + n % 8) % 10]
            everywhere = token(rule, "", host=f"{neighbour}.example")
            assert not await is_open(neighbour, path, right, everywhere)
            other = paths[(n // 3 + 1 + n % 9) % 10]
            if other.lower() != path:
                assert not await is_open(tenant, other, right, token(rule, "", host=f"{tenant}.example"))
    assert opened == 10 * 10 * (1 + 1 + 3)


# --- renewal ---------------------------------------------------------------------------------------------------------------


async def test_a_renewed_token_is_judged_by_the_rules_of_today(door: Door) -> None:
    """Reliability reference F14, F15."""
    listener, _ = await door.editor.put_rule("contoso", "hyco", "listener", Right.LISTEN)
    target = parse_target("/$hc/hyco?sb-hc-action=listen")
    namespace = door.directory.namespaces()[0]
    connection = door.editor.connection("contoso", "hyco")
    later = int(NOW) + 7_200
    fresh = token(listener, expires_at=later)

    async def renew(text: str) -> Grant:
        return await door.authorizer.check_renewal(
            namespace, connection, target, {"host": [HOST]}, text, NOW + 3_000
        )

    assert (await renew(fresh)).expires_at == later
    assert (await renew(f"Bearer {fresh}")).rule_name == "listener"
    sender, _ = await door.editor.put_rule("contoso", "hyco", "sender", Right.SEND)
    for bad in (token(sender), token(listener, key="x"), token(listener, expires_at=1), "", "junk"):
        with pytest.raises(UnauthorizedError):
            await renew(bad)
    await door.editor.regenerate_key("contoso", "hyco", "listener", KeyType.PRIMARY)
    with pytest.raises(UnauthorizedError, match="invalid signature"):
        await renew(fresh)


async def test_a_renewal_goes_by_the_hybrid_connection_that_is_listened_on(door: Door) -> None:
    """A longer name made since, or the deletion of this one, changes what the path means; the channel stays what it was."""
    editor = door.editor
    listener, _ = await editor.put_rule("contoso", "hyco", "listener", Right.LISTEN)
    target = parse_target("/$hc/hyco/deep?sb-hc-action=listen")
    namespace = door.directory.namespaces()[0]
    connection = editor.connection("contoso", "hyco")
    await editor.put_connection("contoso", "hyco/deep")
    grant = await door.authorizer.check_renewal(
        namespace, connection, target, {"host": [HOST]}, token(listener), NOW
    )
    assert grant.rule_name == "listener"
    await editor.delete_connection("contoso", "hyco")
    with pytest.raises(UnauthorizedError, match="invalid signature"):
        await door.authorizer.check_renewal(
            namespace, connection, target, {"host": [HOST]}, token(listener), NOW
        )


@given(
    st.lists(
        st.tuples(st.sampled_from(["Authorization", "servicebusauthorization", "Host"]), st.text(max_size=60))
    )
)
def test_finding_a_credential_is_total(headers: list[tuple[str, str]]) -> None:
    for target in itertools.starmap(parse_target, [("/hyco",), ("/hyco?sb-hc-token=%ff%00",)]):
        try:
            find_credential(target, by_name(headers))
        except UnauthorizedError:
            continue


# --- tokens that come again ------------------------------------------------------------------------------------------


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[Right]:
    """The rights for which a signature was computed."""
    seen: list[Right] = []

    def counted(token: Token, *, right: Right, **options: Any) -> Rule:  # noqa: ANN401 - passed on
        seen.append(right)
        return verify(token, right=right, **options)

    monkeypatch.setattr(authorization, "verify", counted)
    return seen


async def test_a_token_that_was_good_is_not_computed_again(door: Door, verifications: list[Right]):
    shown = header(token(door.root()))
    first = await door.ask("hyco", Right.SEND, shown)
    assert await door.ask("hyco", Right.SEND, shown) is first
    assert await door.ask("hyco", Right.SEND, ("Authorization", f"Bearer {shown[1]}")) != first, (
        "it is consumed"
    )
    assert verifications == [Right.SEND]
    await door.ask("hyco", Right.LISTEN, shown)
    assert verifications == [Right.SEND, Right.LISTEN]


@pytest.mark.parametrize("what", ["path", "host", "signature", "expiry"])
async def test_nothing_else_is_taken_for_the_token_that_was_good(door: Door, what: str):
    await door.editor.put_connection("contoso", "other")
    good = token(door.root())
    await door.ask("hyco", Right.SEND, header(good))
    match what:
        case "path":
            assert (await door.refusal("other", Right.SEND, header(good))).startswith("InvalidAudience")
        case "host":
            with pytest.raises(UnauthorizedError):
                await door.ask("hyco", Right.SEND, header(good), host="elsewhere.example")
        case "signature":
            bad = good.replace("sig=", "sig=A")
            assert (await door.refusal("hyco", Right.SEND, header(bad))).startswith("InvalidSignature")
        case _:
            later = IN_AN_HOUR + MAX_CLOCK_SKEW_S + 1
            assert (await door.refusal("hyco", Right.SEND, header(good), now=later)).startswith(
                "ExpiredToken"
            )


async def test_a_token_that_was_good_is_none_once_its_key_is_replaced(door: Door):
    for name in (None, "hyco"):
        await door.editor.put_rule("contoso", name, "sender", Right.SEND)
        rule = door.editor.rule("contoso", name, "sender")
        shown = header(token(rule))
        await door.ask("hyco", Right.SEND, shown)
        await door.editor.regenerate_key("contoso", name, "sender", KeyType.PRIMARY)
        assert (await door.refusal("hyco", Right.SEND, shown)).startswith("InvalidSignature")


async def test_a_token_that_was_good_is_none_once_the_hybrid_connection_is_another(door: Door):
    await door.editor.put_rule("contoso", "hyco", "sender", Right.SEND)
    rule = door.editor.rule("contoso", "hyco", "sender")
    shown = header(token(rule))
    await door.ask("hyco", Right.SEND, shown)
    await door.editor.delete_connection("contoso", "hyco")
    assert (await door.refusal("hyco", Right.SEND, shown)).startswith("InvalidSignature")
    await door.editor.put_connection("contoso", "hyco")
    assert (await door.refusal("hyco", Right.SEND, shown)).startswith("InvalidSignature")


async def test_tokens_that_are_remembered_are_bounded(
    door: Door, verifications: list[Right], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(authorization, "MAX_VERIFIED", 3)
    shown = [header(token(door.root(), expires_at=IN_AN_HOUR + number)) for number in range(4)]
    for each in (*shown[:3], shown[0], shown[3]):
        await door.ask("hyco", Right.SEND, each)
    assert len(verifications) == 4
    await door.ask("hyco", Right.SEND, shown[0])
    assert len(verifications) == 4, "used since, and so still known"
    await door.ask("hyco", Right.SEND, shown[1])
    assert len(verifications) == 5, "not used for longest"
