"""What people see: progress and tables on stderr, data on stdout."""

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from recsys.schema import Progress

EVERY = 10.0
"""Seconds between two lines where stderr is no terminal."""

err = Console(stderr=True, highlight=False, soft_wrap=True)


def warn(sentences: Iterable[str]) -> None:
    """A line each for what does not stop the work and should be known."""
    for sentence in sentences:
        err.print(f"  warning: {sentence}", markup=False)


@contextlib.contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar with time left and current metrics on a terminal; a line now and then in a file.

    Yields:
        What long work calls with (steps done, steps in all, metrics).
    """
    if not err.is_terminal:
        yield _lines(label)
        return
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, TextColumn("{task.fields[figures]}"), console=err) as bar:
        task = bar.add_task(label, total=None, figures="")
        yield lambda done, total, metrics: bar.update(task, completed=done, total=total, figures=_figures(metrics))


def _lines(label: str) -> Progress:
    start = last = time.monotonic()

    def show(done: int, total: int, metrics: Mapping[str, float]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY and done < total:
            return
        last = now
        left = (now - start) / max(done, 1) * (total - done)
        err.print(f"  {label} {done}/{total}  {left:.0f} s left  {_figures(metrics)}", markup=False)

    return show


def _figures(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
