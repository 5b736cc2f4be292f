"""What must not get worse, whatever an arm earns: proved, or not.

An arm keeps a guardrail where the 95 % interval of its difference to the control excludes a loss as large as the
margin (non-inferiority), breaks it where the interval excludes any smaller one, and else nothing can be told. All must
be kept before an arm is taken, so that more of them need no correction: each is another chance to say no.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from recsys.evaluation.compare import Estimate
from recsys.evaluation.equivalence import WIDE
from recsys.evaluation.experiment import means, shares
from recsys.evaluation.experiment.means import Mean
from recsys.evaluation.experiment.totals import Totals
from recsys.schema import BoolArray

Judgement: TypeAlias = Literal["kept", "broken", "not to be told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """One quantity of one arm.

    Attributes:
        what: the quantity.
        arm: whose.
        value, control: of the arm and of the control.
        difference: between them with its 95 % interval: of shares absolute, of answers a user relative; None where it
            has no meaning.
        limit: the difference that must be excluded: above 0 where more is worse, below where less is.
        judgement: what the interval says.
    """

    what: str
    arm: str
    value: float
    control: float
    difference: Estimate | None
    limit: float
    judgement: Judgement


def guardrails(
    totals: Totals, names: tuple[str, ...], *, control: str, arms: Sequence[str], margin: float
) -> tuple[Guardrail, ...]:
    """Of each of the arms, over all its users; of a margin > 0, absolute for shares and relative for answers a user."""
    against = totals.arm_idx == names.index(control)
    return tuple(
        each for arm in arms for each in _of_arm(totals, arm, (totals.arm_idx == names.index(arm), against), margin)
    )


def _of_arm(totals: Totals, arm: str, users: tuple[BoolArray, BoolArray], margin: float) -> Iterator[Guardrail]:
    asked = [float(totals.answers[whose].sum()) for whose in users]
    for what, column in (("answers degraded", totals.degraded), ("lists empty", totals.empty)):
        b, a = (Mean.of(column[whose], totals.answers[whose]) for whose in users)
        difference = shares.difference((b, asked[0]), (a, asked[1]), level=WIDE)
        yield _guardrail(what, arm, (b, a), difference, margin)
    b, a = (Mean.by_user(totals.answers[whose]) for whose in users)
    difference_of_answers = means.relative(b, a, WIDE)
    if difference_of_answers is not None and b.error == a.error == 0:  # all ask as often: there is nothing to doubt
        known = difference_of_answers.mean
        difference_of_answers = Estimate(mean=known, low=known, high=known, n=b.users + a.users)
    yield _guardrail("answers a user", arm, (b, a), difference_of_answers, -margin)


def _guardrail(what: str, arm: str, both: tuple[Mean, Mean], difference: Estimate | None, limit: float) -> Guardrail:
    b, a = both
    return Guardrail(
        what=what,
        arm=arm,
        value=b.value,
        control=a.value,
        difference=difference,
        limit=limit,
        judgement=judged(difference, limit),
    )


def judged(difference: Estimate | None, limit: float) -> Judgement:
    """What an interval says of a limit, above 0 where more is worse, below where less is.

    >>> judged(Estimate(mean=0.01, low=0.0, high=0.02, n=9), 0.03), judged(None, 0.03)
    ('kept', 'not to be told')
    """
    if difference is None or difference.low is None or difference.high is None:
        return "not to be told"
    low, high = sorted((difference.low / limit, difference.high / limit))
    return "kept" if high < 1 else "broken" if low > 1 else "not to be told"
