"""What people see: progress and tables on stderr, data on stdout."""

import time
from collections.abc import Mapping

from rich.console import Console

from recsys.schema import Progress

err = Console(stderr=True, highlight=False)


def progress(label: str, *, every: float = 2.0) -> Progress:
    """A line on stderr at most every few seconds: what, how far, how long still, and the current metrics."""
    start = last = time.monotonic()

    def show(done: int, total: int, metrics: Mapping[str, float]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < every and done < total:
            return
        last = now
        left = (now - start) / max(done, 1) * (total - done)
        figures = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        err.print(f"  {label} {done}/{total}  {left:.0f} s left  {figures}", markup=False)

    return show
