import pytest

from gateway.admin import gate
from gateway.admin.gate import LOCKED_FOR_S, MAX_FAILURES, Gate, Refused

TOKEN = "a-token-of-the-admin-api-with-some-length"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Gate:
    return Gate(TOKEN, ["admin.example", "192.0.2.1"], clock=clock)


def refusal(door: Gate, *values: str, address: str = "127.0.0.1") -> Refused:
    with pytest.raises(Refused) as caught:
        door.check_token(address, values)
    return caught.value


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:9401",
        "127.0.0.1:9401",
        "127.8.9.1",
        "[::1]:9401",
        "admin.example:1",
        "192.0.2.1",
    ],
)
def test_names_of_this_computer_and_configured_ones_are_answered(door: Gate, host: str) -> None:
    door.check_host([host])


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "192.0.2.2",
        "[::2]",
        "0.0.0.0",
        "[::ffff:7f00:1]x",
        "",
        "a b",
        "localhost@evil.test",
        "evil.test:9401",
        "2130706433",
        "0x7f.1",
    ],
)
def test_other_names_are_refused(door: Gate, host: str) -> None:
    """DNS rebinding: a page's own name, made to point here, shows in the Host header (reliability reference P6)."""
    with pytest.raises(Refused) as caught:
        door.check_host([host])
    assert caught.value.status in (400, 403)


def test_a_request_names_exactly_one_host(door: Gate) -> None:
    for values in ([], ["localhost", "localhost"], ["localhost", "evil.test"]):
        with pytest.raises(Refused) as caught:
            door.check_host(values)
        assert caught.value.status == 400


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost:9401", ""])
def test_pages_change_nothing(door: Gate, method: str, origin: str) -> None:
    with pytest.raises(Refused) as caught:
        door.check_origin(method, [origin])
    assert caught.value.status == 403
    door.check_origin(method, [])
    door.check_origin("GET", [origin])


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"  BEARER   {TOKEN} "])
def test_the_token_opens(door: Gate, value: str) -> None:
    door.check_token("127.0.0.1", [value])


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("",),
        (TOKEN,),
        ("Bearer",),
        ("Bearer ",),
        (f"Basic {TOKEN}",),
        (f"Bearer {TOKEN}x",),
        (f"Bearer {TOKEN[:-1]}",),
        (f"Bearer {TOKEN.upper()}",),
        (f"Bearer {TOKEN}", f"Bearer {TOKEN}"),
        ("Bearer ü",),
        ("Bearer \udcff\udcfe",),
    ],
)
def test_anything_else_does_not(door: Gate, values: tuple[str, ...]) -> None:
    """Reliability reference P9: comparing text outside ASCII raises, and made others answer 500."""
    refused = refusal(door, *values)
    assert refused.status == 401
    assert TOKEN not in refused.message


def test_too_many_wrong_tokens_lock_their_address_out_for_a_while(door: Gate, clock: Clock) -> None:
    for _ in range(MAX_FAILURES):
        assert refusal(door, "Bearer wrong").status == 401
    locked = refusal(door, f"Bearer {TOKEN}")
    assert (locked.status, locked.code, locked.retry_after_s) == (403, "Locked", round(LOCKED_FOR_S))
    door.check_token("192.0.2.7", [f"Bearer {TOKEN}"])
    clock.now += LOCKED_FOR_S
    door.check_token("127.0.0.1", [f"Bearer {TOKEN}"])
    assert refusal(door, "Bearer wrong").status == 401


def test_no_token_is_no_guess(door: Gate) -> None:
    for _ in range(MAX_FAILURES + 5):
        assert refusal(door).status == 401
    door.check_token("127.0.0.1", [f"Bearer {TOKEN}"])


def test_a_good_token_wipes_the_slate(door: Gate) -> None:
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            refusal(door, "Bearer wrong")
        door.check_token("127.0.0.1", [f"Bearer {TOKEN}"])


def test_failures_of_many_addresses_are_remembered_within_a_bound(
    door: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MAX_REMEMBERED", 10)
    for n in range(100):
        refusal(door, "Bearer wrong", address=f"192.0.2.{n}")
    assert len(door._failures) == 10
