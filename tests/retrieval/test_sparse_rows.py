import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.retrieval.sparse_rows import csr, entries

MATRIX = csr(np.arange(1.0, 7), np.array([1, 0, 3, 2, 1, 3]), np.array([0, 1, 3, 3, 6]), 4)


@given(st.lists(st.integers(0, 3), max_size=9))
def test_entries_stand_row_by_row_as_often_as_asked_for(rows: list[int]) -> None:
    place, entry = entries(MATRIX, np.array(rows, np.int32))
    starts, ends = MATRIX.indptr[:-1], MATRIX.indptr[1:]
    expected = [(n, at) for n, row in enumerate(rows) for at in range(starts[row], ends[row])]
    assert list(zip(place.tolist(), entry.tolist(), strict=True)) == expected


def test_columns_and_offsets_are_as_narrow_as_can_be() -> None:
    assert MATRIX.toarray().tolist() == [[0, 1, 0, 0], [2, 0, 0, 3], [0, 0, 0, 0], [0, 5, 4, 6]]
    assert (MATRIX.data.dtype, MATRIX.indices.dtype, MATRIX.indptr.dtype) == (np.float32, np.int32, np.int32)
    assert csr(np.ones(1), np.array([2**40]), np.array([0, 1]), 2**41).indices.tolist() == [2**40]
