import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.retrieval.kernels import gather, lay, pool, spread, spread_rows

ENTRIES = st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), max_size=11), min_size=1, max_size=4)
MATRIX = np.array([[0, 1, 0, 0, 2], [2, 0, 0, 3, 0], [0, 0, 0, 0, 0], [0, 5, 4, 6, 1]], np.float32)


def parts(rows: list[list[tuple[int, int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    flat = np.array([entry for row in rows for entry in row], np.int32).reshape(-1, 2)
    starts = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    return starts, np.ascontiguousarray(flat[:, 0]), flat[:, 1].astype(np.float32)


def dense(rows: list[list[tuple[int, int]]]) -> np.ndarray:
    out = np.zeros((len(rows), 4), np.float32)
    for user, row in enumerate(rows):
        for column, weight in row:
            out[user, column] += weight
    return out


@given(ENTRIES)
def test_products_are_added_to_what_is_there(rows: list[list[tuple[int, int]]]) -> None:
    expected = 1 + dense(rows) @ MATRIX
    by_rows, by_entries = np.ones((2, len(rows), 5), np.float32)
    spread_rows(*parts(rows), MATRIX, by_rows)
    assert by_rows.tolist() == expected.tolist()
    row, column = np.nonzero(MATRIX)
    starts = np.searchsorted(row, np.arange(5)).astype(np.int32)
    spread(*parts(rows), starts, column.astype(np.int32), MATRIX[row, column], by_entries)
    assert by_entries.tolist() == expected.tolist()


@given(ENTRIES)
def test_a_matrix_is_laid_out(rows: list[list[tuple[int, int]]]) -> None:
    out = np.zeros((len(rows), 4), np.float32)
    lay(*parts(rows), out)
    assert out.tolist() == dense(rows).tolist()


@given(st.lists(st.floats(-1, 1, width=32), min_size=9, max_size=9))
def test_rows_are_added_one_after_the_other(weights: list[float]) -> None:
    """In whatever steps they are read: else what a user gets would depend on how the loop is cut."""
    rows = np.random.default_rng(0).normal(size=(9, 7)).astype(np.float32)
    out, expected = np.zeros((1, 7), np.float32), np.zeros(7, np.float32)
    own = np.array(weights, np.float32)
    spread_rows(np.array([0, 9], np.int32), np.arange(9, dtype=np.int32), own, rows, out)
    for weight, row in zip(own, rows, strict=True):
        expected += weight * row
    assert out[0].tobytes() == expected.tobytes()


def test_chosen_rows_are_added_in_double() -> None:
    row, column = np.nonzero(MATRIX)
    starts = np.searchsorted(row, np.arange(5)).astype(np.int32)
    out = np.zeros(5)
    chosen, weights = np.array([3, 0, 3]), np.array([0.1, 2.0, 0.2])
    gather(chosen, weights, starts, column.astype(np.int32), MATRIX[row, column], out)
    assert out.tolist() == (0.1 * MATRIX[3].astype(float) + 2.0 * MATRIX[0] + 0.2 * MATRIX[3].astype(float)).tolist()


USERS = st.lists(
    st.lists(st.tuples(st.integers(0, 4), st.one_of(st.just(-np.inf), st.floats(-30, 30))), max_size=7),
    min_size=1,
    max_size=4,
)


@given(USERS, st.integers(0, 8), st.integers(1, 19))
def test_pooling_is_a_softmax_over_the_last_items(users: list[list[tuple[int, float]]], most: int, width: int) -> None:
    rng = np.random.default_rng(0)
    rows, query = rng.normal(size=(5, width)).astype(np.float32), rng.normal(size=width).astype(np.float32)
    flat = [entry for user in users for entry in user]
    items = np.array([item for item, _ in flat], np.int32)
    said = np.array([logit for _, logit in flat], np.float64)
    out = np.zeros((len(users), width), np.float32)
    pool(np.cumsum([0, *map(len, users)]).astype(np.int64), items, said, query, most, rows, out)
    for user, got in zip(users, out, strict=True):
        read = [(item, logit) for item, logit in user if logit > -np.inf]
        read = read[len(read) - min(most, len(read)) :]
        if not read:
            assert not got.any()
            continue
        own = rows[[item for item, _ in read]].astype(np.float64)
        powers = np.exp(own @ query + [logit for _, logit in read])
        mean = powers / powers.sum() @ own
        np.testing.assert_allclose(got, mean / np.linalg.norm(mean), atol=2e-4)
