"""The report's section on interest as a probability: reliability tables and diagrams."""

from collections.abc import Mapping
from html import escape

from recsys.evaluation.compare import Estimate
from recsys.evaluation.markup import cell, table
from recsys.evaluation.plots import diagonal
from recsys.evaluation.reliability import Bin, Reliability
from recsys.evaluation.wording import number

_READING = (
    "Interest is the probability that a user takes an item, among pairs of which as many are taken as not: .5 is a "
    "pair as typical of one as of the other; its odds times taken ÷ not taken are the odds among all pairs. Where it "
    "keeps its word, dots lie on the line. The expected calibration error (ECE) is their mean distance from it; "
    "“by chance” is what an interest without fault would show on as many pairs. Validation: the window before the "
    "encoder's end, half of the users judged by a calibration fitted on the other half."
)


def calibration(found: Mapping[str, Reliability]) -> str:
    """Errors side by side, a diagram each, and the table of the first; empty where nothing was judged."""
    if not found:
        return ""
    rows = [
        [escape(name), cell(r.ece), number(r.chance), f"{r.ece.n:,}", f"{r.taken:,}", f"{r.others:,}"]
        for name, r in found.items()
    ]
    head = ["interest of", "ECE", "by chance", "users", "pairs taken", "not taken"]
    charts = "".join(f"<div><h3>{escape(name)}</h3>{diagonal(r.bins)}</div>" for name, r in found.items())
    first = next(iter(found))
    return (
        f'{table(head, rows)}<p class="note">{_READING}</p><div class="charts">{charts}</div>\n'
        f"<h3>{escape(first)}, bin by bin</h3>{_bins(found[first])}"
    )


def _bins(found: Reliability) -> str:
    rows = [[number(b.interest), cell(_share(b, found.ece.n)), f"{b.weight:.1%}", f"{b.n:,}"] for b in found.bins]
    return table(["mean interest", "share taken", "weight", "pairs"], rows)


def _share(part: Bin, users: int) -> Estimate:
    return Estimate(mean=part.share, low=part.low, high=part.high, n=users)
