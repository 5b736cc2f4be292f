"""One arm beside the control: what its users earned more or less."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.evaluation.compare import Estimate
from recsys.evaluation.cuped import adjust
from recsys.evaluation.equivalence import NARROW, WIDE, Verdict, verdict
from recsys.evaluation.experiment import means
from recsys.evaluation.experiment.means import Mean
from recsys.evaluation.experiment.totals import Totals
from recsys.evaluation.multiplicity import holm
from recsys.evaluation.power import detectable
from recsys.schema import BoolArray

ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A difference to the control, of reward a user.

    Attributes:
        control: the control's mean.
        absolute, absolute_narrow: with its 95 % and its 90 % interval.
        relative, relative_narrow: as fractions of the control's mean; None where that is not above 0.
        p_value: two-sided; None where there is no interval.
        detectable: the smallest absolute difference that such errors find in 80 % of experiments; None likewise.
        verdict: what the relative intervals say.
    """

    control: float
    absolute: Estimate
    absolute_narrow: Estimate
    relative: Estimate | None
    relative_narrow: Estimate | None
    p_value: float | None
    detectable: float | None
    verdict: Verdict

    @classmethod
    def of(cls, arm: str, mean: Mean, control: Mean, *, margin: float) -> "Gap":
        """Of two means over different users."""
        wide, narrow = (means.relative(mean, control, level) for level in (WIDE, NARROW))
        nothing = Estimate(mean=0.0, low=None, high=None, n=mean.users + control.users)
        p = means.p_value(mean, control)
        return cls(
            control=control.value,
            absolute=means.difference(mean, control, WIDE),
            absolute_narrow=means.difference(mean, control, NARROW),
            relative=wide,
            relative_narrow=narrow,
            p_value=p,
            detectable=None if p is None else detectable(float(np.hypot(mean.error, control.error))),
            verdict=verdict(arm, wide or nothing, narrow or nothing, margin=margin),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """The same gap without what the users' past explains (CUPED).

    Attributes:
        gap: of the adjusted rewards.
        reduction: share of the variance within arms that is gone.
        covered: users who earned something before.
    """

    gap: Gap
    reduction: float
    covered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """An arm against the control.

    Attributes:
        arm: which.
        gap: in reward a user.
        holm: its p-value among those of all arms; None where it has none.
        arms: how many are compared with the control.
        by_request: relative, in reward an answer, with its 95 % interval; None where the control earned nothing.
        adjusted: the gap by CUPED; None where nobody has a past.
    """

    arm: str
    gap: Gap
    holm: float | None
    arms: int
    by_request: Estimate | None
    adjusted: Adjusted | None

    @property
    def sentence(self) -> str:
        """What is to be said of the arm, the other arms in mind."""
        said = self.gap.verdict.sentence
        if self.gap.verdict.direction == "unclear" or self.holm is None or self.holm < ALPHA:
            return said
        return f"{said} Among {self.arms} arms that may be chance: p = {self.holm:.2g} (Holm)."


def contrasts(
    totals: Totals, names: tuple[str, ...], *, control: str, arms: Sequence[str], margin: float
) -> tuple[Contrast, ...]:
    """Of each of the arms, over users with a closed window.

    Args:
        totals: of the users of all arms.
        names: of the arms, by `arm_idx`.
        control: whom they are compared with.
        arms: which are, others than it.
        margin: the largest relative difference nobody would mind, > 0.
    """
    told = totals.closed > 0
    found = [_contrast(totals, told, (names.index(arm), names.index(control)), arm, margin) for arm in arms]
    with_past = _adjusted(totals, told, names, (control, *arms), margin)
    known = [each.gap.p_value for each in found if each.gap.p_value is not None]
    corrected = iter(holm(np.array(known)).tolist()) if known else iter(())
    return tuple(
        replace(
            each,
            holm=None if each.gap.p_value is None else next(corrected),
            arms=len(found),
            adjusted=with_past.get(each.arm),
        )
        for each in found
    )


def _contrast(totals: Totals, told: BoolArray, places: tuple[int, int], arm: str, margin: float) -> Contrast:
    b, a = (told & (totals.arm_idx == place) for place in places)
    by_user = [Mean.by_user(totals.reward[users]) for users in (b, a)]
    by_request = [Mean.of(totals.reward[users], totals.closed[users]) for users in (b, a)]
    return Contrast(
        arm=arm,
        gap=Gap.of(arm, *by_user, margin=margin),
        holm=None,
        arms=1,
        by_request=means.relative(by_request[0], by_request[1], WIDE),
        adjusted=None,
    )


def _adjusted(
    totals: Totals, told: BoolArray, names: tuple[str, ...], compared: tuple[str, ...], margin: float
) -> dict[str, Adjusted]:
    """Of every arm but the first, which is the control; none where no user has a past."""
    inside = told & np.isin(totals.arm_idx, [names.index(arm) for arm in compared])
    if totals.before is None or not (totals.before[inside] != 0).any():
        return {}
    arm_idx, before = totals.arm_idx[inside], totals.before[inside]
    found = adjust(totals.reward[inside], before, arm_idx)
    control, *others = (Mean.by_user(found.value[arm_idx == names.index(arm)]) for arm in compared)
    return {
        arm: Adjusted(
            gap=Gap.of(arm, mean, control, margin=margin),
            reduction=found.reduction,
            covered=int((before != 0).sum()),
        )
        for arm, mean in zip(compared[1:], others, strict=True)
    }
