"""The report's sections on what lists earn: by the headline's estimator, by every one, and in parts of the log."""

from collections.abc import Collection, Mapping
from html import escape

from recsys.evaluation.compare import Estimate
from recsys.evaluation.markup import cell, table
from recsys.evaluation.off_policy.estimators.estimator import BY_NAME, ESTIMATORS, HEADLINES, Estimator
from recsys.evaluation.off_policy.judging.judgement import LOG, Against, Judged, Judgement
from recsys.evaluation.off_policy.judging.said import NONE, relative
from recsys.evaluation.off_policy.page.weighed import WEIGHED
from recsys.evaluation.off_policy.wording import percent
from recsys.evaluation.plots import scale, whisker
from recsys.evaluation.refusal import Refusals
from recsys.evaluation.wording import bounds, number

_READING = (
    "Holm's p accounts for all policies that are compared. Found 4 of 5 times: the smallest relative difference that a "
    "log like this one finds with a chance of 80 %. Looked at all the time: the interval for somebody who looks "
    "after every answer and stops when the figures please; the others hold for one look."
)
_ABOUT_ESTIMATORS = (
    "The less an estimator takes for granted, the higher it stands; all of them take propensities for right. The "
    f"verdict rests on the first of {', '.join(BY_NAME[name].label for name in HEADLINES)} that the log supports: "
    "weights decide that, never what was earned. Where estimators differ by more than their intervals, what one of "
    "them takes for granted does not hold. A dash stands where the log cannot support a figure, with the reason."
)
_ABOUT_PARTS = (
    "Each part is judged by itself, by the estimator of the verdict, on the same draws of users. Parts were not chosen "
    "for what was earned there, but with so many of them one stands out by luck: what counts is the whole."
)


def earned(judgement: Judgement) -> str:
    """The log's own lists and each policy's, with all that is said of them beside the base."""
    heads = {LOG: judgement.logged}
    heads |= {name: each.estimates[each.headline] for name, each in judgement.policies.items() if each.headline}
    rows = [_log(judgement), *(_row(name, each) for name, each in judgement.policies.items())]
    head = ["policy", "a list earns", f"beside {judgement.base}", "relative", "p", "p (Holm)"]
    head += ["found 4 of 5 times", "looked at all the time", "effective answers"]
    return f'{_whiskers(heads, judgement.policies)}{table(head, rows)}<p class="note">{_READING}</p>\n'


def _log(judgement: Judgement) -> list[str]:
    return [
        f"{escape(LOG)}<small>as it was</small>",
        cell(judgement.logged),
        *[NONE] * 6,
        f"{judgement.card.answers:,}",
    ]


def _whiskers(figures: Mapping[str, Estimate], ours: Collection[str]) -> str:
    """All on one axis, `ours` in their own colour."""
    axis = scale(list(figures.values()))
    plot = "".join(
        f"{_named(name, name in ours)}{whisker(each, axis)}<b>{number(each.mean)}</b>" for name, each in figures.items()
    )
    return f'<div class="plot">{plot}</div>\n'


def _named(name: str, ours: bool) -> str:
    return f'<span class="ours">{escape(name)}</span>' if ours else f"<span>{escape(name)}</span>"


def _row(name: str, judged: Judged) -> list[str]:
    if judged.headline is None:
        return [escape(name), _dash(_names(judged.reasons)), *[NONE] * 7]
    estimator = BY_NAME[judged.headline]
    overlap = judged.support[estimator.weighing].overlap
    holds = f", holds if {estimator.assumes}" if estimator.assumes else ""
    return [
        f"{escape(name)}<small>by {escape(estimator.label + holds)}</small>",
        cell(judged.estimates[judged.headline]),
        *_beside(judged.against),
        NONE if judged.always is None else bounds(judged.always),
        f"{overlap.effective:,.0f}<small>of {overlap.requests:,}</small>",
    ]


def _beside(against: Against | None) -> list[str]:
    """Difference, relative, both p-values, and what could be found."""
    if against is None:
        return [NONE] * 5
    colour = {"better": "better", "worse": "worse", "unclear": ""}[against.verdict.direction]
    mean = number(against.difference.mean, sign="+")
    return [
        f'<span class="{colour}">{mean}</span><small>{bounds(against.difference)}</small>',
        f'<span class="{colour}">{relative(against.relative)}</span>',
        *(NONE if p is None else f"{p:.2g}" for p in (against.p_value, against.adjusted)),
        NONE if against.detectable is None else percent(against.detectable),
    ]


def estimators(judgement: Judgement) -> str:
    """All estimators beside each other; those that the log does not support have a reason instead of a figure."""
    policies = judgement.policies
    plots = "".join(_plot(name, judged) for name, judged in policies.items() if judged.estimates)
    rows = [[_about(each), *(_figure(each, judged) for judged in policies.values())] for each in ESTIMATORS]
    return f'{plots}<h3>Figures</h3>{table(["estimator", *policies], rows)}<p class="note">{_ABOUT_ESTIMATORS}</p>\n'


def _plot(name: str, judged: Judged) -> str:
    found = {each: judged.estimates[each.name] for each in ESTIMATORS if each.name in judged.estimates}
    head = {each.label for each in found if each.name == judged.headline}
    return f"<h3>{escape(name)}</h3>{_whiskers({each.label: figure for each, figure in found.items()}, head)}"


def _about(estimator: Estimator) -> str:
    """What it looks at and takes for granted."""
    model = ", asks a reward model" if estimator.modelled else ""
    holds = f"; holds if {estimator.assumes}" if estimator.assumes else ""
    return f"{escape(estimator.label)}<small>{escape(f'weighs {WEIGHED[estimator.weighing]}{model}{holds}')}</small>"


def _figure(estimator: Estimator, judged: Judged) -> str:
    found = judged.estimates.get(estimator.name)
    if found is None:
        return _dash(_why(estimator, judged))
    shown = cell(found)
    return f'<span class="ours">{shown}</span>' if estimator.name == judged.headline else shown


def _why(estimator: Estimator, judged: Judged) -> str:
    """Why there is no figure of it."""
    if judged.refused:
        return _names(judged.refused)
    if estimator.weighing != "nothing":
        support = judged.support.get(estimator.weighing)
        if support is None:
            return "probabilities not known"
        if support.refused:
            return _names(support.refused)
    return "no reward model" if judged.estimates else "nothing to stand beside"


def parts(judgement: Judgement) -> str:
    """Each part's own figure, and each policy's there; empty where the log has no parts."""
    rows = [
        [escape(part), cell(logged), *(_part(judged, part) for judged in judgement.policies.values())]
        for part, logged in judgement.segments.items()
    ]
    head = ["part", LOG, *judgement.policies]
    return f'{table(head, rows)}<p class="note">{_ABOUT_PARTS}</p>\n' if rows else ""


def _part(judged: Judged, part: str) -> str:
    found = judged.segments.get(part)
    if isinstance(found, Estimate):
        return cell(found)
    return _dash(_names(found or judged.reasons) or "probabilities not known")


def _names(refused: Refusals) -> str:
    return ", ".join(dict.fromkeys(each.name for each in refused))


def _dash(why: str) -> str:
    return f"{NONE}<small>{escape(why)}</small>"
