"""A steady load for as long as asked: does anything grow?

A shop's minutes, one after the other: lists and ranks, events, items that come and go, users who are erased. The first
third fills caches and pools. From the second to the last, no more than FLAT may be added to what is held (memory, open
files, lines that wait to become Parquet) and to what is written for the same work (Parquet a row, files a minute, lines
a request). The state grows with the events that are posted, and the log with the answers: both are told.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tests.bench.load import questions
from tests.bench.load.client import Client, poisson
from tests.bench.load.measure import shares
from tests.bench.load.server import Server

FLAT = 0.05
"""What the last third may have more than the one before it, as a share."""

LEAST = 9
"""Looks, or there are no thirds to speak of."""

INTERRUPTED = 130

_GOOD = frozenset({200, 429, 503})
"""All that is asked is right; who is turned away may come again."""

_ONE_ROTATION = 4
"""Files that the log's next rotation makes: whether that lies before or after a look is chance."""

_SETTLE_SECONDS = 0.5
_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a server holds, and has written so far; sizes in MiB.

    Attributes:
        minutes: since the start.
        asked: requests since then.
        events: of them, those that posted one.
        resident: memory of all its processes.
        handles: their open files.
        waiting: lines of the policy log that are no Parquet yet.
        log: its Parquet.
        files: of Parquet.
        rows: in its answers.
        lines: on stderr.
        state: in the state's files.
    """

    minutes: float
    asked: int
    events: int
    resident: float
    handles: int
    waiting: float
    log: float
    files: int
    rows: int
    lines: float
    state: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What must not grow.

    Attributes:
        name: with its unit.
        of: how much there is.
        per: of what is written, the work it is written for: the quantity is what a third adds to the one over what it
            adds to the other; None for what is held, whose mean counts.
        slack: how much chance may add to `of`.
    """

    name: str
    of: Callable[[Look], float]
    per: Callable[[Look], float] | None = None
    slack: float = 0.0

    def compared(self, before: Sequence[Look], last: Sequence[Look]) -> tuple[float, float, bool]:
        """How much it was, how much it is, and whether that is flat; each begins with the last look before it."""
        if self.per is None:
            old, new = (float(np.mean([self.of(look) for look in looks[1:]])) for looks in (before, last))
            return old, new, new <= old * (1 + FLAT) + self.slack
        work = [max(self.per(looks[-1]) - self.per(looks[0]), 1e-9) for looks in (before, last)]
        old, new = ((self.of(looks[-1]) - self.of(looks[0])) / w for looks, w in zip((before, last), work, strict=True))
        return old, new, new <= old * (1 + FLAT) + self.slack / work[1]


QUANTITIES = (
    Quantity(name="resident, MiB", of=lambda look: look.resident),
    Quantity(name="open files", of=lambda look: look.handles),
    Quantity(name="lines of the log waiting, MiB", of=lambda look: look.waiting, slack=1),
    Quantity(name="log, bytes a row", of=lambda look: look.log * _MIB, per=lambda look: look.rows),
    Quantity(
        name="log, files a minute", of=lambda look: look.files, per=lambda look: look.minutes, slack=_ONE_ROTATION
    ),
    Quantity(name="stderr, bytes a request", of=lambda look: look.lines * _MIB, per=lambda look: look.asked),
)


def soak(server: Server, bundle, *, minutes: float, rate: float) -> int:
    """Print what there is each minute, and at the end, or on Ctrl-C, what has grown.

    Args:
        server: the only one asked.
        bundle: what it serves.
        minutes: for how long; shorter steps than a minute are taken where there would be less than LEAST.
        rate: requests a second.

    Returns:
        0 if all stayed flat and all was answered, 1 if not, INTERRUPTED on Ctrl-C.
    """
    client, statuses, looks = Client(server.port), Counter[int](), [looked(server, minutes=0, asked=0, events=0)]
    step = min(60.0, minutes * 60 / LEAST)
    n = int(rate * step)
    print("minute   resident MiB   open files   state MiB     log MiB   in files   p99 ms   answers", flush=True)
    start, interrupted = time.monotonic(), False
    with contextlib.suppress(KeyboardInterrupt):
        interrupted = True
        for number in range(round(minutes * 60 / step)):
            load = client.load(poisson(rate, n, seed=number), questions.mixed(bundle, n, minute=number))
            time.sleep(_SETTLE_SECONDS)  # connections that were closed are
            asked, posted = looks[-1].asked + n, looks[-1].events + len(range(0, n, questions.EVENT_EACH))
            now = looked(server, minutes=(time.monotonic() - start) / 60, asked=asked, events=posted)
            looks.append(now)
            statuses.update(load.status.tolist())
            held = f"{now.minutes:6.1f}{now.resident:15.1f}{now.handles:13d}{now.state:12.2f}{now.log:12.2f}"
            print(f"{held}{now.files:11d}{load.quantile(0.99):9.0f}   {shares(load)}", flush=True)
        interrupted = False
    well = verdict(looks, statuses)
    return INTERRUPTED if interrupted else 0 if well else 1


def looked(server: Server, *, minutes: float, asked: int, events: int) -> Look:
    """A look; attributes as of `Look`."""
    parquet = [path for path in (server.folder / "log").rglob("*.parquet") if path.is_file()]
    return Look(
        minutes=minutes,
        asked=asked,
        events=events,
        resident=sum(rss for rss, _ in server.memory().values()),
        handles=server.handles(),
        waiting=_mib((server.folder / "log" / "segments").glob("*")),
        log=_mib(parquet),
        files=len(parquet),
        rows=sum(_rows(path) for path in parquet if path.parent.name == "answers"),
        lines=_mib([server.lines]),
        state=_mib(server.folder.glob("state*")),
    )


def verdict(looks: Sequence[Look], statuses: Counter[int]) -> bool:
    """Print what became of each quantity; whether all is well."""
    print(f"{looks[-1].asked} requests: {', '.join(f'{s}: {n}' for s, n in sorted(statuses.items()))}")
    well = set(statuses) <= _GOOD
    if not well:
        print("NOT WELL: something was not answered, or failed")
    if len(looks) <= LEAST:
        print(f"ended after {len(looks) - 1} looks: of fewer than {LEAST} nothing can be said")
        return False
    first, second = len(looks) // 3, 2 * len(looks) // 3
    before, last = looks[first : second + 1], looks[second:]
    for quantity in QUANTITIES:
        old, new, flat = quantity.compared(before, last)
        print(f"{quantity.name:32s}{old:12.2f} ->{new:12.2f}   {'flat' if flat else f'GROWN by more than {FLAT:.0%}'}")
        well &= flat
    grown, posted = last[-1].state - before[0].state, last[-1].events - before[0].events
    print(f"the state grew by {grown:.2f} MiB with {posted} events, {grown * 1024 / max(posted, 1):.2f} KiB each")
    print("flat" if well else "NOT FLAT")
    return well


def _mib(paths) -> float:
    total = 0
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total / _MIB


def _rows(path: Path) -> int:
    try:
        return pl.scan_parquet(path).select(pl.len()).collect().item()
    except FileNotFoundError:  # merged, or emptied, meanwhile
        return 0
