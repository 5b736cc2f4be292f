"""The result as plain rows for a terminal."""

from collections.abc import Sequence

from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.wording import figure, label


def rows(evaluation: Evaluation) -> list[list[str]]:
    """A head and one row per method: name, the leading metrics, ours - it on the headline."""
    head = ["method", *map(label, evaluation.leading), f"{evaluation.ours} - method, {label(evaluation.headline)}"]
    body = []
    for name in in_order(evaluation):
        scores = evaluation.methods[name].scores[OVERALL]
        ours = name == evaluation.ours
        lead = "" if ours else figure(evaluation.differences[name][OVERALL][evaluation.headline])
        body.append([name, *(figure(scores[metric]) for metric in evaluation.leading), lead])
    return [head, *body]


def in_order(evaluation: Evaluation) -> list[str]:
    """All methods: ours, then its ablations, then the baselines, each group best first."""
    return [name for role in ("ours", "ablation", "baseline") for name in evaluation.named(role)]


def table(evaluation: Evaluation) -> str:
    """The rows as aligned text, a line each."""
    return aligned(rows(evaluation))


def aligned(cells: Sequence[Sequence[str]]) -> str:
    """A head and rows of equally many cells as text, a line each.

    >>> print(aligned([["a", "b"], ["long", "c"]]))
    a     b
    ----  -
    long  c
    """
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
