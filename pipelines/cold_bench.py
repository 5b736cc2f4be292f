"""`recsys bench cold`: lists for users who have just come, and whether items that have just come are found."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pipelines import cold_items, newcomers
from pipelines.console import err
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.errors import UsageError
from recsys.evaluation.compare import Estimate
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure
from recsys.ranking.ranker import Ranker


def measure(run: Path, events: Sequence[str], *, users: int, form: Literal["json", "table"]) -> None:
    """Print both tables.

    Args:
        run: a run with a ranker.
        events: how many events of a user are shown.
        users: at most so many users are newcomers.
        form: of what is printed.

    Raises:
        UsageError: no run there, or not a number of events, or more than any user has.
        ArtifactError: a stage is missing.
        SplitError: nobody took anything in the test window.
    """
    shown = sorted({_number(told) for told in events})
    if not shown:
        raise UsageError("Expected --events as numbers from 0 up with commas between, got none; try 0,1,3,10.")
    opened = RunDirectory.open(run)
    parts, config = Parts.load(opened), opened.settings.evaluation
    ranker = Ranker.load(opened.read("ranker"), threads=opened.settings.threads)
    few = config.model_copy(update={"max_users": min(users, config.max_users)})
    new_users = list(newcomers.rows(parts, ranker, events=shown, config=few))
    err.print("  cold items", markup=False)
    new_items = list(cold_items.rows(opened, parts, ranker, config=config))
    if not new_items:
        err.print("  nobody took an item without an event before ranker_end", markup=False)
    if form == "json":
        print(json.dumps({"users": [*map(asdict, new_users)], "items": [*map(asdict, new_items)]}, indent=1))
        return
    print(aligned(users_cells(new_users)))
    if new_items:
        print(f"\n{aligned(items_cells(new_items))}")


def _number(told: str) -> int:
    if not told.isdecimal():
        raise UsageError(f"Expected --events as numbers from 0 up with commas between, got {told!r}; correct it.")
    return int(told)


def users_cells(rows: Sequence[newcomers.Row]) -> list[list[str]]:
    """Head and body of the table of newcomers."""
    head = ["events", "method", "users", "nDCG@10", "recall@20", "recsys - method, nDCG@10"]
    return [head, *(_user(row) for row in rows)]


def _user(row: newcomers.Row) -> list[str]:
    events, ahead = "all" if row.events is None else str(row.events), "" if row.ahead is None else figure(row.ahead)
    return [events, row.method, f"{row.ndcg.n:,}", figure(row.ndcg), figure(row.recall), ahead]


def items_cells(rows: Sequence[cold_items.Row]) -> list[list[str]]:
    """Head and body of the table of cold items."""
    head = ["among", "method", "users", "recall@20 of cold items", "- zero-shot (paired)", "÷ zero-shot"]
    return [head, *(_item(row) for row in rows)]


def _item(row: cold_items.Row) -> list[str]:
    body = [f"{row.items:,} {row.among}", row.method, f"{row.recall.n:,}"]
    if row.beside is None:
        return [*body, figure(row.recall), "", ""]
    return [*body, figure(row.recall), figure(row.beside.difference), _times(row.beside.share)]


def _times(share: Estimate | None) -> str:
    """A ratio with its interval, or nothing.

    >>> _times(Estimate(mean=1.5, low=1.1, high=2.0, n=70))
    '1.50 [1.10, 2.00]'
    """
    if share is None:
        return ""
    bounds = "" if share.low is None or share.high is None else f" [{share.low:.2f}, {share.high:.2f}]"
    return f"{share.mean:.2f}{bounds}"
