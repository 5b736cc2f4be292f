import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.retrieval.highest import highest


@given(st.lists(st.integers(-2, 4), max_size=30), st.integers(0, 8))
def test_the_best_come_first_and_of_equal_ones_the_first(scores: list[int], size: int) -> None:
    expected = sorted((place for place, score in enumerate(scores) if score > 0), key=lambda p: (-scores[p], p))
    assert highest(np.array(scores, np.float32), size).tolist() == expected[:size]
