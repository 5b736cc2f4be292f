"""The report's section on overlap: how far the log speaks of each policy, by the weights alone."""

from html import escape

from recsys.evaluation.markup import table
from recsys.evaluation.off_policy.estimators.estimator import Weighing
from recsys.evaluation.off_policy.judging.judgement import Judged, Judgement, Support
from recsys.evaluation.off_policy.judging.overlap import EDGES, TAIL, Overlap
from recsys.evaluation.off_policy.wording import percent
from recsys.evaluation.plots import bar, histogram

WEIGHED: dict[Weighing, str] = {
    "list": "whole lists",
    "rows": "rows and those above",
    "places": "items at their places",
    "slots": "items at each place, by a pseudo-inverse",
    "nothing": "nothing",
}
"""What is weighed, for people."""

TICKS = ("0", "", *("0.001", "", "0.01", "", "0.1", "", "1", "", "10", "", "100", "", "1000"), "")
"""Under the bins of `Overlap.histogram`."""

_ONE = 2 + TICKS[2:].index("1")
_READING = (
    "A weight says how much likelier the judged policy is to show what was shown than the policy that showed it; of "
    "rows and places, a list's mean. The drawings count answers by their weight on a scale of powers of ten; a bar is "
    "as high as the square root of its count, so that a few are seen. Good is a hill at 1: both policies show the same "
    "lists. A bar at 0 are lists that the judged policy never shows, which tell nothing of it. A long tail to the "
    "right is a handful of answers that speak for all: what they happened to earn decides, and the effective sample "
    "size falls. The mean weight is 1 where propensities are right and the log could show all that the policy would."
)
_FACTS = (
    "answers",
    "effective sample size",
    "mean weight, standard error",
    "weight of 0",
    f"weight from {EDGES[_ONE - 2]:.2f} to {EDGES[_ONE - 1]:.2f}",
    *(f"{100 * q:g} % of weights are at most" for q in TAIL),
    "largest weight",
    "largest share of one user",
    "share on what was no candidate",
    "refused for",
)


def weighed(judgement: Judgement) -> str:
    """A plot of effective sample sizes, drawings and a table for each policy; empty where there are no weights."""
    found = "".join(_policy(name, judged) for name, judged in judgement.policies.items() if judged.support)
    return f'{found}<p class="note">{_READING}</p>\n' if found else ""


def _policy(name: str, judged: Judged) -> str:
    plot = "".join(_effective(kind, support.overlap) for kind, support in judged.support.items())
    charts = "".join(
        f"<div><h3>{escape(WEIGHED[kind])}</h3>{histogram(support.overlap.histogram, TICKS)}</div>"
        for kind, support in judged.support.items()
    )
    columns = [_figures(support) for support in judged.support.values()]
    rows = [[escape(fact), *cells] for fact, *cells in zip(_FACTS, *columns, strict=True)]
    figures = table(["weights of", *(WEIGHED[kind] for kind in judged.support)], rows)
    return (
        f'<h3>{escape(name)}</h3><p class="note">Effective sample size, in answers</p><div class="plot">{plot}</div>\n'
        f'<div class="charts">{charts}</div>\n{figures}'
    )


def _effective(kind: Weighing, overlap: Overlap) -> str:
    share = overlap.effective / overlap.requests
    told = f"{overlap.effective:,.0f} of {overlap.requests:,}<small>{percent(share)}</small>"
    return f"<span>{escape(WEIGHED[kind])}</span>{bar(share)}<b>{told}</b>"


def _figures(support: Support) -> list[str]:
    """One for each of `_FACTS`."""
    overlap = support.overlap
    error = "one user" if overlap.error is None else f"± {overlap.error:.2g}"
    names = ", ".join(each.name for each in support.refused)
    return [
        f"{overlap.requests:,}<small>{overlap.users:,} users</small>",
        f"{overlap.effective:,.1f}<small>{percent(overlap.effective / overlap.requests)}</small>",
        f"{overlap.mean:.4g}<small>{error}</small>",
        percent(overlap.histogram[0] / overlap.requests),
        percent(overlap.histogram[_ONE] / overlap.requests),
        *(f"{weight:.3g}" for weight in overlap.tail),
        f"{overlap.largest:.4g}",
        percent(overlap.largest_user),
        "not known" if overlap.unsupported is None else percent(overlap.unsupported),
        f'<span class="worse">{escape(names)}</span>' if names else "–",
    ]
