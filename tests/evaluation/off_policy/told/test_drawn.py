"""Lists and candidates of a log as matrices."""

import numpy as np

from recsys.evaluation.off_policy.told.drawn import Drawn
from recsys.evaluation.off_policy.told.ways import Ways
from tests.evaluation.off_policy.asked_again import SOFT, Asked, logged_of, world

ASKED = [
    *world(0, n=3),
    Asked(name="e", shown=(), scores={}, config=SOFT),
    Asked(name="s", shown=("i1",), scores={"i1": 2.0, "i4": 1.0}, config=SOFT),
]
LOGGED = logged_of(ASKED, told=["r0", "r2", "s"])
DRAWN = Drawn.of(LOGGED, Ways.of(LOGGED))


def names(codes: np.ndarray) -> list[list[str | None]]:
    known = LOGGED.item.names.to_list()
    return [[known[code] if code >= 0 else None for code in row] for row in codes.tolist()]


def test_lists_end_where_they_end():
    items, rows, there = DRAWN.lists(np.array([4, 3, 1]))
    assert names(items) == [["i1", None, None], [None] * 3, list(ASKED[1].shown)]
    assert rows.tolist() == [9, 3, 4, 5]
    assert there.sum(axis=1).tolist() == [1, 0, 3]
    assert (DRAWN.longest(np.array([4, 3])), DRAWN.longest(np.array([3])), DRAWN.longest(np.array([1]))) == (1, 1, 3)


def test_items_are_found_among_the_candidates_of_their_own_request():
    request = np.array([2, 1, 4, 0])
    codes = np.tile(np.arange(-1, len(LOGGED.item.names), dtype=np.int32), (4, 1))
    found = DRAWN.entries(request, codes)
    candidates = LOGGED.candidates
    owner = np.repeat(candidates.request, candidates.sizes)
    for row, which in enumerate(request.tolist()):
        for column, code in enumerate(codes[row].tolist()):
            own = np.flatnonzero((owner == which) & (candidates.item == code)).tolist()
            assert found[row, column] == (own[0] if own else -1)
    assert (DRAWN.entries(np.array([1]), codes[:1]) == -1).all()


def test_candidates_by_score():
    ranked = DRAWN.ranked(np.array([4, 0]))
    assert names(ranked.item)[0][:2] == ["i1", "i4"]
    assert ranked.value[0, :2].tolist() == [1, 0]
    assert DRAWN.scored().tolist() == [True, False, True, False, True]
    assert DRAWN.plain(ranked, np.array([4, 0])).tolist() == [True, True]
