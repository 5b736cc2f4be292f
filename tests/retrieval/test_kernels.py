from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.retrieval import kernels
from recsys.retrieval.kernels import highest, propose


@given(st.lists(st.integers(-2, 4), max_size=30), st.integers(0, 8))
def test_the_best_come_first_and_of_equal_ones_the_first(scores: list[int], size: int) -> None:
    expected = sorted((place for place, score in enumerate(scores) if score > 0), key=lambda p: (-scores[p], p))
    assert highest(np.array(scores, np.float32), size).tolist() == expected[:size]


@given(st.lists(st.tuples(st.integers(-2, 4), st.integers(-2, 4), st.booleans()), max_size=12))
def test_each_source_proposes_its_best_of_what_may_be_proposed(rows: list[tuple[int, int, bool]]) -> None:
    table = np.array(rows).reshape(-1, 3)
    scores, items, sizes = table[:, :2].T.astype(np.float32), np.flatnonzero(table[:, 2]), (2, 5)
    proposed, best = np.zeros(len(table), np.uint16), np.full((3, 5), -1, np.float32)
    propose(np.ascontiguousarray(scores), items, np.array(sizes), proposed, best)
    tops = [items[highest(own[items], size)] for own, size in zip(scores, sizes, strict=True)]
    assert [[bit for bit in range(3) if mask >> bit & 1] for mask in proposed.tolist()] == [
        [source for source, top in enumerate(tops) if item in top] for item in range(len(table))
    ]
    assert best.tolist() == [
        [*own[top].tolist(), *[-1] * (5 - len(top))] for own, top in zip(scores, tops, strict=True)
    ] + [[-1] * 5]


def test_where_nothing_can_be_kept_it_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*, nogil: bool, cache: bool = False) -> Callable[[Any], Any]:
        def decorate(loop: Any) -> Any:
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return "compiled", loop, nogil

        return decorate

    monkeypatch.setattr(kernels, "njit", nowhere)
    assert kernels._compiled(int) == ("compiled", int, True)
