"""A walk of the doctor's, as it is shown."""

from __future__ import annotations

from agent.checks import Check, Fault, Outcome, Step
from relaydesk.models.checks import Walk, face
from relaydesk.snapshot import Problem, Trouble
from tests.support.sample_checks import all_good, failed_at


def test_each_hop_has_its_turn():
    walk = Walk()
    assert walk.running is None
    walk.begin()
    assert walk.running is Step.TARGET
    for check in all_good():
        assert walk.running is check.step
        walk.take(check)
    walk.end()
    assert [step for step, _ in walk.rows] == list(Step)
    assert (walk.failure, walk.warning, walk.is_walking) == (None, None, False)


def test_first_failure_is_the_one():
    walk = Walk()
    walk.begin()
    for check in failed_at(Step.TCP, Fault.PORT_BLOCKED):
        walk.take(check)
    assert walk.failure is not None
    assert walk.failure.step is Step.TCP
    assert len(walk.failures) == 1


def test_warning_is_one():
    walk = Walk()
    walk.take(Check(step=Step.CLOCK, outcome=Outcome.WARNING, tried="x", fault=Fault.CLOCK_WRONG))
    assert walk.warning is not None
    assert walk.failure is None


def test_hops_that_do_not_matter_show_only_when_something_is_wrong():
    walk = Walk((Step.TOKEN,))
    for check in failed_at(Step.TCP, Fault.PORT_BLOCKED):
        walk.take(check)
    assert [step for step, _ in walk.rows] == [Step.TCP, Step.TOKEN]


def test_beginning_again_forgets_what_was():
    walk = Walk()
    walk.take(all_good()[0])
    walk.end(Problem(trouble=Trouble.OTHER, cause="x"))
    walk.begin()
    assert (walk.checks, walk.problem, walk.is_walking) == ((), None, True)


def test_every_outcome_has_a_face_of_its_own():
    faces = {face(Check(step=Step.TCP, outcome=outcome, tried="")) for outcome in Outcome}
    faces |= {face(None), face(None, is_running=True)}
    assert len(faces) == len(Outcome) + 2
