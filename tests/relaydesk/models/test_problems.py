"""Every problem has words that anybody understands."""

from __future__ import annotations

import pytest

from relaydesk.models import problems
from relaydesk.snapshot import Problem, Trouble

pytestmark = pytest.mark.usefixtures("english")

STATUSES = (None, 400, 401, 403, 404, 405, 407, 408, 409, 410, 418, 429, 500, 501, 502, 503, 504, 507)


def of(trouble: Trouble, **more: object) -> Problem:
    return Problem(trouble=trouble, cause="[Errno 111] Connect call failed", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_a_title_an_explanation_and_a_next_step(trouble: Trouble) -> None:
    words = problems.explain(of(trouble))
    assert all(words)
    assert len(words.title) <= 60
    assert "Errno" not in "".join(words)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_of_a_gateway_has_words(status: int | None) -> None:
    words = problems.explain(of(Trouble.GATEWAY_REFUSED, status=status))
    assert all(words)


def test_no_two_troubles_say_the_same() -> None:
    titles = [problems.explain(of(trouble)).title for trouble in Trouble]
    assert len(set(titles)) == len(titles)


def test_401_and_403_and_404_say_different_things_to_do() -> None:
    steps = {
        problems.explain(of(Trouble.GATEWAY_REFUSED, status=status)).next_step for status in (401, 403, 404)
    }
    assert len(steps) == 3


def test_the_cause_is_literal_and_bounded() -> None:
    hostile = "<img src=file:///etc/passwd>\u202eevil\n" + "x" * 100_000
    shown = problems.cause(Problem(trouble=Trouble.OTHER, cause=hostile))
    assert shown.startswith("<img src=file:///etc/passwd>\\u202eevil\\n")
    assert len(shown) < 1_100


def test_a_countdown_is_given_where_something_happens_by_itself() -> None:
    assert problems.waits(of(Trouble.CHANNEL_LOST, next_try_at=106.0), 100.0) == "Next try in 6 s"
    assert problems.waits(of(Trouble.CHANNEL_LOST, next_try_at=99.0), 100.0) == "Trying now"
    assert problems.waits(of(Trouble.CONFIG), 100.0) == ""


def test_since_is_said_where_it_is_known() -> None:
    assert problems.since(of(Trouble.TARGET), 100.0) == ""
    assert problems.since(of(Trouble.TARGET, since=100.0), 290.0).endswith("for 3 min")


@pytest.mark.parametrize("trouble", [Trouble.CONFIG, Trouble.CREDENTIAL, Trouble.MISSING_RIGHT, Trouble.DISK])
def test_trying_again_is_not_offered_where_it_cannot_help(trouble: Trouble) -> None:
    assert not problems.can_be_retried(of(trouble))
    assert problems.can_be_retried(of(trouble, next_try_at=1.0))
