"""Names, types and event roles shared by every room, and the glossary.

One word per idea: `item_id` is the shop's string, `item_idx` the dense int32 inside (-1 = unknown); `k` a list's
length; `rank` counts from 1; a higher `score` is better; `interest` is the encoder's probability in [0, 1]; `as_of` is
an instant, and only what happened strictly before it may be used; names in `_end` are exclusive bounds.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Instant: TypeAlias = int
"""Microseconds since 1970-01-01 UTC."""

FloatArray: TypeAlias = npt.NDArray[np.float32]
DoubleArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int32]
LongArray: TypeAlias = npt.NDArray[np.int64]
WordArray: TypeAlias = npt.NDArray[np.uint16]
ByteArray: TypeAlias = npt.NDArray[np.uint8]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

SECOND = 1_000_000
DAY = 86_400 * SECOND

UTC_US = pl.Datetime("us", "UTC")

EVENT_WEIGHTS: dict[str, float] = {
    "impression": 0.0,
    "view": 0.1,
    "click": 0.3,
    "share": 0.5,
    "comment": 0.5,
    "like": 0.7,
    "cart": 0.7,
    "purchase": 1.0,
    "play": 0.5,
    "rating": 1.0,
    "dislike": 0.0,
    "return": 0.0,
}
"""Event roles and the default weight of one such event as a sign of interest; 0 is no positive."""

EVENTS: tuple[str, ...] = tuple(EVENT_WEIGHTS)
"""Event roles in the order of their uint8 codes."""

EVENT_CODES: dict[str, int] = {name: code for code, name in enumerate(EVENTS)}

POSITIVE_RATING = 4.0
"""A rating counts as positive from here up."""

ITEM_COLUMNS: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "title": pl.String(),
    "description": pl.String(),
    "category": pl.String(),
    "brand": pl.String(),
    "tags": pl.List(pl.String()),
    "price": pl.Float64(),
    "created_at": UTC_US,
    "available_from": UTC_US,
    "available_until": UTC_US,
}
"""Columns of `items.parquet`; only item_id is required."""

EVENT_COLUMNS: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "item_id": pl.String(),
    "event": pl.String(),
    "timestamp": UTC_US,
    "value": pl.Float64(),
    "request_id": pl.String(),
    "position": pl.Int32(),
}
"""Columns of `events.parquet`; the first four are required."""

Progress: TypeAlias = Callable[[int, int, Mapping[str, float]], None]
"""Called by long work: (steps done, steps in all, metrics by name)."""

Lap: TypeAlias = Callable[[str], None]
"""Called with the name of a stage of an answer when it has ended."""


def unheard(_stage: str) -> None:
    """A `Lap` for nobody."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(instant: Instant) -> datetime:
    """An instant as date and time in UTC, exact to the microsecond.

    >>> moment(1).isoformat()
    '1970-01-01T00:00:00.000001+00:00'
    """
    return _EPOCH + instant * _MICROSECOND


def instant_of(time: datetime) -> Instant:
    """The instant of a date and time with a zone, exact to the microsecond.

    >>> instant_of(moment(1))
    1
    """
    return (time - _EPOCH) // _MICROSECOND
