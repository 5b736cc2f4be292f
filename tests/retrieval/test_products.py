"""Products are added up in one order, whatever stands beside them: einsum's."""

import numpy as np
import pytest

from recsys.retrieval.products import along, products


@pytest.mark.parametrize("dim", [1, 3, 16, 37, 50, 64, 384])
def test_a_product_is_the_same_to_the_bit_alone_among_many_and_by_einsum(dim: int) -> None:
    source = np.random.default_rng(dim)
    rows = source.normal(size=(300, dim)).astype(np.float32)  # more than are turned over at once
    queries = source.normal(size=(3, dim)).astype(np.float32)
    expected = np.stack([np.einsum("id,d->i", rows, query) for query in queries])
    found = np.full((3, 300), np.nan, np.float32)
    products(rows, queries, found)
    assert found.tobytes() == expected.tobytes()
    items = source.integers(0, 300, 11).astype(np.int32)
    starts, asked = np.array([0, 0, 5, 6, 11]), np.array([2, 1, -1, 0])
    out = np.full(11, 7, np.float32)
    along(rows, starts, items, queries, asked, out)
    assert out[:5].tobytes() == expected[1, items[:5]].tobytes()
    assert out[5] == 7  # who asks nothing is told nothing
    assert out[6:].tobytes() == expected[0, items[6:]].tobytes()
