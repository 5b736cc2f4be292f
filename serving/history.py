"""A history told by the client or posted before, in the form the models read."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from recsys.data.config import DataConfig
from recsys.data.interactions import Histories
from recsys.data.vocabulary import Vocabulary
from recsys.errors import RecsysError
from recsys.schema import EVENT_CODES, POSITIVE_RATING, SECOND, Instant, instant_of, moment
from serving.schemas import HistoryEvent
from serving.state_schemas import PostedEvent
from serving.store import Event

SKEW = 300 * SECOND
"""How far, in µs, the client's clock may run ahead of the answer's; what lies in between happened just now."""

_PURCHASE, _RETURN = EVENT_CODES["purchase"], EVENT_CODES["return"]


class HistoryError(RecsysError):
    """A history that cannot have happened."""


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
    row = _row(sorted(dated, key=lambda pair: pair[0]), items, data)
    return _standing(row, 0), [event.item_id for event in events if event.item_id not in items.index]


def joined(known: Histories, events: Sequence[Event], *, items: Vocabulary, data: DataConfig) -> Histories:
    """One row of history with what was posted since; items that the catalogue does not know are left out.

    Args:
        known: one row, of which returns have cancelled what they can.
        events: later ones, oldest first.
        items: item_id ↔ item_idx.
        data: how the log was read: the weights of event roles.
    """
    since = _row([(event.at, event) for event in events], items, data)
    both = Histories.concat([known, since])
    one = replace(both, indptr=np.array([0, len(both.item_idx)], np.int64))
    return _standing(one, len(known.item_idx))


def posted(position: int, event: PostedEvent, now: Instant) -> Event:
    """An event as the store keeps it.

    Raises:
        HistoryError: it lies further in the future than clocks differ.
    """
    at = instant_of(event.timestamp)
    if at >= now + SKEW:
        raise HistoryError(
            f"events.{position}.timestamp: expected an instant before {moment(now).isoformat()}, the time of the "
            f"service, got {event.timestamp.isoformat()}; correct the clock."
        )
    told = event.model_dump(exclude={"timestamp"})
    return Event(**told, at=at)


class _Deed(Protocol):
    """What a told and a posted event have in common."""

    @property
    def item_id(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def value(self) -> float | None: ...


def _row(dated: Sequence[tuple[Instant, _Deed]], items: Vocabulary, data: DataConfig) -> Histories:
    """One row of the events whose item is known, in their order."""
    dated = [pair for pair in dated if pair[1].item_id in items.index]
    return Histories(
        indptr=np.array([0, len(dated)], np.int64),
        item_idx=items.encode(event.item_id for _, event in dated),
        event=np.array([EVENT_CODES[event.event] for _, event in dated], np.uint8),
        at=np.array([at for at, _ in dated], np.int64),
        value=np.array([np.nan if event.value is None else event.value for _, event in dated], np.float64),
        weight=np.array([_weight(event, data) for _, event in dated], np.float32),
    )


def _instant(position: int, event: HistoryEvent, as_of: Instant) -> Instant:
    if event.timestamp is None:
        return as_of - 1
    at = instant_of(event.timestamp)
    if at >= as_of + SKEW:
        raise HistoryError(
            f"history.{position}.timestamp: expected an instant before {moment(as_of).isoformat()}, the time of this "
            f"answer, got {event.timestamp.isoformat()}; leave it out if it happened just now."
        )
    return min(at, as_of - 1)


def _weight(event: _Deed, data: DataConfig) -> float:
    disliked = event.event == "rating" and (event.value is None or event.value < POSITIVE_RATING)
    return 0.0 if disliked else data.event_weights.get(event.event, 0.0)


def _standing(row: Histories, first: int) -> Histories:
    """Without the purchases that a return of the same item cancels, the last one first; returns from `first` on."""
    cancelled: list[int] = []
    open_purchases: dict[int, list[int]] = {}
    for n, (item, event) in enumerate(zip(row.item_idx.tolist(), row.event.tolist(), strict=True)):
        purchases = open_purchases.setdefault(item, [])
        if event == _PURCHASE:
            purchases.append(n)
        elif event == _RETURN and n >= first and purchases:
            cancelled.append(purchases.pop())
    keep = np.ones(len(row.item_idx), np.bool_)
    keep[cancelled] = False
    return row.where(keep)
