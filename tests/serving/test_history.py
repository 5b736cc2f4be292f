from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsys.data.config import DataConfig
from recsys.data.interactions import Histories
from recsys.data.prepare import prepare
from recsys.data.quality import CleanLog
from recsys.data.vocabulary import Vocabulary
from recsys.schema import EVENT_CODES, UTC_US, moment
from serving.history import SKEW, HistoryError, told
from serving.schemas import HistoryEvent

ITEMS = Vocabulary.of(["a", "b"])
AS_OF = 1_700_000_000_000_000
NOON = moment(AS_OF)


def event(item_id: str, role: str, ago: float | None = None, value: float | None = None) -> HistoryEvent:
    timestamp = None if ago is None else NOON - timedelta(seconds=ago)
    return HistoryEvent(item_id=item_id, event=role, timestamp=timestamp, value=value)


def tell(*events: HistoryEvent):
    return told(events, as_of=AS_OF, items=ITEMS, data=DataConfig())


def test_oldest_first_with_the_weights_of_the_log() -> None:
    row, unknown = tell(event("b", "purchase", 10), event("a", "click", 20))
    assert row.item_idx.tolist() == [0, 1]
    assert row.event.tolist() == [EVENT_CODES["click"], EVENT_CODES["purchase"]]
    assert row.at.tolist() == [AS_OF - 20_000_000, AS_OF - 10_000_000]
    np.testing.assert_array_equal(row.weight, np.array([0.3, 1.0], np.float32))
    assert np.isnan(row.value).all()
    assert unknown == []


def test_unknown_items_are_told_and_left_out() -> None:
    row, unknown = tell(event("zzz", "click", 1), event("a", "click", 2))
    assert unknown == ["zzz"]
    assert row.item_idx.tolist() == [0]


def test_no_timestamp_is_just_before_the_answer_in_the_given_order() -> None:
    row, _ = tell(event("b", "click"), event("a", "click"), event("a", "view", 5))
    assert row.at.tolist() == [AS_OF - 5_000_000, AS_OF - 1, AS_OF - 1]
    assert row.item_idx.tolist() == [0, 1, 0]


def test_a_clock_a_little_ahead_is_just_now_and_one_far_ahead_is_refused() -> None:
    row, _ = tell(event("a", "click", -(SKEW / 1e6 - 1)))
    assert row.at.tolist() == [AS_OF - 1]
    with pytest.raises(HistoryError, match=r"^history\.0\.timestamp: expected an instant before 2023-11-14T22:13:20"):
        tell(event("a", "click", -SKEW / 1e6))


@pytest.mark.parametrize(("stars", "weight"), [(5.0, 1.0), (4.0, 1.0), (3.9, 0.0), (None, 0.0)])
def test_a_rating_below_four_is_no_positive(stars: float | None, weight: float) -> None:
    assert tell(event("a", "rating", 1, stars))[0].weight.tolist() == [weight]


def test_a_return_cancels_the_purchase_before_it() -> None:
    row, _ = tell(event("a", "purchase", 9), event("a", "purchase", 8), event("a", "return", 7), event("a", "return"))
    assert row.event.tolist() == [EVENT_CODES["return"]] * 2
    row, _ = tell(event("a", "return", 9), event("a", "purchase", 8), event("b", "return", 7))
    assert row.event.tolist() == [EVENT_CODES[e] for e in ("return", "purchase", "return")]


def test_moments_are_exact() -> None:
    assert moment(AS_OF + 1) == datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=UTC)


def test_no_events_make_an_empty_row() -> None:
    row, _ = tell()
    assert len(row) == 1
    assert row.item_idx.dtype == np.int32
    assert len(row.item_idx) == 0


def test_a_told_history_is_read_like_a_log() -> None:
    """The same events, once as a log that was prepared, once told."""
    events = [
        event("a", "view", 90),
        event("b", "rating", 80, 4.0),
        event("a", "rating", 70, 3.0),
        event("b", "rating", 60),
        event("b", "purchase", 50, 2.5),
        event("b", "purchase", 40, 2.5),
        event("b", "return", 30),
        event("a", "dislike", 20),
        event("a", "cart", 10),
    ]
    rows = pl.DataFrame([e.model_dump() for e in events], schema_overrides={"timestamp": UTC_US})
    log = CleanLog(
        items=pl.DataFrame({"item_id": ITEMS.ids}),
        events=rows.with_columns(user_id=pl.lit("u"), position=pl.lit(None, pl.Int32)),
        rejects=pl.DataFrame(),
        rows={},
        filtered={},
        notes=(),
    )
    _, interactions = prepare(log, data=DataConfig())
    expected = interactions.histories(np.array([0], np.int32), as_of=AS_OF)
    row, _ = tell(*events)
    for name in Histories.__slots__:
        np.testing.assert_array_equal(getattr(row, name), getattr(expected, name), err_msg=name)
