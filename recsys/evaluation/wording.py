"""Figures in words: what the terminal table and the report say, and when they say that nothing can be told."""

from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL

FEW_USERS = 100
_CAPITALS = {"ndcg": "nDCG", "mrr": "MRR", "map": "MAP"}


def label(metric: str) -> str:
    """A metric's name as people write it.

    >>> label("ndcg@10"), label("recall@20")
    ('nDCG@10', 'recall@20')
    """
    name, _, k = metric.partition("@")
    return f"{_CAPITALS.get(name, name)}@{k}" if k else _CAPITALS.get(name, name)


def number(value: float, *, sign: str = "") -> str:
    """Four decimals, two from 1.5 up, five below 0.001; `sign` "+" shows a plus.

    >>> number(0.12345), number(8.1234), number(-0.002, sign="+"), number(0.00004), number(0.0)
    ('0.1235', '8.12', '-0.0020', '0.00004', '0.0000')
    """
    size = abs(value)
    return f"{value:{sign}.{2 if size >= 1.5 else 5 if 0 < size < 0.00095 else 4}f}"


def bounds(figure: Estimate | Difference) -> str:
    """The interval in brackets, or why there is none.

    >>> bounds(Estimate(mean=0.2, low=0.1, high=0.3, n=50)), bounds(Estimate(mean=0.2, low=None, high=None, n=1))
    ('[0.1000, 0.3000]', '[none: one user]')
    """
    if figure.low is None or figure.high is None:
        return "[none: one user]" if figure.n == 1 else "[none: all alike]"
    return f"[{number(figure.low)}, {number(figure.high)}]"


def figure(value: Estimate | Difference) -> str:
    """Mean and interval; a difference with its sign."""
    sign = "+" if isinstance(value, Difference) else ""
    return f"{number(value.mean, sign=sign)} {bounds(value)}"


def headline(evaluation: Evaluation) -> str:
    """The result in a sentence: ours, and against the best of the baselines."""
    metric = label(evaluation.headline)
    ours = evaluation.methods[evaluation.ours].scores[OVERALL][evaluation.headline]
    first = f"{evaluation.ours} reaches {metric} {figure(ours)} over {ours.n:,} users of {evaluation.data.name}"
    few = f" Only {ours.n} users: read the intervals, not the means." if ours.n < FEW_USERS else ""
    baselines = evaluation.named("baseline")
    if not baselines:
        return f"{first}.{few}"
    best = baselines[0]
    score = evaluation.methods[best].scores[OVERALL][evaluation.headline]
    which = "the baseline" if len(baselines) == 1 else f"the best of {len(baselines)} baselines"
    difference = evaluation.differences[best][OVERALL][evaluation.headline]
    verdict = {
        1: "better than",
        0: "not to be told apart from",
        -1: "worse than",
    }[difference.sign]
    return f"{first}, {verdict} {which}, {best} ({number(score.mean)}): difference {figure(difference)}.{few}"


def ablation(evaluation: Evaluation, without: str) -> str:
    """What the left-out part is worth, in a sentence, and the segments where the answer is another."""
    parts = evaluation.differences[without]
    overall = parts[OVERALL][evaluation.headline]
    worth = f"{label(evaluation.headline)} {figure(overall)}: {_worth(overall)}"
    said = f"What is left out in “{without}” is worth {worth}."
    elsewhere = [
        f"{name} {figure(metrics[evaluation.headline])}"
        for name, metrics in parts.items()
        if metrics[evaluation.headline].sign not in {0, overall.sign}
    ]
    return f"{said} But by segment: {'; '.join(elsewhere)}." if elsewhere else said


def _worth(difference: Difference) -> str:
    return {
        1: "it helps",
        0: "it adds nothing that this log can show",
        -1: "it does harm",
    }[difference.sign]
