"""What could be said at any time without fooling oneself: the path of an arm's difference to the control.

A user counts once, when the window after their first answer has closed, in the order of first answers; the total of
that window is theirs for good. With several arms each has its part of the 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.compare import Estimate
from recsys.evaluation.experiment.totals import Totals
from recsys.evaluation.off_policy.intervals.sequence import ConfidenceSequence
from recsys.evaluation.wording import number

LOOKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """An arm, look by look.

    Attributes:
        arm: which.
        level: with this probability no interval of the whole path misses.
        planned: users at whom they are narrowest.
        users: of both arms who are complete.
        looks: the difference of what users earned in their first window; n counts users of both arms so far. None
            where there are fewer than `ConfidenceSequence.first`.
        decided: users at the first look that excluded 0; None where none did.
    """

    arm: str
    level: float
    planned: int
    users: int
    looks: tuple[Estimate, ...]
    decided: int | None

    @property
    def sentence(self) -> str:
        """What the last look says."""
        if not self.looks:
            return f"{self.arm}: {self.users:,} users are complete, too few to look at before they are 200."
        last = self.looks[-1]
        if last.low is None or last.high is None:
            return f"{self.arm}: nothing can be told after {last.n:,} users, who are all alike."
        found = f"{number(last.mean, sign='+')} [{number(last.low)}, {number(last.high)}] a user"
        if self.decided is None:
            return f"{self.arm}: not told apart after {last.n:,} users, at any look: {found}."
        direction = "more" if _side(self.looks, self.decided) > 0 else "less"
        return f"{self.arm} earns {direction}, known since {self.decided:,} users; after {last.n:,}: {found}."


def paths(
    totals: Totals, names: tuple[str, ...], *, control: str, arms: Sequence[str], planned: int
) -> tuple[Path, ...]:
    """Of each of the arms, about `LOOKS` looks evenly apart.

    Args:
        totals: of the users of all arms.
        names: of the arms, by `arm_idx`.
        control: whom they are compared with.
        arms: which are, others than it.
        planned: users of both arms at whom intervals are to be narrowest. It must be known before the first look: one
            that grew with the log would make every interval a first look, and promise nothing for them together.
    """
    plan = ConfidenceSequence(planned=planned, level=1 - 0.05 / max(len(arms), 1))
    return tuple(_path(totals, arm, (names.index(arm), names.index(control)), plan) for arm in arms)


def _path(totals: Totals, arm: str, places: tuple[int, int], plan: ConfidenceSequence) -> Path:
    inside = np.isin(totals.arm_idx, places) & ~np.isnan(totals.early)
    order = np.flatnonzero(inside)[np.argsort(totals.first[inside], kind="stable")]
    n = len(order)
    looks: list[Estimate] = []
    if n >= plan.first:
        at = np.unique(np.linspace(plan.first, n, LOOKS).astype(np.int64))
        looks = plan.between(totals.early[order], np.ones(n), totals.arm_idx[order] == places[0], at)
        looks = [each for each in looks if np.isfinite(each.mean)]
    decided = next((each.n for each in looks if _excludes(each)), None)
    return Path(arm=arm, level=plan.level, planned=plan.planned, users=n, looks=tuple(looks), decided=decided)


def _excludes(look: Estimate) -> bool:
    return look.low is not None and look.high is not None and not look.low <= 0 <= look.high


def _side(looks: Sequence[Estimate], users: int) -> float:
    return next(each.mean for each in looks if each.n == users)
