"""The report's section on distillation: what the student left of its teacher, segment by segment."""

from collections.abc import Mapping
from html import escape

from recsys.evaluation.markup import cell, share, table
from recsys.evaluation.results import Comparisons
from recsys.evaluation.wording import label, number

_READING = (
    "The student's vectors beside the teacher's, same users: by text alone, and in the whole pipeline with a ranker "
    "taught on each."
)


def kept(found: Mapping[str, Comparisons]) -> str:
    """A row for each subject, segment and metric; empty where nothing was compared."""
    rows = [
        [
            escape(f"{label(metric)}, {subject}, {segment}"),
            f"{one.difference.n:,}",
            number(one.ours),
            number(one.other),
            share(one.share),
            cell(one.difference),
        ]
        for subject, segments in found.items()
        for segment, metrics in segments.items()
        for metric, one in metrics.items()
    ]
    head = ["metric", "users", "student", "teacher", "kept", "student − teacher"]
    return f'{table(head, rows)}<p class="note">{_READING}</p>' if rows else ""
