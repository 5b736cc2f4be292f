import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.data.contacts import contacts
from recsys.data.interactions import Histories
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.reading import Reading
from recsys.retrieval.sparse_rows import Weights
from recsys.retrieval.taken import decayed, distinct
from recsys.schema import DAY, EVENT_CODES

N_ITEMS = 5
AS_OF = 30 * DAY
CONFIG = BehaviourConfig(near_history=3, near_decay=0.5, history_half_life=10)
KINDS = {"purchase": 1.0, "view": 0.25, "impression": 0.0, "dislike": 0.0}
EVENTS = st.lists(
    st.tuples(st.integers(0, N_ITEMS - 1), st.sampled_from([*KINDS]), st.integers(0, 29 * 24)), max_size=9
)


def histories(rows: list[list[tuple[int, str, int]]]) -> Histories:
    events = [event for row in rows for event in sorted(row, key=lambda event: event[2])]
    return Histories(
        indptr=np.cumsum([0, *map(len, rows)]),
        item_idx=np.array([item for item, _, _ in events], np.int32),
        event=np.array([EVENT_CODES[kind] for _, kind, _ in events], np.uint8),
        at=np.array([hour * DAY // 24 for _, _, hour in events], np.int64),
        value=np.full(len(events), np.nan),
        weight=np.array([KINDS[kind] for _, kind, _ in events], np.float32),
    )


def dense(weights: Weights) -> list[list[float]]:
    out = np.zeros(weights.shape, np.float32)
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    np.add.at(out, (rows, weights.indices), weights.data)
    return out.tolist()


@given(st.lists(EVENTS, min_size=1, max_size=3))
def test_a_reading_is_what_each_part_says_of_the_histories(rows: list[list[tuple[int, str, int]]]) -> None:
    known = histories(rows)
    read = Reading.of(known, N_ITEMS, as_of=AS_OF, day=DAY, config=CONFIG)
    positives, met = known.positives(), contacts(known)
    expected = {
        "taken": distinct(positives, N_ITEMS).toarray(),
        "recent": decayed(known, N_ITEMS, as_of=AS_OF, half_life=DAY * CONFIG.history_half_life).toarray(),
    }
    for name in ("basket", "disliked", "latest"):
        expected[name] = np.zeros((len(rows), N_ITEMS), np.float32)
    for user in range(len(rows)):
        own, seen = positives.take([user]), met.take([user])
        for item, at in zip(own.item_idx, own.at, strict=True):
            expected["basket"][user, item] += at >= own.at[-1] - DAY // 2
        for item, weight in zip(seen.item_idx, seen.weight, strict=True):
            expected["disliked"][user, item] += weight == 0
        for back, item in enumerate(seen.item_idx[::-1][: CONFIG.near_history]):
            expected["latest"][user, item] += np.float32(CONFIG.near_decay**back)
    assert {name: dense(getattr(read, name)) for name in expected} == {n: e.tolist() for n, e in expected.items()}
    assert read.taken.nnz == int(np.count_nonzero(expected["taken"]))
