from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.data.catalog import Catalog
from recsys.data.interactions import COLUMNS, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError
from recsys.ranking.state import NEVER, ItemState
from recsys.schema import DAY, EVENT_CODES

HALF_LIVES = (5.0, 10.0, 20.0)
BUY, RATE = EVENT_CODES["purchase"], EVENT_CODES["rating"]
# user, item, event, day, weight
LOG = [
    (0, 0, BUY, 1, 1.0),
    (0, 0, BUY, 3, 1.0),
    (0, 0, BUY, 9, 1.0),
    (1, 0, BUY, 9, 1.0),
    (1, 1, RATE, 4, 0.0),
    (1, 1, RATE, 6, 1.0),
    (0, 3, BUY, 11, 1.0),
]


def log() -> Interactions:
    rows = [(u, i, e, d * DAY, None, w, None) for u, i, e, d, w in LOG]
    events = pl.DataFrame(rows, schema=COLUMNS, orient="row").sort("at", "user_idx")
    return Interactions(events=events, users=Vocabulary.of("ab"), n_items=4)


def catalog() -> Catalog:
    created = [None, None, datetime.fromtimestamp(8 * 86400, tz=UTC), None]
    items = pl.DataFrame(
        {"item_id": list("abcd"), "price": [1.0, None, 3.0, float("nan")], "brand": ["x", "", None, "x"]}
    ).with_columns(created_at=pl.Series(created, dtype=pl.Datetime("us", "UTC")))
    return Catalog.of(items, text_chars=10)


@pytest.fixture
def state() -> ItemState:
    return ItemState.of(catalog(), log(), as_of=10 * DAY, half_lives=HALF_LIVES)


def test_takes_and_takers(state: ItemState) -> None:
    assert state.takes.tolist() == [4, 1, 0, 0]
    assert state.takers.tolist() == [2, 1, 0, 0]
    assert state.repeaters.tolist() == [1, 0, 0, 0]
    assert state.met.tolist() == [4, 2, 0, 0]


def test_decayed_counters(state: ItemState) -> None:
    for row, h in enumerate(HALF_LIVES):
        assert state.decayed[row, 0] == pytest.approx(2 ** (-9 / h) + 2 ** (-7 / h) + 2 * 2 ** (-1 / h))
        assert state.firsts[row, 0] == pytest.approx(2 ** (-9 / h) + 2 ** (-1 / h))


def test_the_interval_is_the_mean_time_between_two_takes(state: ItemState) -> None:
    assert state.interval[0] == (9 - 1) / 2
    assert np.isnan(state.interval[1:]).all()


def test_instants_of_birth_and_last_take(state: ItemState) -> None:
    assert state.born.tolist() == [1 * DAY, 4 * DAY, 8 * DAY, NEVER]
    assert state.last.tolist() == [9 * DAY, 6 * DAY, NEVER, NEVER]


def test_an_item_that_only_the_future_knows_is_unknown(state: ItemState) -> None:
    assert state.known.tolist() == [True, True, True, False]


def test_attributes(state: ItemState) -> None:
    assert state.price[[0, 2]].tolist() == [1, 3]
    assert np.isnan(state.price[[1, 3]]).all()
    assert state.brand.tolist() == [0, -1, -1, 0]
    assert state.category.tolist() == [-1] * 4


def test_counters_age_in_closed_form(state: ItemState) -> None:
    later = ItemState.of(catalog(), log().before(10 * DAY), as_of=25 * DAY, half_lives=HALF_LIVES)
    assert (state.decayed * state.fading(25 * DAY)[:, None])[:, 0] == pytest.approx(later.decayed[:, 0])


def test_a_loaded_state_is_equal(state: ItemState, tmp_path: Path) -> None:
    state.save(tmp_path)
    loaded = ItemState.load(tmp_path)
    for name in ItemState.__slots__:
        assert np.array_equal(getattr(loaded, name), getattr(state, name), equal_nan=name in ("interval", "price")), (
            name
        )


def test_counters_of_different_lengths_are_refused(state: ItemState, tmp_path: Path) -> None:
    state.save(tmp_path)
    np.save(tmp_path / "items-takes.npy", np.zeros(9))
    with pytest.raises(ArtifactError, match="of different lengths"):
        ItemState.load(tmp_path)
