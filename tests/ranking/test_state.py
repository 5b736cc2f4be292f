from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_how_long_users_come_back_for_an_item_and_how_often(state: ItemState) -> None:
    assert state.spans.tolist() == [9 - 1, 2 - 2, 0, 0]
    assert state.gaps.tolist() == [3 - 1, 0, 0, 0]


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
        assert np.array_equal(getattr(loaded, name), getattr(state, name), equal_nan=name == "price"), name


def test_counters_of_different_lengths_are_refused(state: ItemState, tmp_path: Path) -> None:
    state.save(tmp_path)
    np.save(tmp_path / "items-takes.npy", np.zeros(9))
    with pytest.raises(ArtifactError, match="of different lengths"):
        ItemState.load(tmp_path)


BACK = EVENT_CODES["return"]
Told = list[tuple[int, int, int, int, float, int | None]]


@st.composite
def told(draw: st.DrawFn) -> Told:
    """Events (user, item, code, day, weight, day of return): purchases, some returned, and ratings."""
    events: Told = []
    for _ in range(draw(st.integers(0, 25))):
        user, item, day = draw(st.integers(0, 2)), draw(st.integers(0, 3)), draw(st.integers(0, 30))
        kind, weight = draw(st.sampled_from([(BUY, 1.0), (BUY, 2.0), (RATE, 0.0), (RATE, 1.0)]))
        back = draw(st.none() | st.integers(day + 1, 35)) if kind == BUY else None
        events.append((user, item, kind, day, weight, back))
        if back is not None:
            events.append((user, item, BACK, back, 0.0, None))
    return events


def of_told(events: Told) -> Interactions:
    rows = [(u, i, e, d * DAY, None, w, None if b is None else b * DAY) for u, i, e, d, w, b in events]
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row").sort("at", "user_idx", "item_idx", "event")
    return Interactions(events=frame, users=Vocabulary.of("abc"), n_items=4)


def by_hand(events: Told, as_of: int) -> dict[str, list[float]]:
    """The counters of each item, event by event."""
    known = [e for e in events if e[3] < as_of]
    stands = [e for e in known if e[5] is None or e[5] >= as_of]
    found: dict[str, list[float]] = {}
    for item in range(4):
        own = [e for e in stands if e[1] == item and e[4] > 0]
        days = {user: sorted({e[3] for e in own if e[0] == user}) for user in {e[0] for e in own}}
        every = [e[3] for e in known if e[1] == item]
        created = 8 if item == 2 and as_of > 8 else None
        born = min([*every, *([] if created is None else [created])], default=None)
        last = max((e[3] for e in known if e[1] == item and e[4] > 0), default=None)
        row = {
            "decayed": sum(e[4] * 2 ** (-(as_of - e[3]) / 5) for e in own),
            "firsts": sum(2 ** (-(as_of - d[0]) / 5) for d in days.values()),
            "takes": len(own),
            "takers": len(days),
            "repeaters": sum(len(d) > 1 for d in days.values()),
            "met": sum(e[1] == item for e in stands),
            "spans": sum(d[-1] - d[0] for d in days.values()),
            "gaps": sum(len(d) - 1 for d in days.values()),
            "born": NEVER if born is None else born * DAY,
            "last": NEVER if last is None else last * DAY,
            "known": born is not None,
        }
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return found


@given(told(), st.integers(0, 40))
def test_counters_are_those_counted_by_hand(events: Told, as_of: int) -> None:
    state = ItemState.of(catalog(), of_told(events), as_of=as_of * DAY, half_lives=(5.0,))
    for name, expected in by_hand(events, as_of).items():
        assert np.ravel(getattr(state, name)).tolist() == pytest.approx(expected), name


@given(told(), st.lists(st.integers(0, 40), min_size=1, max_size=6).map(sorted))
def test_a_state_in_steps_is_the_state_at_once(events: Told, steps: list[int]) -> None:
    interactions = of_told(events)
    state = ItemState.of(catalog(), interactions, as_of=steps[0] * DAY, half_lives=HALF_LIVES)
    for before, after in pairwise(steps):
        users = {e[0] for e in events if before <= e[3] < after}
        theirs = of_told([e for e in events if e[0] in users and e[3] < after])
        state = state.advance(catalog(), theirs, as_of=after * DAY)
    whole = ItemState.of(catalog(), interactions, as_of=steps[-1] * DAY, half_lives=HALF_LIVES)
    for name in ItemState.__slots__:
        expected = getattr(whole, name)
        assert np.allclose(getattr(state, name), expected, rtol=1e-9, atol=1e-12, equal_nan=name == "price"), name


def test_an_item_that_is_put_has_no_counters_and_the_attributes_it_is_given(state: ItemState) -> None:
    day = datetime.fromtimestamp(9 * 86400, tz=UTC)
    rows = pl.DataFrame({"item_id": ["e", "b", "f"], "price": [5.0, 7.0, None], "brand": ["w", "x", None]})
    grown = catalog().put(rows.with_columns(created_at=pl.Series([day, None, None])), text_chars=10)
    found = state.put(grown)
    assert found.takes.tolist() == [4, 1, 0, 0, 0, 0]
    assert found.decayed[:, :4].tolist() == state.decayed.tolist()
    assert found.last.tolist() == [9 * DAY, 6 * DAY, NEVER, NEVER, NEVER, NEVER]
    assert found.born.tolist() == [1 * DAY, 4 * DAY, 8 * DAY, NEVER, 9 * DAY, NEVER]
    assert found.known.tolist() == [True, True, True, False, True, False]
    assert found.price[[0, 1, 4]].tolist() == [1, 7, 5]
    assert found.brand[0] == found.brand[1] == found.brand[3]
    assert found.brand[4] not in (-1, found.brand[0])
