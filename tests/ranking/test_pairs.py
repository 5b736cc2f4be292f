import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.data.interactions import Histories
from recsys.ranking.pairs import Tally
from tests.ranking.stock import catalog_of, state_of

ITEMS = state_of(catalog_of([None] * 3))
AS_OF = 10
N_USERS = 2
KEY = st.integers(-1, N_USERS * len(ITEMS) - 1)
EVENTS = st.lists(st.tuples(KEY, KEY, KEY), max_size=8)
PAIRS = st.lists(st.tuples(KEY, KEY, KEY), min_size=1, max_size=8)


def _taken(n: int) -> Histories:
    """So many events of the first user, none of the second."""
    return Histories(
        indptr=np.array([0, n, n]),
        item_idx=np.zeros(n, np.int32),
        event=np.zeros(n, np.uint8),
        at=np.arange(n),
        value=np.full(n, np.nan),
        weight=np.ones(n, np.float32),
    )


@given(EVENTS, PAIRS)
def test_every_kind_of_key_is_counted_apart(events: list[tuple[int, int, int]], pairs: list[tuple[int, int, int]]):
    of_events, of_pairs = (np.array(side, np.int64).reshape(-1, 3).T for side in (events, pairs))
    tallies = Tally.several(_taken(len(events)), of_events, of_pairs, items=ITEMS, as_of=AS_OF)
    for tally, of_event, of_pair in zip(tallies, of_events, of_pairs, strict=True):
        events_of = {int(key): np.flatnonzero(of_event == key) for key in of_event if key >= 0}
        assert tally.counters.keys.tolist() == sorted(events_of)
        assert tally(tally.counters.count).tolist() == [len(events_of.get(int(key), ())) for key in of_pair]
        last = [max(events_of.get(int(key), [-1])) for key in of_pair]
        assert tally(tally.counters.last, -1).tolist() == last
