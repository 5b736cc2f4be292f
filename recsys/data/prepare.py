"""From valid rows to the catalogue and the log: weights, cancellations, the clock, and where the log is cut."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.config import DataConfig
from recsys.data.interactions import COLUMNS, Interactions
from recsys.data.quality import CleanLog
from recsys.data.split import nearest
from recsys.data.vocabulary import Vocabulary
from recsys.errors import SplitError, UsageError
from recsys.schema import DAY, EVENT_CODES, POSITIVE_RATING, SECOND, Instant, LongArray

_EVEN = 0.99
"""From this share of equal, positive steps between events up, timestamps are taken for a mere order."""


def prepare(log: CleanLog, *, data: DataConfig, until: Instant | float | None = None) -> tuple[Catalog, Interactions]:
    """The catalogue and the log, cut to events strictly before `until` where given.

    Every valid event is kept, repeats included. Ratings below 4 or without a value weigh nothing. A return cancels the
    latest purchase before it, by the same user and of the same item, that no other return has cancelled.

    Args:
        log: valid rows.
        data: weights, clock and text length.
        until: an instant, or a quantile in (0, 1) of the positive events' timestamps ("nearest").

    Raises:
        SplitError: nothing happened before `until`, or no event is positive where it is a quantile.
    """
    catalog = Catalog.of(log.items, text_chars=data.text_chars)
    events = _weighted(log.events, data)
    if until is not None:
        events = _cut(events, until)
    users = Vocabulary.of(events["user_id"].unique())
    events = events.select(
        pl.Series("user_idx", users.encode(events["user_id"])),
        pl.Series("item_idx", catalog.vocabulary.encode(events["item_id"])),
        pl.col("event").replace_strict(EVENT_CODES, return_dtype=pl.UInt8),
        "at",
        "value",
        "weight",
        "position",
    ).sort("at", "user_idx", "item_idx", "event", "value", "position")
    events = events.with_columns(until=_cancelled_at(events)).select(*COLUMNS)
    day = _day(events["at"].to_numpy(), data)
    return catalog, Interactions(events=events, users=users, n_items=len(catalog), day=day)


def parse_until(text: str) -> Instant | float:
    """A quantile such as "0.9", or an ISO 8601 time such as "2011-10-01"; UTC where no zone is given.

    Raises:
        UsageError: neither.

    >>> parse_until("0.9"), parse_until("1970-01-02")
    (0.9, 86400000000)
    """
    try:
        quantile = float(text)
    except ValueError:
        quantile = None
    if quantile is not None and 0 < quantile < 1:
        return quantile
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f'Expected --until as a quantile between 0 and 1 or a time such as "2011-10-01T12:00Z", got {text!r}.'
        ) from error
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round(time.timestamp() * SECOND)


def _weighted(events: pl.DataFrame, data: DataConfig) -> pl.DataFrame:
    liked = (pl.col("event") != "rating") | (pl.col("value") >= POSITIVE_RATING).fill_null(value=False)
    weight = pl.col("event").replace_strict(data.event_weights, return_dtype=pl.Float32)
    return events.with_columns(
        at=pl.col("timestamp").dt.epoch("us"), weight=pl.when(liked).then(weight).otherwise(pl.lit(0, pl.Float32))
    )


def _cut(events: pl.DataFrame, until: Instant | float) -> pl.DataFrame:
    if isinstance(until, float):
        positive = events.filter(pl.col("weight") > 0)["at"]
        if positive.is_empty():
            raise SplitError("Expected positive events to cut the log at a quantile of, found none; check event roles.")
        until = nearest(np.sort(positive.to_numpy()), until)
    kept = events.filter(pl.col("at") < until)
    if kept.is_empty():
        first = events["timestamp"].sort()[0]
        raise SplitError(f"Expected events before the cut, but the first is at {first}; choose a later --until.")
    return kept


def _cancelled_at(events: pl.DataFrame) -> pl.Series:
    """int64, when each purchase was cancelled, null for all other events; `events` sorted by time."""
    purchase, back = EVENT_CODES["purchase"], EVENT_CODES["return"]
    if not (events["event"] == back).any():  # a long log should not be grouped for nothing
        return pl.repeat(None, len(events), dtype=pl.Int64, eager=True)
    returned = (pl.col("event") == back).any().over("user_idx", "item_idx")
    trade = events.with_row_index("row").filter(pl.col("event").is_in([purchase, back])).filter(returned)
    open_purchases: dict[tuple[int, int], list[int]] = {}
    until = np.full(len(events), -1, np.int64)
    for row, user, item, event, at in trade.select("row", "user_idx", "item_idx", "event", "at").iter_rows():
        stack = open_purchases.setdefault((user, item), [])
        if event == purchase:
            stack.append(row)
        elif stack:
            until[stack.pop()] = at
    return pl.select(pl.when(pl.Series(until) >= 0).then(pl.Series(until))).to_series()


def _day(at: LongArray, data: DataConfig) -> Instant:
    """µs that count as one day; `at` sorted."""
    if not len(at) or data.clock == "real" or (data.clock == "auto" and not _evenly_spaced(at)):
        return DAY
    return max(1, int(at[-1] - at[0]) // 365)


def _evenly_spaced(at: LongArray) -> bool:
    steps, counts = np.unique(np.diff(at), return_counts=True)
    if not len(steps):
        return False
    usual = int(counts.argmax())
    return bool(steps[usual] > 0 and counts[usual] >= _EVEN * counts.sum())
