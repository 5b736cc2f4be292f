"""A judgement in words: the table for the terminal, and the sentence that each policy gets."""

from math import isfinite

from recsys.evaluation.compare import Estimate
from recsys.evaluation.equivalence import WIDE
from recsys.evaluation.off_policy.estimators.estimator import BY_NAME
from recsys.evaluation.off_policy.judging.judgement import LOG, Judged, Judgement
from recsys.evaluation.off_policy.wording import percent
from recsys.evaluation.refusal import Refusals
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import bounds, figure

NONE = "–"


def sentence(name: str, judged: Judged, base: str, *, level: float = WIDE) -> str:
    """What can be said of a policy, or why nothing can.

    Args:
        name: of the policy.
        judged: what was found.
        base: what policies are compared to.
        level: of the intervals.
    """
    if judged.headline is None:
        return f"{name} cannot be answered: {reasons(judged.reasons)}"
    assumes = BY_NAME[judged.headline].assumes
    given = f" This holds if {assumes}." if assumes else ""
    if judged.against is None:
        why = "the others are compared to it" if name == base else f"nothing can be said of {base}"
        return f"{name} earns {figure(judged.estimates[judged.headline])} a list; {why}.{given}"
    return f"{judged.against.verdict.sentence}{_luck(judged, level)}{given}"


def reasons(refused: Refusals) -> str:
    """Each with its number and its cure, one after the other."""
    return " ".join(map(str, refused))


def _luck(judged: Judged, level: float) -> str:
    """Where one of several policies stands out by itself, and no more among so many."""
    against = judged.against
    if against is None or against.adjusted is None or against.verdict.direction == "unclear":
        return ""
    if against.adjusted < 1 - level or against.adjusted == against.p_value:  # equal: how many there are changes nothing
        return ""
    return f" Among so many policies one may stand out like this by luck (p = {against.adjusted:.2g} after Holm)."


def table(judgement: Judgement) -> str:
    """Policies and what they earn; estimators; sentences."""
    found = [aligned(_policies(judgement)), aligned(_estimators(judgement)), *_sentences(judgement)]
    return "\n\n".join(found[:2]) + "\n\n" + "\n".join(found[2:])


def _policies(judgement: Judgement) -> list[list[str]]:
    beside = f"beside {judgement.base}"
    head = ["policy", "a list earns", "by", beside, "p (Holm)", "effective answers", "found 4 of 5 times"]
    rows = [[LOG, figure(judgement.logged), "as it was", NONE, NONE, f"{judgement.card.answers:,}", NONE]]
    return [head, *rows, *(_row(name, each) for name, each in judgement.policies.items())]


def _row(name: str, judged: Judged) -> list[str]:
    if judged.headline is None:
        return [name, NONE, "refused", NONE, NONE, NONE, NONE]
    estimator, against = BY_NAME[judged.headline], judged.against
    overlap = judged.support[estimator.weighing].overlap
    effective = f"{overlap.effective:,.0f} of {overlap.requests:,}"
    found = [name, figure(judged.estimates[judged.headline]), estimator.label]
    if against is None:
        return [*found, NONE, NONE, effective, NONE]
    p_value = NONE if against.adjusted is None else f"{against.adjusted:.2g}"
    smallest = NONE if against.detectable is None else percent(against.detectable)
    return [*found, relative(against.relative), p_value, effective, smallest]


def relative(figure: Estimate) -> str:
    """A fraction as per cent with its interval; a dash where there is none, as of what is compared to nothing.

    >>> relative(Estimate(mean=0.031, low=0.012, high=0.05, n=900))
    '+3.1 % [1.2, 5.0]'
    """
    if not isfinite(figure.mean):
        return NONE
    mean = f"{100 * figure.mean:+.1f} %"
    if figure.low is None or figure.high is None:
        return f"{mean} {bounds(figure)}"
    return f"{mean} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _estimators(judgement: Judgement) -> list[list[str]]:
    head = ["estimator", *judgement.policies]
    used = [
        each
        for each in BY_NAME.values()
        if any(each.name in judged.estimates for judged in judgement.policies.values())
    ]
    rows = []
    for estimator in used:
        cells = [judged.estimates.get(estimator.name) for judged in judgement.policies.values()]
        rows.append([estimator.label, *(NONE if cell is None else figure(cell) for cell in cells)])
    return [head, *rows]


def _sentences(judgement: Judgement) -> list[str]:
    left = judgement.card.left_out.total + judgement.card.unknown + judgement.card.unused
    told = [sentence(name, each, judgement.base, level=judgement.level) for name, each in judgement.policies.items()]
    rest = f"Of {judgement.card.answers + left:,} answers {left:,} are left out." if left else ""
    return [*told, *([rest] if rest else [])]
