from __future__ import annotations

import asyncio
import datetime as dt
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.access import (
    NOT_KNOWN,
    NOT_SHOWN,
    OVER,
    TWICE,
    AccessPolicy,
    Admission,
    Refusal,
    headers_without_invitation,
    session_cookie,
    target_without_invitation,
)
from agent.config import Invited
from agent.errors import NotInvitedError
from agent.invitation import digest

ANN_ID, BEN_ID = "a" * 32, "b" * 32
ENDS = 1_800_000_000.0
ANN = Invited(name="Ann", sha256=digest(ANN_ID))
BEN = Invited(name="Ben", sha256=digest(BEN_ID), until=dt.datetime.fromtimestamp(ENDS, dt.UTC))


def policy(*invited: Invited, now: float = ENDS - 1) -> AccessPolicy:
    return AccessPolicy(invited, lambda: now)


# --- who may come in -------------------------------------------------------------------------------------------------


def test_everybody_may_come_in_where_nobody_is_named():
    assert AccessPolicy(None, lambda: 0.0).admit([], "relaydesk-invitation=x") == Admission(None)


def test_nobody_may_come_in_where_the_list_is_empty():
    assert policy().admit([], f"relaydesk-invitation={ANN_ID}") == NOT_KNOWN
    assert policy().admit([], "") == NOT_SHOWN


@pytest.mark.parametrize(
    ("headers", "query", "verdict"),
    [
        ([], f"relaydesk-invitation={ANN_ID}", Admission(ANN, ANN_ID)),
        ([], f"a=1&RelayDesk%2DInvitation={ANN_ID}&&b", Admission(ANN, ANN_ID)),
        ([("RelayDesk-Invitation", f" {ANN_ID} ")], "a=1", Admission(ANN)),
        ([("relaydesk-invitation", BEN_ID)], "", Admission(BEN)),
        ([("Cookie", f"a=1; relaydesk-invitation={ANN_ID}; b=2")], "", Admission(ANN)),
        ([], "", NOT_SHOWN),
        ([("RelayDesk-Invitation", "")], "", NOT_SHOWN),
        ([], "relaydesk-invitation", NOT_KNOWN),
        ([], "relaydesk-invitation=", NOT_KNOWN),
        ([], f"relaydesk-invitation={ANN_ID[:-1]}", NOT_KNOWN),
        ([], f"relaydesk-invitation={ANN_ID.upper()}", NOT_KNOWN),
        ([], f"relaydesk-invitation={ANN.sha256}", NOT_KNOWN),
        ([], f"xrelaydesk-invitation={ANN_ID}", NOT_SHOWN),
        ([("Cookie", "relaydesk-invitation=stale")], "", NOT_KNOWN),
        # twice, whether or not it is the same one
        ([], f"relaydesk-invitation={ANN_ID}&relaydesk-invitation={ANN_ID}", TWICE),
        ([("RelayDesk-Invitation", ANN_ID)], f"relaydesk-invitation={ANN_ID}", TWICE),
        ([("RelayDesk-Invitation", ANN_ID), ("RelayDesk-Invitation", BEN_ID)], "", TWICE),
        ([("RelayDesk-Invitation", f"{ANN_ID}, {ANN_ID}")], "", TWICE),
        # of several cookies, any may be the right one; what is shown openly counts more than all of them
        ([("Cookie", f"relaydesk-invitation=x; relaydesk-invitation={ANN_ID}")], "", Admission(ANN)),
        ([("Cookie", f"relaydesk-invitation={ANN_ID}")], "relaydesk-invitation=x", NOT_KNOWN),
        (
            [("Cookie", f"relaydesk-invitation={ANN_ID}")],
            f"relaydesk-invitation={BEN_ID}",
            Admission(BEN, BEN_ID),
        ),
        ([("Cookie", "relaydesk-invitation=x; " * 8 + f"relaydesk-invitation={ANN_ID}")], "", NOT_KNOWN),
    ],
)
def test_id_is_looked_for_where_it_may_be(
    headers: list[tuple[str, str]], query: str, verdict: Admission | Refusal
):
    assert policy(ANN, BEN).admit(headers, query) == verdict


def test_invitation_that_is_over_is_said_to_be():
    query = f"relaydesk-invitation={BEN_ID}"
    assert policy(ANN, BEN, now=ENDS - 0.1).admit([], query) == Admission(BEN, BEN_ID)
    assert policy(ANN, BEN, now=ENDS).admit([], query) == OVER


@given(st.lists(st.tuples(st.text(), st.text())), st.text(st.characters(exclude_categories=[])))
def test_any_request_gets_a_verdict(headers: list[tuple[str, str]], query: str):
    assert isinstance(policy(ANN).admit(headers, query), Admission | Refusal)
    assert isinstance(policy(ANN).admit([], f"relaydesk-invitation={query}"), Admission | Refusal)


def test_nothing_that_is_shown_tells_the_id():
    verdict = policy(ANN).admit([], f"relaydesk-invitation={ANN_ID}")
    assert ANN_ID not in repr(verdict)
    for refusal in (NOT_SHOWN, NOT_KNOWN, OVER, TWICE):
        assert refusal.status == 403


# --- who is in -------------------------------------------------------------------------------------------------------


class Guest:
    """Somebody who is in until cut, in a task of its own."""

    def __init__(self, policy: AccessPolicy, admission: Admission) -> None:
        self.is_in = asyncio.Event()
        self.task = asyncio.create_task(self._stay(policy, admission))

    async def _stay(self, policy: AccessPolicy, admission: Admission) -> None:
        with policy.hold(admission):
            self.is_in.set()
            await asyncio.Event().wait()


async def test_who_is_no_longer_invited_is_cut_and_the_others_stay():
    doors = policy(ANN, BEN)
    ann, ben, second_ben = (Guest(doors, Admission(one)) for one in (ANN, BEN, BEN))
    for guest in (ann, ben, second_ben):
        await guest.is_in.wait()
    assert doors.take((ANN,)) == 2
    for guest in (ben, second_ben):
        with pytest.raises(NotInvitedError, match="withdrawn: that of Ben"):
            await guest.task
        assert not guest.task.cancelling()
    assert not ann.task.done()
    assert doors.take((ANN,)) == 0
    assert doors.take(()) == 1
    with pytest.raises(NotInvitedError):
        await ann.task
    assert doors.take(()) == 0


async def test_who_came_while_everybody_might_is_cut_once_nobody_is_invited():
    doors = AccessPolicy(None, lambda: 0.0)
    guest = Guest(doors, Admission(None))
    await guest.is_in.wait()
    assert doors.take((ANN,)) == 1
    with pytest.raises(NotInvitedError):
        await guest.task


async def test_nobody_is_cut_when_everybody_may_come_in_or_an_end_moves():
    doors = policy(ANN, BEN)
    guest = Guest(doors, Admission(BEN))
    await guest.is_in.wait()
    assert doors.take((Invited(name="Ben", sha256=BEN.sha256),)) == 0
    assert doors.take(None) == 0
    assert isinstance(doors.admit([], ""), Admission)
    guest.task.cancel()
    await asyncio.wait({guest.task})
    assert guest.task.cancelled()


async def test_what_is_withdrawn_between_verdict_and_coming_in_lets_nobody_in():
    doors = policy(ANN)
    verdict = doors.admit([], f"relaydesk-invitation={ANN_ID}")
    assert isinstance(verdict, Admission)
    doors.take(())
    with pytest.raises(NotInvitedError), doors.hold(verdict):
        pytest.fail("nobody is let in")


async def test_who_is_cancelled_otherwise_is_cancelled_all_the_same():
    doors = policy(ANN)
    guest = Guest(doors, Admission(ANN))
    await guest.is_in.wait()
    guest.task.cancel()
    doors.take(())
    await asyncio.wait({guest.task})
    assert guest.task.cancelled()


async def test_task_that_goes_on_after_its_guest_left_is_not_cut():
    doors = policy(ANN)
    with doors.hold(Admission(ANN)):
        assert doors.take(()) == 1  # arrives on this loop once the block has been left
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_guest_on_the_relay_loop_is_cut_from_another_thread():
    doors = policy(ANN)
    is_in, outcome = threading.Event(), []

    async def stay() -> None:
        try:
            with doors.hold(Admission(ANN)):
                is_in.set()
                await asyncio.Event().wait()
        except NotInvitedError as error:
            outcome.append(error)

    thread = threading.Thread(target=asyncio.run, args=(stay(),))
    thread.start()
    await asyncio.to_thread(is_in.wait)
    assert doors.take(()) == 1
    await asyncio.to_thread(thread.join)
    assert len(outcome) == 1
    assert doors.take(()) == 0


# --- keeping it from the local service -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("/a", "/a"),
        ("/a?", "/a?"),
        ("/a?x=1&&y=%2f&z", "/a?x=1&&y=%2f&z"),
        ("/a?relaydesk-invitation=id", "/a"),
        ("/a?relaydesk-invitation", "/a"),
        ("/a?x=1&relaydesk-invitation=id", "/a?x=1"),
        ("/a?relaydesk-invitation=id&&x=%2F?", "/a?&x=%2F?"),
        ("/a?RelayDesk%2Dinvitation=id&x&relaydesk-invitation=2", "/a?x"),
        (
            "/relaydesk-invitation=id?relaydesk-invitations=id",
            "/relaydesk-invitation=id?relaydesk-invitations=id",
        ),
    ],
)
def test_parameter_goes_and_all_else_stays_byte_for_byte(target: str, left: str):
    assert target_without_invitation(target) == left


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="&?")), max_size=6), st.data())
def test_parameter_is_found_anywhere(parts: list[str], data: st.DataObject):
    at = data.draw(st.integers(0, len(parts)))
    shown = "&".join([*parts[:at], f"relaydesk-invitation={ANN_ID}", *parts[at:]])
    left = target_without_invitation(f"/p?{shown}")
    assert ANN_ID not in left
    assert left == (
        target_without_invitation(f"/p?{'&'.join(parts)}") if any(parts) or len(parts) > 1 else "/p"
    )


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("RelayDesk-Invitation", "id", None),
        ("relaydesk-invitation", "id", None),
        ("Cookie", "relaydesk-invitation=id", None),
        ("Cookie", "a=1; relaydesk-invitation=id; b=2", "a=1; b=2"),
        ("Cookie", "relaydesk-invitation=id; b=2;c", "b=2;c"),
        ("cookie", "relaydesk-invitations=id;  x = y ;", "relaydesk-invitations=id;  x = y ;"),
        (
            "Referer",
            "https://gw/shop/?sb-hc-token=t&relaydesk-invitation=id&x=1",
            "https://gw/shop/?x=1",
        ),
        ("Referer", "https://gw/shop/?sb-hc-token=t&relaydesk-invitation=id", "https://gw/shop/"),
        ("Referer", "https://gw/shop/?x=%2f&&", "https://gw/shop/?x=%2f&&"),
        ("X-Other", "relaydesk-invitation=id", "relaydesk-invitation=id"),
    ],
)
def test_headers_are_cleaned_and_all_else_stays(name: str, value: str, left: str | None):
    around = (("Host", "h"), ("Accept", "*/*"))
    expected = (around[0], *(() if left is None else ((name, left),)), around[1])
    assert headers_without_invitation((around[0], (name, value), around[1])) == expected


@pytest.mark.parametrize(
    ("target", "path", "is_secure", "cookie"),
    [
        ("/Shop/?a=1", "shop", True, "Path=/Shop; HttpOnly; SameSite=Lax; Secure"),
        ("/team/shop/x", "team/shop", False, "Path=/team/shop; HttpOnly; SameSite=Lax"),
        ("/other", "a b;c", False, "Path=/a%20b%3Bc; HttpOnly; SameSite=Lax"),
    ],
)
def test_cookie_is_for_the_hybrid_connection_alone(*, target: str, path: str, is_secure: bool, cookie: str):
    [(name, value)] = session_cookie(ANN_ID, target, path, is_secure=is_secure)
    assert (name, value) == ("Set-Cookie", f"relaydesk-invitation={ANN_ID}; {cookie}")


def test_id_that_no_cookie_can_hold_makes_none():
    assert session_cookie("a; Domain=evil.test", "/shop", "shop", is_secure=True) == ()
