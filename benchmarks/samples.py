"""What was measured, and the arithmetic on it: medians, ranges, and ratios paired within each round."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Iterable, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Sample:
    """The figures of one relay doing one work in one round."""

    round: int
    work: str
    relay: str
    figures: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Failure:
    """One relay that could not do one work in one round, and why."""

    round: int
    work: str
    relay: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Spread:
    """The middle of several values, and how far they reach."""

    median: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything one call of the benchmark found.

    Attributes:
        machine: What it ran on, by name.
        settings: How long and how often.
        missing: Relays that could not be run, and why.
        samples: In the order in which they were taken.
        failures: What was tried and gave no sample.
    """

    machine: dict[str, str]
    settings: dict[str, Any]
    missing: dict[str, str]
    samples: Sequence[Sample]
    failures: Sequence[Failure] = ()

    def to_json(self) -> str:
        """All of it, for a file."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Run:
        """What to_json wrote."""
        document: dict[str, Any] = json.loads(text)
        samples = [Sample(**sample) for sample in document.pop("samples")]
        failures = [Failure(**failure) for failure in document.pop("failures", [])]
        return cls(samples=samples, failures=failures, **document)

    def joined(self, other: Run) -> Run:
        """This run, and what *other* found: for works that both did, only that.

        The machine and the pace shown are this one's; of the rounds, the fewer.
        """
        done = {sample.work for sample in other.samples} | {failure.work for failure in other.failures}
        settings = {**self.settings, "rounds": min(self.settings["rounds"], other.settings["rounds"])}
        return Run(
            self.machine,
            settings,
            {**self.missing, **other.missing},
            [*(sample for sample in self.samples if sample.work not in done), *other.samples],
            [*(failure for failure in self.failures if failure.work not in done), *other.failures],
        )

    def values(self, work: str, figure: str, relay: str) -> dict[int, float]:
        """*figure* of *relay* doing *work*, by round; empty where that was not measured."""
        return {
            sample.round: sample.figures[figure]
            for sample in self.samples
            if sample.work == work and sample.relay == relay and figure in sample.figures
        }

    def spread(self, work: str, figure: str, relay: str) -> Spread | None:
        """The same over all rounds; None where that was not measured."""
        return spread(self.values(work, figure, relay).values())

    def ratio(self, work: str, figure: str, relay: str, base: str) -> Spread | None:
        """*figure* of *relay* divided by that of *base*, round by round; None where no round has both.

        The machine is never equally busy twice; within a round, two relays follow each other closely.
        """
        mine, theirs = self.values(work, figure, relay), self.values(work, figure, base)
        return spread(mine[round_] / theirs[round_] for round_ in mine if theirs.get(round_))


def spread(values: Iterable[float]) -> Spread | None:
    """Median, least and greatest of *values*; None where there are none."""
    ordered = sorted(values)
    if not ordered:
        return None
    return Spread(statistics.median(ordered), ordered[0], ordered[-1])
