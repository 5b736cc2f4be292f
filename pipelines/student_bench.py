"""`recsys bench student` and `recsys bench prune`: one run's teacher, what could be served in its place, one table."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pipelines import students
from pipelines.contest import Contest, hold
from pipelines.lock import held
from pipelines.options import Option
from pipelines.run_directory import RunDirectory, home
from pipelines.variant import SECTIONS
from recsys.artifacts import publish
from recsys.errors import RecsysError, UsageError
from recsys.evaluation.table import aligned
from recsys.evaluation.variants import KIND, Variant, Variants
from recsys.evaluation.wording import figure
from recsys.settings import Settings, changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be measured.

    Attributes:
        run: a run directory with a teacher.
        assignments: section.key=value, for every row.
        rounds: how often all are timed.
    """

    run: Path
    assignments: Sequence[str]
    rounds: int


def student(order: Order, names: Sequence[str], *, form: Literal["json", "table"]) -> None:
    """Every variant, or those of these names, beside the teacher; RUN/variants keeps what was found for the report.

    Raises:
        UsageError: no run there, no such variant, or a setting that makes no difference to a student.
        ArtifactError: no teacher.
        LockedError: another process works in the run.
        RecsysError: a training failed; the others are in the table.
    """
    opened = RunDirectory.open(order.run)
    depth, width = students.shape(opened)
    options = students.chosen(students.variants(depth=depth, width=width), names)
    settings = _settings(opened, options, order)
    with held(home(order.run)) as lock:
        found = hold(opened, settings, against=students.TEACHER, rounds=order.rounds, lock=lock)
        config = {"rows": [row.name for row in found.variants.rows], "assignments": list(order.assignments)}
        with publish(opened / KIND, kind=KIND, config=config, parents=students.parents(opened)) as out:
            found.variants.save(out)
    _tell(found, form, against=students.TEACHER)


def prune(order: Order, amounts: Sequence[str], *, form: Literal["json", "table"]) -> None:
    """The curve of quality and speed over the share of the layers' numbers that is taken away.

    Raises:
        UsageError: no run there, an amount outside of [0, 1), or a setting that makes no difference to a student.
        ArtifactError: no teacher.
        LockedError: another process works in the run.
        RecsysError: a training failed; the others are in the table.
    """
    options = students.pruned(amounts)
    opened = RunDirectory.open(order.run)
    students.shape(opened)
    settings = _settings(opened, options, order)
    with held(home(order.run)) as lock:
        found = hold(opened, settings, against=students.WHOLE, rounds=order.rounds, lock=lock)
    _tell(found, form, against=students.WHOLE)


def _settings(opened: RunDirectory, options: Sequence[Option], order: Order) -> dict[Option, Settings]:
    for assignment in order.assignments:
        if assignment.split(".")[0] not in SECTIONS:
            raise UsageError(
                f"Expected --set with a setting of {' or '.join(SECTIONS)}, which make a student of the run's teacher, "
                f"got {assignment}; start another run for that."
            )
    return {option: changed(opened.settings, [*order.assignments, *option.changes]) for option in options}


def _tell(found: Contest, form: Literal["json", "table"], *, against: str) -> None:
    if form == "json":
        print(json.dumps(values(found.variants), indent=1))
    else:
        print(aligned(cells(found.variants, against=against)))
    if found.failed:
        raise RecsysError(f"{len(found.failed)} variants failed: {', '.join(found.failed)}; see above.")


def values(found: Variants) -> list[dict[str, Any]]:
    """One mapping a row, JSON types."""
    front = {row.name for row in found.front()}
    return [
        {
            **asdict(row),
            **asdict(found.speeds[row.name]),
            "threads": found.threads,
            "front": row.name in front,
        }
        for row in found.rows
    ]


def cells(found: Variants, *, against: str) -> list[list[str]]:
    """Head and body of the table; a star marks what no other betters."""
    head = ["variant", "nDCG@10", f"- {against} (paired)", f"of {against}", "p50 ms", "p99 ms", "texts/s", "MB", "what"]
    front = {row.name for row in found.front()}
    return [head, *(_cells(row, found, starred=row.name in front) for row in found.rows)]


def _cells(row: Variant, found: Variants, *, starred: bool) -> list[str]:
    speed, share = found.speeds[row.name], None if row.kept is None else row.kept.share
    kept = "" if share is None else f"{share.mean:.1%}"
    if share is not None and share.low is not None and share.high is not None:
        kept += f" [{share.low:.1%}, {share.high:.1%}]"
    return [
        row.name + (" *" if starred else ""),
        figure(row.ndcg),
        "" if row.kept is None else figure(row.kept.difference),
        kept,
        f"{speed.p50_ms:.2f}",
        f"{speed.p99_ms:.2f}",
        f"{speed.texts_per_second:.0f}",
        f"{row.megabytes:.1f}",
        row.why,
    ]
