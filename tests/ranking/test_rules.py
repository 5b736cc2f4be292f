from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories
from recsys.errors import ShapeError
from recsys.ranking.rules import available, permitted, unseen
from recsys.schema import EVENT_CODES, SECOND


def test_items_are_available_from_their_first_instant_to_before_their_last() -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    items = pl.DataFrame(
        {
            "item_id": ["always", "from", "later", "over", "until"],
            "available_from": [None, noon, noon.replace(hour=13), None, None],
            "available_until": [None, None, None, noon, noon.replace(hour=13)],
        },
        schema_overrides={"available_from": pl.Datetime("us", "UTC"), "available_until": pl.Datetime("us", "UTC")},
    )
    catalog = Catalog.of(items, text_chars=100)
    as_of = int(noon.timestamp()) * SECOND
    assert available(catalog, as_of=as_of).tolist() == [True, True, False, False, True]


def test_seen_is_what_was_taken_or_turned_down_not_what_was_shown() -> None:
    roles = ["click", "impression", "dislike", "rating"]
    histories = Histories(
        indptr=np.array([0, 3, 4]),
        item_idx=np.array([0, 1, 2, 3], np.int32),
        event=np.array([EVENT_CODES[role] for role in roles], np.uint8),
        at=np.zeros(4, np.int64),
        value=np.zeros(4),
        weight=np.array([0.3, 0, 0, 0], np.float32),
    )
    assert unseen(histories, 5).tolist() == [[False, True, False, True, True], [True, True, True, False, True]]


def test_permitted_is_what_every_mask_permits() -> None:
    for_all, each = np.array([True, True, False]), np.array([[True, False, True], [True, True, True]])
    assert permitted(2, 3, [for_all, None, each]).tolist() == [[True, False, False], [True, True, False]]


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"Expected a mask of shape \(3,\) or \(2, 3\), got \(2,\)"):
        permitted(2, 3, [np.ones(2, np.bool_)])
