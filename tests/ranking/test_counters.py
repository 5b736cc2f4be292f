import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.ranking.counters import Counters, decay
from recsys.schema import DAY

HALF_LIVES = (1.0, 7.0)
events = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 30 * DAY), st.sampled_from([0.25, 0.5, 1.0])), max_size=30
)


def test_an_event_halves_with_each_half_life() -> None:
    at = np.array([0, 7 * DAY, 10 * DAY])
    assert decay(at, as_of=14 * DAY, half_life=7, day=DAY) == pytest.approx([1 / 4, 1 / 2, 2 ** (-4 / 7)])


def test_a_longer_day_ages_slower() -> None:
    assert float(decay(0, as_of=14 * DAY, half_life=7, day=2 * DAY)) == 0.5


def test_nothing_is_worth_more_than_when_it_happened() -> None:
    assert float(decay(5 * DAY, as_of=0, half_life=7, day=DAY)) == 1


@given(events)
def test_counters_are_what_a_loop_over_events_counts(log: list[tuple[int, int, float]]) -> None:
    log = sorted(log, key=lambda event: event[1])
    keys, at, weight = (np.array([event[part] for event in log]) for part in range(3))
    as_of = 31 * DAY
    counters = Counters.of(
        keys.astype(np.int64),
        at.astype(np.int64),
        weight.astype(np.float64),
        as_of=as_of,
        half_lives=HALF_LIVES,
        day=DAY,
    )
    assert counters.keys.tolist() == sorted({key for key, _, _ in log})
    for place, key in enumerate(counters.keys):
        own = [(when, w) for k, when, w in log if k == key]
        assert counters.count[place] == len(own)
        assert counters.visits[place] == len({when for when, _ in own})
        assert (counters.first[place], counters.last[place]) == (own[0][0], own[-1][0])
        for row, half_life in enumerate(HALF_LIVES):
            expected = sum(w * 0.5 ** ((as_of - when) / DAY / half_life) for when, w in own)
            assert counters.decayed[row, place] == pytest.approx(expected)
