"""A readout in words and cells: what terminal and page both say."""

from dataclasses import fields

from recsys.evaluation.compare import Estimate
from recsys.evaluation.experiment.contrast import Contrast, Gap
from recsys.evaluation.experiment.guardrails import Guardrail
from recsys.evaluation.experiment.readout import Arm, Readout
from recsys.evaluation.off_policy.wording import percent, time
from recsys.evaluation.wording import bounds, figure, number

ARMS = ("arm", "users", "answers", "reward a user", "an answer", "degraded", "empty", "impressions", "still open")
GAPS = ("arm", "a user", "relative", "relative, 90 %", "p (Holm)", "with the past", "found in 80 %", "an answer")
RAILS = ("guardrail", "arm", "is", "control", "difference", "limit", "says")
_NONE = "-"
_REASONS = {
    "repeated": "were asked again",
    "without_user": "name no user",
    "outside": "are of no arm or time of it",
    "crossed": "are of users seen in several arms",
}


def summary(readout: Readout) -> str:
    """What was compared, in a sentence."""
    users = sum(arm.users for arm in readout.arms)
    return (
        f"{users:,} users in {len(readout.arms)} arms from {time(readout.first)} until {time(readout.as_of)}, "
        f"compared with {readout.control.arm} ({readout.control.why})."
    )


def left_out(readout: Readout) -> str:
    """Which answers are not counted, in a sentence; empty where all are."""
    told = [
        f"{n:,} {_REASONS[field.name]}"
        for field in fields(readout.not_compared)
        if (n := getattr(readout.not_compared, field.name))
    ]
    late, waiting = (sum(getattr(arm, name) for arm in readout.arms) for name in ("open", "waiting"))
    if late:
        told.append(f"{late:,} may still earn ({waiting:,} users have no others)")
    return f"Answers left out: {', '.join(told)}." if told else ""


def past(readout: Readout) -> str:
    """Whether what users earned before helps, in a sentence; empty where no arm is compared."""
    if not readout.contrasts:
        return ""
    adjusted = readout.contrasts[0].adjusted
    if adjusted is None:
        return "No user earned anything in this log before their first answer, so no past can take noise away (CUPED)."
    return (
        f"With the past of {adjusted.covered:,} users who earned something before, {percent(adjusted.reduction)} of "
        "the variance is gone (CUPED)."
    )


def arm_cells(arm: Arm) -> list[str]:
    """In the order of `ARMS`."""
    by_user, by_request = (_NONE if each is None else figure(each) for each in (arm.by_user, arm.by_request))
    seen = _NONE if arm.impressions is None else f"{arm.impressions:,}"
    counts = [percent(arm.degraded), f"{arm.empty:,}", seen, f"{arm.open:,}"]
    return [arm.name, f"{arm.users:,}", f"{arm.answers:,}", by_user, by_request, *counts]


def gap_cells(contrast: Contrast) -> list[str]:
    """In the order of `GAPS`."""
    gap, adjusted = contrast.gap, contrast.adjusted
    return [
        contrast.arm,
        f"{number(gap.absolute.mean, sign='+')} {bounds(gap.absolute)}",
        relative(gap.relative),
        relative(gap.relative_narrow),
        _NONE if contrast.holm is None else f"{contrast.holm:.2g}",
        _NONE if adjusted is None else relative(adjusted.gap.relative),
        _detectable(gap),
        relative(contrast.by_request),
    ]


def rail_cells(rail: Guardrail) -> list[str]:
    """In the order of `RAILS`."""
    share = rail.limit > 0
    value, control = (percent(each) if share else number(each) for each in (rail.value, rail.control))
    limit = f"{100 * rail.limit:+g} {'points' if share else '%'}"
    return [rail.what, rail.arm, value, control, relative(rail.difference), limit, rail.judgement]


def relative(value: Estimate | None) -> str:
    """A fraction in hundredths with its interval.

    >>> relative(Estimate(mean=0.031, low=-0.012, high=0.05, n=900)), relative(None)
    ('+3.10 [-1.20, +5.00]', '-')
    """
    if value is None:
        return _NONE
    mean = f"{100 * value.mean:+.2f}"
    return f"{mean} [{_bound(value.low)}, {_bound(value.high)}]" if value.low is not None else f"{mean} [none]"


def _bound(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:+.2f}"


def _detectable(gap: Gap) -> str:
    """The smallest effect, and what it is of the control's mean."""
    if gap.detectable is None:
        return _NONE
    share = f" ({percent(gap.detectable / gap.control)})" if gap.control > 0 else ""
    return number(gap.detectable) + share
