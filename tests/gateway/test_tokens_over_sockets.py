"""Tokens that are no good, at all three doors: none opens one, none makes the gateway stumble (B4, P9).

Source: reliability reference §2, rows B4 and P9; protocol reference §2.
"""

from __future__ import annotations

import base64
import random
import string
import time
from urllib.parse import quote

import pytest

from hyco.sas import Right
from tests.support.gateways import RunningGateway
from tests.support.raw_http import RawHttp
from tests.support.tokens import Fields, encode, sas_token, sas_token_of_encoded, signature

NOW = int(time.time())


def good(relay: RunningGateway, resource: str | None = None, **changes: str) -> Fields:
    """The pieces of a token for ``hc``, with *changes* made to them after it was signed."""
    fields = Fields.good(resource or f"http://{relay.host}/hc", relay.rule.name, relay.rule.primary_key)
    return Fields(**{name: changes.get(name, getattr(fields, name)) for name in ("sr", "sig", "se", "skn")})


def _signed_over(relay: RunningGateway, encoded: str, expiry: str, said_expiry: str | None = None) -> str:
    sig = encode(signature(encoded, expiry, relay.rule.primary_key))
    return f"SharedAccessSignature sr={encoded}&sig={sig}&se={said_expiry or expiry}&skn={relay.rule.name}"


def _with_key_decoded(relay: RunningGateway) -> str:
    """Signed with the bytes that the key is base64 of: the key is its text (§2.2)."""
    key = base64.b64decode(relay.rule.primary_key).decode("latin-1")
    return sas_token(f"http://{relay.host}/hc", relay.rule.name, key)


def bad_tokens(relay: RunningGateway) -> dict[str, str]:
    """Tokens that must not open ``hc``."""
    return {
        "nothing": "",
        "a word": "SharedAccessSignature",
        "a word and a space": "SharedAccessSignature ",
        "another word": good(relay).text().replace("SharedAccessSignature", "SharedSecret"),
        "no word": good(relay).text().removeprefix("SharedAccessSignature "),
        "basic": "Basic dXNlcjpwYXNz",
        "bearer junk": "Bearer aaaa.bbbb.cccc",
        "bearer unsigned": ("Bearer eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwczovL3JlbGF5LmF6dXJlLm5ldC8ifQ."),
        **{
            f"no {name}": (
                good(relay).text(" ".join(field for field in ("sr", "sig", "se", "skn") if field != name))
            )
            for name in ("sr", "sig", "se", "skn")
        },
        **{f"{name} twice": good(relay).text(f"sr sig se skn {name}") for name in ("sr", "sig", "se", "skn")},
        **{f"empty {name}": good(relay, **{name: ""}).text() for name in ("sr", "sig", "se", "skn")},
        "another sr in front": (
            good(relay)
            .text()
            .replace("SharedAccessSignature ", f"SharedAccessSignature sr={encode(f'http://{relay.host}/')}&")
        ),
        "a later se behind": good(relay).text() + "&se=4102444800",
        "a later se": good(relay, se="4102444800").text(),
        "another resource": good(relay, sr=encode(f"http://{relay.host}/")).text(),
        "another rule": good(relay, skn="Nobody").text(),
        "sr re-encoded": good(relay, sr=good(relay).sr.lower()).text(),
        "sr decoded": good(relay, sr=f"http://{relay.host}/hc").text(),
        "sr encoded twice": good(relay, sr=encode(good(relay).sr)).text(),
        "signature cut": good(relay, sig=good(relay).sig[:-6]).text(),
        "signature with more": good(relay, sig=good(relay).sig + "AA").text(),
        "signature of zeros": good(relay, sig=encode(base64.b64encode(bytes(32)).decode())).text(),
        "signature in hex": good(relay, sig="00" * 32).text(),
        "signature that is no base64": good(relay, sig="%FF%FE%00").text(),
        "signature outside ASCII": good(relay, sig="%C3%A4%E2%82%AC").text(),
        "raw bytes outside ASCII": good(relay, sig="\xe4\xf6\xfc").text(),
        "NUL in the rule": good(relay, skn=f"{relay.rule.name}%00").text(),
        "space behind the rule": good(relay, skn=f"{relay.rule.name}%20").text(),
        "rule of dots": good(relay, skn="..%2f..").text(),
        "long rule": sas_token(f"http://{relay.host}/hc", "r" * 300, relay.rule.primary_key),
        "very long": "SharedAccessSignature sr=" + "a" * 15_000,
        "only ampersands": "SharedAccessSignature " + "&" * 5_000,
        **{
            f"expiry {text!r}": _signed_over(relay, good(relay).sr, text)
            for text in (
                "0",
                "-1",
                "+4102444800",
                " 4102444800",
                "4_102_444_800",
                "4102444800.5",
                "4.1e9",
                "0xF4865700",
                "%D9%A4%D9%A1%D9%A0%D9%A2",
                "inf",
                "nan",
                "soon",
                str(NOW - 301),
                str(NOW - 86_400),
                str(-(10**30)),
            )
        },
        "signed with the decoded key": _with_key_decoded(relay),
        "signed with no key": sas_token(f"http://{relay.host}/hc", relay.rule.name, ""),
        "signed with the rule's name": sas_token(f"http://{relay.host}/hc", relay.rule.name, relay.rule.name),
        **{
            f"resource {path!r}": sas_token(
                f"http://{relay.host}{path}", relay.rule.name, relay.rule.primary_key
            )
            for path in (
                "/h",
                "/hcx",
                "/hc-2",
                "/hc/deeper",
                "/open",
                "/hc/../open",
                "/open/../hc/..",
                "/open/%2e%2e/hc2",
                "/\u212ac",
                "/hc\u200b",
                "/h\u0441",
                "/hc%00",
                "/hc\\",
                "//open//",
            )
        },
        **{
            f"host {host!r}": sas_token(f"http://{host}/hc", relay.rule.name, relay.rule.primary_key)
            for host in (
                "evil.example",
                "127.0.0.1.evil.example",
                "127.0.0.2",
                "2130706433",
                "0x7f.1",
                "127.1",
                "",
                "*",
            )
        },
        "host in the user": sas_token(
            f"http://{relay.host}@evil.example/hc", relay.rule.name, relay.rule.primary_key
        ),
        "no URI": sas_token("hc", relay.rule.name, relay.rule.primary_key),
        "sr of bad escapes": sas_token_of_encoded("%zz%%%", relay.rule.name, relay.rule.primary_key),
    }


class Doors:
    """The three doors of ``hc``; HTTP on one connection for all tries."""

    def __init__(self, relay: RunningGateway, http: RawHttp) -> None:
        self._relay = relay
        self._http = http

    @classmethod
    async def of(cls, relay: RunningGateway) -> Doors:
        """Those of *relay*."""
        return cls(relay, await relay.http())

    async def statuses(self, token: str, *, carrier: str) -> set[int]:
        """What the doors answer to *token*."""
        headers = [] if carrier == "query" else [(carrier, token)]
        query = (
            f"sb-hc-token={quote(token.encode('latin-1', 'replace'), safe='')}" if carrier == "query" else ""
        )
        response = await self._http.request("GET", f"/hc?{query}", headers)
        if response.values("connection") == ["close"]:
            self._http = await self._relay.http()
        statuses = {response.status}
        for action in ("listen", "connect"):
            handshake = await self._relay.upgrading(f"/$hc/hc?sb-hc-action={action}&{query}", headers)
            statuses.add((await handshake.refusal()).status)
            await handshake.stream.close()
        return statuses


@pytest.mark.parametrize("carrier", ["ServiceBusAuthorization", "Authorization", "query"])
async def test_no_bad_token_opens_any_door(relay: RunningGateway, subtests: pytest.Subtests, carrier: str):
    doors = await Doors.of(relay)
    for name, token in bad_tokens(relay).items():
        with subtests.test(name):
            assert await doors.statuses(token, carrier=carrier) == {401}


async def test_the_token_that_the_bad_ones_are_made_of_is_good(relay: RunningGateway):
    await relay.listen("hc", token=good(relay).text())
    await relay.listen("hc", token=_signed_over(relay, good(relay).sr, "4102444800"))


@pytest.mark.parametrize("name", ["ServiceBusAuthorization", "Authorization"])
async def test_a_header_given_twice_is_no_token(relay: RunningGateway, name: str):
    """Two readers of one request might look at different ones."""
    token = good(relay).text()
    for values in ((token, token), ("junk", token), (token, "junk")):
        response = await relay.ask("GET", "/hc", [(name, value) for value in values])
        assert response.status in (400, 401)


async def test_a_query_token_given_twice_is_no_token(relay: RunningGateway):
    token = quote(good(relay).text(), safe="")
    for query in (
        f"sb-hc-token={token}&sb-hc-token={token}",
        f"sb-hc-token=junk&sb-hc-token={token}",
        f"sb-hc-token={token}&SB-HC-Token=junk",
        f"sb-hc-token={token}&sb%2Dhc-token=junk",
    ):
        assert (await relay.ask("GET", f"/hc?{query}")).status in (400, 401)


async def test_a_key_in_the_query_is_no_credential(relay: RunningGateway):
    """§1.2: allowed by the protocol, left out here, because keys in URLs end up in logs."""
    key = quote(relay.rule.primary_key, safe="")
    query = f"sb-hc-sas-key-name={relay.rule.name}&sb-hc-sas-key={key}"
    assert (await relay.ask("GET", f"/hc?{query}")).status == 401


@pytest.mark.parametrize(
    ("right", "open_doors"),
    [
        (Right.LISTEN, {"listen"}),
        (Right.SEND, {"connect", "http"}),
        (Right.ALL, {"listen", "connect", "http"}),
    ],
)
async def test_a_right_opens_its_own_doors_alone(relay: RunningGateway, right: Right, open_doors: set[str]):
    rule = await relay.create_rule("hc", "One", right)
    headers = [("ServiceBusAuthorization", relay.token("hc", rule=rule))]
    opened = set()
    if (await relay.ask("GET", "/hc", headers)).status == 404:  # nobody listens
        opened.add("http")
    for action, status in (("connect", 404), ("listen", 101)):
        http = await relay.upgrading(f"/$hc/hc?sb-hc-action={action}", headers)
        line = await http.stream.read_line()
        if line.split()[1] == b"%d" % status:
            opened.add(action)
    assert opened == open_doors


async def test_a_name_that_begins_like_another_one_is_another_one(relay: RunningGateway):
    for path in ("hc2", "hc-2", "h", "hc/inner"):
        await relay.create(path)
    token = relay.token("hc")
    for path in ("hc2", "hc-2", "h"):
        assert (await relay.ask("GET", f"/{path}", [("ServiceBusAuthorization", token)])).status == 401
    # below it is within it
    assert (await relay.ask("GET", "/hc/inner", [("ServiceBusAuthorization", token)])).status == 404
    inner = relay.token("hc/inner")
    assert (await relay.ask("GET", "/hc", [("ServiceBusAuthorization", inner)])).status == 401


@pytest.mark.parametrize(
    "target", ["/hc/../open", "/hc/%2e%2e/open", "/hc%2f..%2fopen", "/hc/./../open", "/hc\\..\\open"]
)
async def test_a_path_that_climbs_is_not_authorised_as_one_and_routed_as_another(
    relay: RunningGateway, target: str
):
    response = await relay.ask("GET", target, [("ServiceBusAuthorization", relay.token("hc"))])
    assert response.status in (400, 401)


async def test_a_key_that_was_replaced_opens_nothing_any_more(relay: RunningGateway):
    from gateway.entities import KeyType

    old = relay.token("hc")
    await relay.listen("hc", token=old)
    await relay.gateway.editor.regenerate_key(relay.namespace, None, relay.rule.name, KeyType.PRIMARY)
    assert (await (await relay.listening("hc", token=old)).refusal()).status == 401


async def test_made_up_tokens_open_nothing(relay: RunningGateway):
    """Parts of a good one in new orders, with bytes changed; the gateway always answers 401, on one connection."""
    chance = random.Random("tokens")
    http = await relay.http()
    whole = good(relay).text()
    letters = string.ascii_letters + string.digits + "%&=+/ ;,.-_~'\"<>()\xe4\xff"
    for _ in range(1_500):
        token = list(whole)
        for _ in range(chance.randrange(1, 5)):
            place = chance.randrange(len(token))
            match chance.randrange(4):
                case 0:
                    token[place] = chance.choice(letters)
                case 1:
                    del token[place : place + chance.randrange(1, 30)]
                case 2:
                    token[place:place] = token[: chance.randrange(1, 60)]
                case _:
                    parts = "".join(token).split("&")
                    chance.shuffle(parts)
                    token = list("&".join(parts))
        text = "".join(token).strip()
        if _says_the_same(text, whole):
            continue
        response = await http.request("GET", "/hc", [("ServiceBusAuthorization", text)])
        assert response.status == 401, text


def _says_the_same(text: str, whole: str) -> bool:
    """Whether *text* is the good token in another order, or with its word, a field's name or its rule's name in another case."""

    def parts(token: str) -> list[str]:
        word, _, fields = token.partition(" ")
        named = []
        for field in fields.split("&"):
            name, _, value = field.partition("=")
            named.append((name.lower(), value.lower() if name.lower() == "skn" else value))
        return [word.lower(), *(f"{name}={value}" for name, value in sorted(named))]

    return parts(text) == parts(whole)
