import base64
import hashlib
import hmac
import itertools
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.errors import TokenError, TokenReason
from hyco.sas import (
    Right,
    Rule,
    audience,
    check_rule_name,
    looks_like_jwt,
    missing_token,
    parse_rights,
    parse_token,
    sign,
    verify,
)

HOST = "contoso.servicebus.windows.net"
NAME = "RootManageSharedAccessKey"
KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY="
OTHER_KEY = "b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyMTI="
EXPIRY = 1893456000
ROOT = Rule(NAME, Right.ALL, KEY)

any_text = st.text(st.characters(exclude_categories=[]))


def token_for(sr: str, *, key: str = KEY, name: str = NAME, se: int = EXPIRY) -> str:
    """A token over an sr that is encoded already, made without the code under test."""
    signed = f"{sr}\n{se}".encode()
    signature = base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest()).decode()
    return f"SharedAccessSignature sr={sr}&sig={quote(signature, safe='')}&se={se}&skn={name}"


def check(
    text: str,
    *,
    hosts: Iterable[str] = (HOST,),
    path: str = "hyco",
    entity: Iterable[Rule] = (),
    namespace: Iterable[Rule] = (ROOT,),
    right: Right = Right.LISTEN,
    now: float = 0.0,
    **skew: float,
) -> Rule:
    return verify(
        parse_token(text),
        hosts=list(hosts),
        path=path,
        entity_rules=entity,
        namespace_rules=namespace,
        right=right,
        now=now,
        **skew,
    )


def refusal(text: str, **arguments: Any) -> TokenReason:  # noqa: ANN401 - those of check()
    with pytest.raises(TokenError) as caught:
        check(text, **arguments)
    return caught.value.reason


# --- signing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sr", "sig"),
    [
        (
            "http%3A%2F%2Fcontoso.servicebus.windows.net%2Fhyco%2F",
            "ZSyc6GXfGma1ahpHez3Ry7AprfKvdBzlT1vpv9mucow%3D",
        ),
        (
            "http%3a%2f%2fcontoso.servicebus.windows.net%2fhyco%2f",
            "mpifO3VD8b7wV8fDBi9M3UvS1dOYJg4QjV2FL5q9KeQ%3D",
        ),
        (
            "http%3A%2F%2Fcontoso.servicebus.windows.net%3A443%2Fhyco",
            "QB5gYBu40yraMw17u%2BSgTJMOI6YMTea%2FxTSrICXKhF4%3D",
        ),
        (
            "http%3A%2F%2Fcontoso.servicebus.windows.net%2Fhyco",
            "7FpFVqMJJuKU2%2FA%2BZsVjADqLp6ZhYbPT2H%2F2ahFL0IQ%3D",
        ),
        (
            "sb%3A%2F%2Fcontoso.servicebus.windows.net%2Fhyco",
            "MrxsErx6GzphwMd%2FzFgETmFOpEd%2BO97cufAivnMrf%2BI%3D",
        ),
        ("sb%3A%2F%2Fcontoso.servicebus.windows.net", "K4TvmJoO0mj4YVr9yISSOLHmcIlWALm5AbeMA9Ca2R0%3D"),
    ],
)
def test_vectors_of_the_reference(sr: str, sig: str):
    """Protocol reference §2.2."""
    text = f"SharedAccessSignature sr={sr}&sig={sig}&se=1893456000&skn=RootManageSharedAccessKey"
    assert check(text) is ROOT
    if "%3A" in sr:  # we write upper-case hex
        assert sign(unquote_plus(sr), NAME, KEY, EXPIRY) == text


def test_an_audience_is_the_http_url_of_the_hybrid_connection():
    assert audience(HOST, "hyco") == "http://contoso.servicebus.windows.net/hyco"
    assert audience("::1", "/a/b/") == "http://[::1]/a/b"
    assert audience(HOST, "") == "http://contoso.servicebus.windows.net/"


def test_a_rule_name_is_encoded():
    assert sign("http://h/x", "a b&c", KEY, 1).endswith("&se=1&skn=a%20b%26c")


@given(
    st.sampled_from(["ns.example.net", "::1", "localhost"]),
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,9}[A-Za-z0-9])?(/[a-z0-9]{1,5}){0,3}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9][ -~]{0,49}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256),
    st.integers(0, 253_402_300_799),
)
def test_what_was_signed_is_read_and_accepted(host: str, path: str, name: str, key: str, expires_at: int):
    text = sign(audience(host, path), name, key, expires_at)
    token = parse_token(text)
    assert (token.host, token.canonical_path, token.rule_name) == (host, path.lower(), name)
    assert token.expires_at == expires_at
    rule = Rule(name, Right.SEND, key)
    for form in (text, unquote_plus(quote_plus(text))):
        assert (
            check(form, hosts=[host], path=path.lower(), namespace=[rule], right=Right.SEND, now=expires_at)
            is rule
        )


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "paths"),
    [
        (f"http://{HOST}/hyco/", ["hyco", "hyco/suffix"]),
        (f"http://{HOST}:443/hyco", ["hyco"]),
        (f"http://{HOST}/hyco", ["hyco"]),
        (f"https://{HOST}/hyco", ["hyco"]),
        (f"sb://{HOST}/hyco", ["hyco"]),
        (f"wss://{HOST}/hyco?x=1", ["hyco"]),
        (f"sb://{HOST}", ["hyco", "a/b"]),
        (f"sb://{HOST}:443", ["hyco"]),
        (f"sb://{HOST}?x", ["hyco"]),
        (f"http://{HOST}/", ["hyco", "a/b"]),
        (f"HTTP://{HOST.upper()}/HYCO/", ["hyco"]),
        (f"http://{HOST}./hyco", ["hyco"]),
        (f"http://{HOST}//hyco//", ["hyco"]),
        (f"http://{HOST}/a", ["a", "a/b", "a/b/c"]),
        (f"http://{HOST}/my%20path", ["my path"]),
    ],
)
def test_every_resource_that_clients_sign_covers_its_path(uri: str, paths: list[str]):
    upper = quote(uri, safe="")
    for sr in (upper, upper.replace("%3A", "%3a").replace("%2F", "%2f"), quote(uri, safe="/:?=")):
        for path in paths:
            assert check(token_for(sr), path=path) is ROOT


@pytest.mark.parametrize(
    "resource",
    [
        f"http://{HOST}/hyco2",
        f"http://{HOST}/hyc",
        f"http://{HOST}/hyco/suffix",
        f"http://{HOST}/$hc/hyco",
        "http://other.servicebus.windows.net/hyco",
        f"http://{HOST}.evil.net/hyco",
        "http://servicebus.windows.net/hyco",
    ],
)
def test_another_resource_is_a_wrong_audience(resource: str):
    assert refusal(token_for(quote(resource, safe=""))) is TokenReason.AUDIENCE


def test_fields_come_in_any_order_and_case_beside_unknown_ones():
    sr, sig, se, skn = token_for(quote(f"http://{HOST}/hyco")).partition(" ")[2].split("&")
    for parts in itertools.permutations([sr, sig, se, skn]):
        assert check("sharedaccesssignature " + "&".join(parts)) is ROOT
    upper = [part.partition("=")[0].upper() + "=" + part.partition("=")[2] for part in (sr, sig, se, skn)]
    assert check("SHAREDACCESSSIGNATURE\t" + "&".join(["", "x=1", "x=2", "y", *upper, ""])) is ROOT


def test_a_signature_may_have_its_base64_signs_unencoded():
    """Python samples leave "/" alone, and form-decoding makes a space of a raw "+"."""
    sr = "http%3A%2F%2Fcontoso.servicebus.windows.net%2Fhyco"
    sig = "7FpFVqMJJuKU2/A+ZsVjADqLp6ZhYbPT2H/2ahFL0IQ="
    for form in (sig, sig.replace("+", " "), quote(sig), sig.replace("=", "%3d")):
        assert check(f"SharedAccessSignature sr={sr}&sig={form}&se={EXPIRY}&skn={NAME}") is ROOT


def test_a_rule_name_may_be_encoded_and_has_no_case():
    text = token_for(quote(f"http://{HOST}/hyco"), name="ROOTmanage%53haredAccessKey")
    assert check(text) is ROOT


GOOD = dict(
    part.split("=", 1) for part in token_for(quote(f"http://{HOST}/hyco", safe="")).split(" ")[1].split("&")
)


def with_fields(**changes: str) -> str:
    return "SharedAccessSignature " + "&".join(f"{name}={value}" for name, value in (GOOD | changes).items())


@pytest.mark.parametrize("field", ["sr", "sig", "se", "skn"])
def test_a_field_that_is_missing_empty_or_doubled_makes_it_malformed(field: str):
    parts = [f"{name}={value}" for name, value in GOOD.items()]
    own = f"{field}={GOOD[field]}"
    assert (
        refusal("SharedAccessSignature " + "&".join(part for part in parts if part != own))
        is TokenReason.MALFORMED
    )
    assert refusal(with_fields(**{field: ""})) is TokenReason.MALFORMED
    assert refusal(with_fields() + f"&{field}") is TokenReason.MALFORMED
    for doubled in (own, own.upper(), f"{field}=x"):
        assert refusal(with_fields() + "&" + doubled) is TokenReason.MALFORMED
        assert refusal(f"SharedAccessSignature {doubled}&" + "&".join(parts)) is TokenReason.MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "SharedAccessSignature",
        "SharedAccessSignature ",
        "SharedAccessSignature" + with_fields().partition(" ")[2],
        " " + with_fields(),
        "Bearer " + with_fields(),
        with_fields().partition(" ")[2],
        with_fields().replace("&", ";"),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJoIn0.c2ln",
        with_fields() + "&x=" + "y" * 16_384,
        with_fields(se="+1893456000"),
        with_fields(se="1_893"),
        with_fields(se="-1"),
        with_fields(se="1e9"),
        with_fields(se="1893456000.5"),
        with_fields(se=" 1893456000"),
        with_fields(se="\uff11893456000"),
        with_fields(se="%31893456000"),
        with_fields(se="253402300800"),
        with_fields(se="9" * 5_000),
        with_fields(sr="hyco"),
        with_fields(sr=f"{HOST}%2Fhyco"),
        with_fields(sr="http%3A%2F%2F"),
        with_fields(sr="http%3A%2F%2F%2Fhyco"),
        with_fields(sr="http%3A%2F%2Fu%40h%2Fhyco"),
        with_fields(sr="http%3A%2F%2Fh%3A0%2Fhyco"),
        with_fields(sr="http%3A%2F%2Fh%5C%2Fhyco"),
        with_fields(sr="http%3A%2F%2Fh%2Fa%2F..%2Fhyco"),
        with_fields(sr="http%3A%2F%2Fh%2Fa%2F%2Fhyco"),
        with_fields(sr="http%3A%2F%2Fh%2Fa%252Fhyco"),
        with_fields(sr="http%3A%2F%2Fh%2Fhyco%23x"),
        with_fields(sr="http%3A%2F%2Fh%2F%FF"),
        with_fields(sr="http%3A%2F%2Fh%2Fhyco%0A"),
        with_fields(skn="%FF"),
        with_fields(skn="%0A"),
        with_fields(skn="x" * 257),
        with_fields(skn="\ud800"),
        with_fields(sig="\udcff"),
    ],
)
def test_what_is_no_token_is_malformed(text: str):
    assert refusal(text) is TokenReason.MALFORMED


@pytest.mark.parametrize("text", ["", " ", "\t\r\n"])
def test_no_text_is_a_missing_token(text: str):
    assert refusal(text) is TokenReason.MISSING


@given(any_text)
def test_any_text_is_a_token_or_refused(text: str):
    for form in (text, "SharedAccessSignature " + text, *(with_fields(**{field: text}) for field in GOOD)):
        try:
            token = parse_token(form)
        except TokenError:
            continue
        assert token.host


def test_a_tokens_repr_shows_no_signature():
    assert GOOD["sig"][:20] not in repr(parse_token(with_fields()))
    assert KEY not in repr(ROOT)


# --- checking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sig", ["%C3%B8", "ø" * 44, "%FF", "x", "%00" * 44, "=" * 44])
def test_a_signature_of_any_characters_is_compared(sig: str):
    """compare_digest raises TypeError for str outside ASCII: a classic 500. Ours compares bytes."""
    assert refusal(with_fields(sig=sig)) is TokenReason.SIGNATURE


@pytest.mark.parametrize(
    "sig", [GOOD["sig"].removesuffix("%3D"), GOOD["sig"] + "%3D", GOOD["sig"].swapcase()]
)
def test_a_signature_has_one_spelling(sig: str):
    assert refusal(with_fields(sig=sig)) is TokenReason.SIGNATURE


def test_an_unknown_rule_and_a_wrong_key_are_refused_alike():
    """Whoever has no key does not learn which rules there are."""
    texts = set()
    for rules in ((), (Rule("other", Right.ALL, KEY),), (Rule(NAME, Right.ALL, OTHER_KEY),)):
        with pytest.raises(TokenError) as caught:
            check(with_fields(), namespace=rules)
        texts.add((caught.value.reason, str(caught.value)))
    assert texts == {(TokenReason.SIGNATURE, "InvalidSignature: The token has an invalid signature.")}


def test_the_secondary_key_signs_as_well():
    rule = Rule(NAME, Right.LISTEN, OTHER_KEY, KEY)
    assert check(with_fields(), namespace=[rule]) is rule


def test_an_empty_key_signs_nothing():
    """A rule without a secondary key must not accept what anybody can sign."""
    text = token_for(GOOD["sr"], key="")
    assert refusal(text, namespace=[Rule(NAME, Right.ALL, OTHER_KEY, "")]) is TokenReason.SIGNATURE
    assert refusal(text, namespace=[Rule(NAME, Right.ALL, "")]) is TokenReason.SIGNATURE


def test_the_rule_of_the_hybrid_connection_comes_first():
    entity = Rule(NAME.lower(), Right.LISTEN, KEY)
    assert check(with_fields(), entity=[entity]) is entity


@pytest.mark.parametrize(
    "entity",
    [
        Rule(NAME, Right.ALL, OTHER_KEY),
        Rule("other", Right.ALL, KEY),
        Rule(NAME, Right.SEND, KEY),
    ],
)
def test_where_the_rule_of_the_hybrid_connection_fails_the_namespaces_is_tried(entity: Rule):
    assert check(with_fields(), entity=[entity]) is ROOT


def test_a_rule_of_the_hybrid_connection_signs_for_any_ancestor():
    """Microsoft's Java sender signs sb://host with whatever key it has."""
    entity = Rule(NAME, Right.SEND, KEY)
    text = token_for(quote(f"sb://{HOST}", safe=""))
    assert check(text, path="a/b", entity=[entity], namespace=[], right=Right.SEND) is entity


@pytest.mark.parametrize(
    ("right", "message"),
    [
        (Right.LISTEN, "Authorization failed for specified action: Listen."),
        (Right.SEND, "Authorization failed for specified action: Send."),
        (Right.MANAGE, "Authorization failed for specified action: Manage."),
    ],
)
def test_a_rule_without_the_right_is_refused(right: Right, message: str):
    with pytest.raises(TokenError) as caught:
        check(with_fields(), namespace=[Rule(NAME, Right.ALL & ~right, KEY)], right=right)
    assert caught.value.reason is TokenReason.MISSING_RIGHT
    assert str(caught.value) == message


def test_no_right_at_all_is_had_with_any_rule():
    assert check(with_fields(), right=Right(0)) is ROOT


def test_a_token_counts_until_the_skew_is_over():
    assert check(with_fields(), now=EXPIRY) is ROOT
    assert check(with_fields(), now=EXPIRY + 300) is ROOT
    assert check(with_fields(), now=EXPIRY, skew_s=0) is ROOT
    assert refusal(with_fields(), now=EXPIRY + 300.1) is TokenReason.EXPIRED
    assert refusal(with_fields(), now=EXPIRY + 0.1, skew_s=0) is TokenReason.EXPIRED


def test_an_expired_token_says_when():
    with pytest.raises(TokenError) as caught:
        check(token_for(GOOD["sr"], se=1767225600), now=EXPIRY)
    assert str(caught.value) == "ExpiredToken: The token is expired. Expiration time: '2026-01-01 00:00:00Z'."


@pytest.mark.parametrize("se", [0, 253_402_300_799])
def test_any_expiry_can_be_written(se: int):
    assert refusal(token_for(GOOD["sr"], se=se), now=1e12) is TokenReason.EXPIRED


def test_the_other_messages_are_azures():
    """Protocol reference §2.5."""
    assert str(missing_token()) == "MissingToken: Relay security token is required."
    with pytest.raises(TokenError, match=r"^MalformedToken: The token is malformed\.$"):
        check("x")
    with pytest.raises(
        TokenError,
        match=r"^InvalidAudience: The authorization header contains a token with a wrong audience\.$",
    ):
        check(with_fields(), path="other")


def test_a_tenant_opens_only_its_own_doors():
    """P8: whatever names resemble each other, a token opens its own hybrid connection and what lies below it."""
    hosts = ["a.example.net", "b.example.net", "a.example.net.evil.org"]
    entities = ["hyco", "hyco2", "hyc", "hyco/x", "x/hyco", "hyco-x"]
    doors = list(itertools.product(hosts, entities, [Right.LISTEN, Right.SEND, Right.MANAGE]))
    rules = {door: Rule("rule", door[2], f"key of {door}") for door in doors}
    for mine, theirs in itertools.product(doors, doors):
        text = sign(audience(mine[0], mine[1]), "rule", rules[mine].primary_key, EXPIRY)
        arguments = {"hosts": [theirs[0]], "path": theirs[1], "entity": [rules[theirs]], "namespace": []}
        if mine == theirs:
            assert check(text, **arguments, right=theirs[2]) is rules[mine]
        else:
            assert refusal(text, **arguments, right=theirs[2]) is TokenReason.SIGNATURE


def test_a_stranger_cannot_tell_an_existing_hybrid_connection_from_a_missing_one():
    """P8: a tenant's valid token, and a made-up one, get the same answer for both."""
    mine = sign(audience("mine.example.net", "hyco"), NAME, OTHER_KEY, EXPIRY)
    root = Rule(NAME, Right.ALL, KEY)
    for text in (mine, with_fields(sig="x"), token_for(GOOD["sr"], key=OTHER_KEY)):
        answers = set()
        for rules in ([], [Rule("r", Right.ALL, "k1", "k2")], [Rule(NAME, Right.ALL, "k1", "k2")]):
            with pytest.raises(TokenError) as caught:
                check(text, entity=rules, namespace=[root])
            answers.add((caught.value.reason, str(caught.value)))
        assert len(answers) == 1


class Forger:
    """Makes tokens that must not be accepted, from one that is; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.kinds = [
            self.other_signature,
            self.cut_signature,
            self.other_resource,
            self.noise,
            self.other_expiry,
            self.dropped,
            self.doubled,
            self.other_key,
            self.signed_for_elsewhere,
            self.signed_but_expired,
            self.signed_without_right,
            self.other_wrapping,
            self.junk,
        ]

    def make(self) -> str:
        return self.chance.choice(self.kinds)()

    def other_signature(self) -> str:
        signature = list(unquote_plus(GOOD["sig"].replace("+", "%2B")))
        place = self.chance.randrange(len(signature))
        alphabet = (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=!\xe9\u0430\u2160\U0001f511"
        )
        signature[place] = self.chance.choice(alphabet.replace(signature[place], ""))
        return with_fields(sig=quote("".join(signature), safe=""))

    def cut_signature(self) -> str:
        return with_fields(sig=GOOD["sig"][: self.chance.randrange(len(GOOD["sig"]))])

    def other_resource(self) -> str:
        uri = self.chance.choice(
            [
                f"http://{HOST}",
                f"sb://{HOST}/hyco",
                f"http://{HOST}/hyco/",
                f"http://{HOST}/hycoo",
                "http://x/hyco",
            ]
        )
        return with_fields(sr=quote(uri, safe=""))

    def noise(self) -> str:
        field = self.chance.choice(["sr", "se"])
        place = self.chance.randrange(len(GOOD[field]) + 1)
        letter = chr(self.chance.choice([self.chance.randrange(1, 128), self.chance.randrange(0x11_0000)]))
        # A "&" in front of or behind a value would only add an empty field.
        letter = "%" if letter == "&" else letter
        return with_fields(**{field: GOOD[field][:place] + letter + GOOD[field][place:]})

    def other_expiry(self) -> str:
        return with_fields(se=str(EXPIRY + self.chance.choice([-1, 1]) * self.chance.randrange(1, 10**9)))

    def dropped(self) -> str:
        names = self.chance.sample(sorted(GOOD), self.chance.randrange(len(GOOD)))
        return "SharedAccessSignature " + "&".join(f"{name}={GOOD[name]}" for name in names)

    def doubled(self) -> str:
        name = self.chance.choice(sorted(GOOD))
        value = self.chance.choice([GOOD[name], "", "x", GOOD[name].lower()])
        parts = [f"{name}={value}" for name, value in GOOD.items()]
        parts.insert(self.chance.randrange(5), f"{self.chance.choice([name, name.upper()])}={value}")
        return "SharedAccessSignature " + "&".join(parts)

    def other_key(self) -> str:
        key = self.chance.choice(
            [OTHER_KEY, "", KEY[:-1], KEY.lower(), base64.b64decode(KEY).decode(), KEY + "\n"]
        )
        return token_for(GOOD["sr"], key=key)

    def signed_for_elsewhere(self) -> str:
        path = self.chance.choice(["hyco2", "hyc", "hyco/x", "other", "x/hyco", "hyco%252f", "..", "%68yco-"])
        host = self.chance.choice([HOST, "other." + HOST, HOST + ".evil.net", "xn--" + HOST])
        return token_for(quote(f"{self.chance.choice(['http', 'sb'])}://{host}/{path}", safe=""))

    def signed_but_expired(self) -> str:
        return token_for(GOOD["sr"], se=self.chance.randrange(NOW - 301))

    def signed_without_right(self) -> str:
        return token_for(GOOD["sr"], name="sender")

    def other_wrapping(self) -> str:
        prefix = self.chance.choice(
            ["", "Bearer ", "SharedAccessSignature", "SharedAccessSignature+", "SAS ", "\u017f"]
        )
        separator = self.chance.choice(["&", ";", "&amp;", "%26"])
        if prefix == "":
            prefix, separator = "SharedAccessSignature ", separator.replace("&", ";")
        return prefix + separator.join(f"{name}={value}" for name, value in GOOD.items())

    def junk(self) -> str:
        length = self.chance.randrange(120)
        return "SharedAccessSignature " + "".join(
            self.chance.choices("srigekn=&%2F+ \x00\xff\ud800\u2028:/", k=length)
        )


NOW = EXPIRY - 10


@pytest.mark.slow
def test_of_twenty_thousand_forged_tokens_none_is_accepted():
    """B4. The token they were made from is accepted, and every reason to refuse one occurs."""
    rules = [ROOT, Rule("sender", Right.SEND, KEY)]
    assert check(with_fields(), namespace=rules, now=NOW) is ROOT
    forger = Forger(seed=2)
    reasons = Counter(refusal(forger.make(), namespace=rules, now=NOW) for _ in range(20_000))
    assert reasons.keys() == set(TokenReason) - {TokenReason.MISSING}


# --- rights and names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        ("listen", Right.LISTEN),
        ("Send", Right.SEND),
        ("listen,send", Right.LISTEN | Right.SEND),
        (" Send , LISTEN,send", Right.LISTEN | Right.SEND),
        ("listen,send,manage", Right.ALL),
    ],
)
def test_rights_are_read(text: str, rights: Right):
    assert parse_rights(text) == rights


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("", "not ''"),
        ("listen,", "not ''"),
        ("read", "not 'read'"),
        ("manage", "needs listen and send"),
        ("manage,send", "needs listen and send"),
    ],
)
def test_other_rights_are_refused(text: str, because: str):
    with pytest.raises(ValueError, match=because):
        parse_rights(text)


@pytest.mark.parametrize("name", ["a", "RootManageSharedAccessKey", "a.b_c-1", "x" * 50])
def test_a_rule_can_have_this_name(name: str):
    assert check_rule_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 51, "a b", "-a", "a.", "ø", "a/b", "a\n", "a;b"])
def test_a_rule_cannot_have_this_name(name: str):
    with pytest.raises(ValueError, match="the name of a rule"):
        check_rule_name(name)


@pytest.mark.parametrize(
    ("text", "is_jwt"),
    [
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJoIn0.c2ln", True),
        ("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJoIn0.c2ln", True),
        ("bearer  eyJhbGciOiJub25lIn0.eyJzdWIiOiJoIn0.", True),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJoIn0", False),
        ("EYJhbGciOiJub25lIn0.eyJzdWIiOiJoIn0.c2ln", False),
        ("eyJ.a.b.c.d", False),
        ("eyJ.ø.b", False),
        ("", False),
        (with_fields(), False),
        ("eyJ.a." + "x" * 16_384, False),
    ],
)
def test_a_json_web_token_is_known_by_its_shape(text: str, is_jwt: bool):
    assert looks_like_jwt(text) is is_jwt
