"""A history told by the client, in the form the models read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from recsys.data.config import DataConfig
from recsys.data.interactions import Histories
from recsys.data.vocabulary import Vocabulary
from recsys.errors import RecsysError
from recsys.schema import EVENT_CODES, POSITIVE_RATING, SECOND, Instant
from serving.schemas import HistoryEvent

SKEW = 300 * SECOND
"""How far, in µs, the client's clock may run ahead of the answer's; what lies in between happened just now."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class HistoryError(RecsysError):
    """A history that cannot have happened."""


def moment(instant: Instant) -> datetime:
    """An instant as date and time in UTC, exact to the microsecond.

    >>> moment(1).isoformat()
    '1970-01-01T00:00:00.000001+00:00'
    """
    return _EPOCH + instant * _MICROSECOND


def told(
    events: Sequence[HistoryEvent], *, as_of: Instant, items: Vocabulary, data: DataConfig
) -> tuple[Histories, list[str]]:
    """One row of history, oldest first, and the item ids in it that the catalogue does not know.

    Args:
        events: what the client says the user did.
        as_of: the instant of the answer; an event without a timestamp happened just before it.
        items: item_id ↔ item_idx.
        data: how the log was read: the weights of event roles.

    Raises:
        HistoryError: an event that lies further in the future than clocks differ.
    """
    dated = [(_instant(n, event, as_of), event) for n, event in enumerate(events)]
    dated = [pair for pair in dated if pair[1].item_id in items.index]
    dated = _standing(sorted(dated, key=lambda pair: pair[0]))
    row = Histories(
        indptr=np.array([0, len(dated)], np.int64),
        item_idx=items.encode(event.item_id for _, event in dated),
        event=np.array([EVENT_CODES[event.event] for _, event in dated], np.uint8),
        at=np.array([at for at, _ in dated], np.int64),
        value=np.array([np.nan if event.value is None else event.value for _, event in dated], np.float64),
        weight=np.array([_weight(event, data) for _, event in dated], np.float32),
    )
    return row, [event.item_id for event in events if event.item_id not in items.index]


def _instant(position: int, event: HistoryEvent, as_of: Instant) -> Instant:
    if event.timestamp is None:
        return as_of - 1
    at = (event.timestamp - _EPOCH) // _MICROSECOND
    if at >= as_of + SKEW:
        raise HistoryError(
            f"history.{position}.timestamp: expected an instant before {moment(as_of).isoformat()}, the time of this "
            f"answer, got {event.timestamp.isoformat()}; leave it out if it happened just now."
        )
    return min(at, as_of - 1)


def _weight(event: HistoryEvent, data: DataConfig) -> float:
    disliked = event.event == "rating" and (event.value is None or event.value < POSITIVE_RATING)
    return 0.0 if disliked else data.event_weights.get(event.event, 0.0)


def _standing(dated: list[tuple[Instant, HistoryEvent]]) -> list[tuple[Instant, HistoryEvent]]:
    """Without the purchases that a later return of the same item cancels, the last one first."""
    cancelled: set[int] = set()
    open_purchases: dict[str, list[int]] = {}
    for n, (_, event) in enumerate(dated):
        purchases = open_purchases.setdefault(event.item_id, [])
        if event.event == "purchase":
            purchases.append(n)
        elif event.event == "return" and purchases:
            cancelled.add(purchases.pop())
    return [pair for n, pair in enumerate(dated) if n not in cancelled]
