from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.errors import ArtifactError
from recsys.retrieval.sparse_rows import csr, entries, load_csr, product, save_csr, weighted_sum

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


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), max_size=5), min_size=1, max_size=4))
def test_products_are_those_of_the_dense_matrices(rows: list[list[tuple[int, int]]]) -> None:
    flat = np.array([entry for row in rows for entry in row], np.int64).reshape(-1, 2)
    indptr = np.cumsum([0, *map(len, rows)])
    weights = csr(flat[:, 1].astype(np.float32), flat[:, 0], indptr, 4)
    expected = weights.toarray() @ MATRIX.toarray()
    assert product(weights, MATRIX).tolist() == expected.tolist()
    assert product(weights, MATRIX.toarray()).tolist() == expected.tolist()
    assert product(weights, MATRIX).dtype == np.float32
    first = slice(0, indptr[1])
    alone = weighted_sum(MATRIX, flat[first, 0], flat[first, 1].astype(np.float32))
    assert (alone.tolist(), alone.dtype) == (expected[0].tolist(), np.float64)


def test_a_matrix_is_kept(tmp_path: Path) -> None:
    save_csr(tmp_path, "m", MATRIX)
    for n_rows in (4, None):
        loaded = load_csr(tmp_path, "m", n_rows=n_rows, n_columns=4)
        assert loaded.shape == MATRIX.shape
        assert (loaded != MATRIX).nnz == 0


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        ("indptr", []),
        ("indptr", [0, 1, 3, 6]),
        ("indptr", [1, 1, 3, 3, 6]),
        ("indptr", [0, 4, 3, 3, 6]),
        ("indptr", [0, 1, 3, 3, 7]),
        ("indices", [1, 0, 3, 2, 1]),
        ("indices", [1, 0, 4, 2, 1, 3]),
        ("indices", [1, 0, -1, 2, 1, 3]),
        ("data", [1.0] * 5),
    ],
)
def test_parts_that_do_not_fit_are_no_matrix(tmp_path: Path, part: str, kept: list[int]) -> None:
    save_csr(tmp_path, "m", MATRIX)
    np.save(tmp_path / f"m-{part}.npy", np.array(kept, getattr(MATRIX, part).dtype))
    with pytest.raises(ArtifactError, match=r"m-\*.npy do not form a matrix of 4 x 4; make it again"):
        load_csr(tmp_path, "m", n_rows=4, n_columns=4)
