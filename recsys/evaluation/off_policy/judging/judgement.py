"""What a log says of policies that did not write it, as values and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from recsys.evaluation.compare import Estimate
from recsys.evaluation.equivalence import Verdict
from recsys.evaluation.off_policy.estimators.estimator import Weighing
from recsys.evaluation.off_policy.judging.overlap import Overlap
from recsys.evaluation.off_policy.log.left_out import LeftOut
from recsys.evaluation.off_policy.log.rewards import EventCounts
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.schema import Instant

FILE = "ab.json"
LOG = "log"
"""The policies that wrote the log, as they were mixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCard:
    """What the figures rest on.

    Attributes:
        directory: of the log.
        answers: that are evaluated.
        unknown: answers that could be, of which some policy's probabilities cannot be told.
        unused: answers that were not drawn into the sample that is judged.
        users: of those that are evaluated; a request without a user counts as one.
        rows: places of their lists.
        since, until: instants of the first and the last of them.
        arms: arm → answers that are evaluated.
        left_out: answers that cannot be.
        events: what became of those that earn.
        rewards: role → what one event earns.
        by_value: roles that earn by their value.
        window_hours: how long after its answer an event counts.
    """

    directory: str
    answers: int
    unknown: int
    unused: int
    users: int
    rows: int
    since: Instant
    until: Instant
    arms: Mapping[str, int]
    left_out: LeftOut
    events: EventCounts
    rewards: Mapping[str, float]
    by_value: tuple[str, ...]
    window_hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How far the log speaks of a policy by one kind of weights.

    Attributes:
        overlap: of the weights.
        refused: what stands against estimates made with them.
    """

    overlap: Overlap
    refused: Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A policy beside the one it is compared to.

    Attributes:
        difference: of what a list earns, in units of reward.
        relative: the same as a fraction of what the other one's earns.
        narrow: likewise, with the interval that equivalence asks for.
        p_value: two-sided, of no difference; None where it cannot be told.
        adjusted: likewise, by Holm's way over all policies.
        detectable: the smallest relative difference that a log like this finds four times of five.
        verdict: what can be said.
    """

    difference: Estimate
    relative: Estimate
    narrow: Estimate
    p_value: float | None
    adjusted: float | None
    detectable: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What can be said of one policy.

    Attributes:
        source: the bundle or file it is.
        support: kind of weights → how far the log speaks of it.
        refused: what stands against every estimate.
        estimates: estimator → what a list earns; those that the log does not support are not there.
        headline: the estimator that the verdict rests on; None where the log supports none.
        always: the headline's interval for who looks again and again; None where the log has too few users for one.
        against: the policy beside the base; None for the base itself, and where one of both has no headline.
        segments: segment → the headline's estimate there, or why there is none.
    """

    source: str
    support: Mapping[Weighing, Support]
    refused: Refusals
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    headline: str | None = None
    always: Estimate | None = None
    against: Against | None = None
    segments: Mapping[str, Estimate | Refusals] = field(default_factory=dict)

    @property
    def reasons(self) -> Refusals:
        """Why there is no headline, each reason once; empty where there is one."""
        if self.headline is not None:
            return ()
        found: dict[str, Refusal] = {each.name: each for each in self.refused}
        for support in self.support.values():
            for each in support.refused:
                found.setdefault(each.name, each)
        return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What `recsys ab` found.

    Attributes:
        card: what it rests on.
        logged: what a list of the log earned.
        base: name of the policy that the others are compared to; `LOG` for those that wrote the log.
        margin: the largest relative difference nobody would mind.
        level: of the intervals of estimates.
        samples: draws of users.
        policies: name → what can be said of it.
        segments: segment → what a list of the log earned there.
    """

    card: LogCard
    logged: Estimate
    base: str
    margin: float
    level: float
    samples: int
    policies: Mapping[str, Judged]
    segments: Mapping[str, Estimate]

    @property
    def answered(self) -> bool:
        """Whether something can be said of each policy."""
        return all(each.headline is not None for each in self.policies.values())

    def to_json(self) -> bytes:
        """Equal values give equal bytes; a number that is none is null."""
        return TypeAdapter(Judgement).dump_json(self, indent=1) + b"\n"

    def save(self, directory: Path) -> None:
        """Write `FILE`, in one step."""
        write(directory / FILE, self.to_json())


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A log that says nothing of what was asked.

    Attributes:
        said: what it does not tell.
        refused: why.
    """

    said: str
    refused: Refusals

    def to_json(self) -> bytes:
        """Equal values give equal bytes."""
        return TypeAdapter(Unanswered).dump_json(self, indent=1) + b"\n"

    def save(self, directory: Path) -> None:
        """Write `FILE`, in one step."""
        write(directory / FILE, self.to_json())


def write(path: Path, content: bytes) -> None:
    """In one step: the file is there whole, or as it was before."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(content)
    temporary.replace(path)
