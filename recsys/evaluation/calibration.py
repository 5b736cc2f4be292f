"""The report's sections on interest and on the ranker's probability: reliability tables and diagrams."""

from collections.abc import Mapping
from html import escape

from recsys.evaluation.compare import Estimate
from recsys.evaluation.markup import cell, table
from recsys.evaluation.plots import diagonal
from recsys.evaluation.reliability import Bin, Reliability
from recsys.evaluation.wording import number

_INTEREST = (
    "Interest is the probability that a user takes an item, among pairs of which as many are taken as not: .5 is a "
    "pair as typical of one as of the other; its odds times taken ÷ not taken are the odds among all pairs. Where it "
    "keeps its word, dots lie on the line. The expected calibration error (ECE) is their mean distance from it; "
    "“by chance” is what an interest without fault would show on as many pairs. Validation: the window before the "
    "encoder's end, half of the users judged by a calibration fitted on the other half."
)
_PROBABILITY = (
    "The ranker's probability that a user takes an item within a window as long as the one it was fitted on, among "
    "the candidates of users who take anything at all in it. Pairs count as they are: of a hundred given .03, three "
    "should be taken. The ECE is the mean distance over all pairs, most of which are hardly ever taken: look at the "
    "last bins, whose pairs make the lists. Judged from the ranker's end on, by takes it has not seen."
)


def calibration(found: Mapping[str, Reliability]) -> str:
    """Interest: errors side by side, a diagram each, and the table of the first; empty where nothing was judged."""
    return _told(found, "interest", _INTEREST)


def chances(found: Mapping[str, Reliability]) -> str:
    """The same of the ranker's probability; diagrams reach to the largest share."""
    return _told(found, "probability", _PROBABILITY)


def _told(found: Mapping[str, Reliability], said: str, reading: str) -> str:
    if not found:
        return ""
    rows = [
        [escape(name), cell(r.ece), number(r.chance), f"{r.ece.n:,}", f"{r.taken:,}", f"{r.others:,}"]
        for name, r in found.items()
    ]
    head = [f"{said} of", "ECE", "by chance", "users", "pairs taken", "not taken"]
    charts = "".join(
        f"<div><h3>{escape(name)}</h3>{diagonal(r.bins, said=said, top=1.0 if said == 'interest' else _top(r))}</div>"
        for name, r in found.items()
    )
    first = next(iter(found))
    return (
        f'{table(head, rows)}<p class="note">{reading}</p><div class="charts">{charts}</div>\n'
        f"<h3>{escape(first)}, bin by bin</h3>{_bins(found[first], said)}"
    )


def _top(found: Reliability) -> float:
    """The largest of what was said and of what came true, with its interval."""
    return min(1.0, max(value for b in found.bins for value in (b.interest, b.share, b.high or 0.0)))


def _bins(found: Reliability, said: str) -> str:
    rows = [[number(b.interest), cell(_share(b, found.ece.n)), f"{b.weight:.1%}", f"{b.n:,}"] for b in found.bins]
    return table([f"mean {said}", "share taken", "weight", "pairs"], rows)


def _share(part: Bin, users: int) -> Estimate:
    return Estimate(mean=part.share, low=part.low, high=part.high, n=users)
