"""The gate's rules: from comparisons and costs to checks.

Quality: a share below its limit is refused where the loss is certain (`Comparison.certainly_worse`, a paired
bootstrap over users); a loss that may be chance passes, and the table says so. Costs: ratios of values measured side
by side, or plain limits. What ought to be compared and cannot be is refused, not waved through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from recsys.errors import GateError
from recsys.evaluation.compare import Estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.config import GateConfig
from recsys.evaluation.gate import Check, Judgement
from recsys.evaluation.results import TEXT_ALONE, WHOLE, Comparisons, Evaluation
from recsys.evaluation.segments import COLD_ITEMS, OVERALL, WARM_ITEMS
from recsys.evaluation.wording import label

TEACHER = "teacher"
PUBLISHED = "published bundle"
LIMIT = "limit"
SEGMENTS = (OVERALL, WARM_ITEMS, COLD_ITEMS)
"""What the gate looks at; the segments of users are the report's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What using something takes.

    Attributes:
        what: the quantity.
        unit: of the values.
        candidate: the candidate's.
        reference: the reference's, measured beside it; None where there is none.
        times: most times the reference.
        most: most at all, in the unit; 0 sets no limit.
        clock: a reading of one machine on one day.
    """

    what: str
    unit: str
    candidate: float
    reference: float | None
    times: float
    most: float = 0.0
    clock: bool = False

    @property
    def too_many_times(self) -> bool:
        """More than `times` the reference."""
        return self.reference is not None and self.candidate > self.times * self.reference

    @property
    def too_much(self) -> bool:
        """More than `most`."""
        return self.most > 0 and self.candidate > self.most


def of_evaluation(evaluation: Evaluation, config: GateConfig) -> list[Check]:
    """The student against its teacher, the lists against a simple method's.

    Raises:
        GateError: `not_below` names no method of the evaluation.
    """
    checks = []
    for subject, share in ((WHOLE, config.pipeline_share), (TEXT_ALONE, config.student_share)):
        found = evaluation.kept.get(subject)
        if found is None:
            checks.append(unjudged(f"quality, {subject}", TEACHER, "not compared, see ablation.rankers"))
        else:
            checks += _quality(subject, TEACHER, found, config, share)
    return [*checks, *_not_below(evaluation, config)]


def of_published(compared: Mapping[str, Comparisons], config: GateConfig) -> list[Check]:
    """The candidate against the bundle now published: `WHOLE` or `TEXT_ALONE` → comparisons."""
    rows = (_quality(subject, PUBLISHED, found, config, config.published_share) for subject, found in compared.items())
    return [check for some in rows for check in some]


def of_teacher_costs(evaluation: Evaluation, config: GateConfig) -> list[Check]:
    """Bytes and median time of the student beside its teacher's, as the distill stage took them."""
    encoders, milliseconds = evaluation.encoders, evaluation.measured.encoder_ms
    costs = []
    if {"teacher", "student"} <= encoders.keys():
        sizes = [encoders[name].size / 1e6 for name in ("student", "teacher")]
        costs.append(
            Cost(what="encoder, weights", unit="MB", candidate=sizes[0], reference=sizes[1], times=config.costlier)
        )
    if {"teacher", "student"} <= milliseconds.keys():
        costs.append(
            Cost(
                what="one text, median",
                unit="ms",
                candidate=milliseconds["student"],
                reference=milliseconds["teacher"],
                times=config.costlier,
                clock=True,
            )
        )
    return of_costs(costs, TEACHER)


def of_costs(costs: Sequence[Cost], against: str) -> list[Check]:
    """One check for each ratio and one for each plain limit; a cost with neither is told without a verdict."""
    checks = []
    for cost in costs:
        plain = Check(
            what=cost.what,
            against=against,
            judgement="not judged",
            candidate=cost.candidate,
            unit=cost.unit,
            clock=cost.clock,
        )
        if cost.reference is not None:
            judgement = _no_if(cost.too_many_times)
            checks.append(
                replace(plain, reference=cost.reference, limit=cost.times, bound="times", judgement=judgement)
            )
        if cost.most:
            judgement = _no_if(cost.too_much)
            checks.append(replace(plain, against=LIMIT, limit=cost.most, bound="most", judgement=judgement))
        if cost.reference is None and not cost.most:
            checks.append(plain)
    return checks


def unjudged(what: str, against: str, note: str) -> Check:
    """A row that says why there is nothing to compare with."""
    return Check(what=what, against=against, judgement="not judged", note=note)


def refused(what: str, against: str, note: str) -> Check:
    """A no without values."""
    return Check(what=what, against=against, judgement="refused", note=note)


def _quality(subject: str, against: str, found: Comparisons, config: GateConfig, share: float) -> list[Check]:
    """A check for each of `SEGMENTS` that has users, and each metric."""
    checks = []
    for segment in SEGMENTS:
        limit = share if segment == OVERALL else config.segment_share
        for metric, comparison in found.get(segment, {}).items():
            what = f"{label(metric)}, {subject}" + ("" if segment == OVERALL else f", {segment}")
            checks.append(
                Check(
                    what=what,
                    against=against,
                    judgement=_judgement(comparison, limit),
                    candidate=comparison.ours,
                    reference=comparison.other,
                    share=comparison.share,
                    limit=limit,
                )
            )
    return checks


def _judgement(comparison: Comparison, limit: float) -> Judgement:
    if comparison.share is None or comparison.share.mean >= limit:
        return "ok"
    return "refused" if comparison.certainly_worse else "uncertain"


def _not_below(evaluation: Evaluation, config: GateConfig) -> list[Check]:
    name, metric = config.not_below, evaluation.headline
    if not name:
        return []
    if name not in evaluation.differences:
        known = ", ".join(evaluation.differences)
        raise GateError(f"gate.not_below: expected one of {known}, got {name!r}; nothing was released.")
    ours, other = (evaluation.methods[each].scores[OVERALL][metric].mean for each in (evaluation.ours, name))
    comparison = Comparison(
        ours=ours,
        other=other,
        share=Estimate(mean=ours / other, low=None, high=None, n=1) if other else None,
        difference=evaluation.differences[name][OVERALL][metric],
    )
    return _quality(WHOLE, name, {OVERALL: {metric: comparison}}, config, 1.0)


def _no_if(dear: bool) -> Judgement:
    return "refused" if dear else "ok"
