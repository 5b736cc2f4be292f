"""Bins of a release, and how far other values lie from them: by hand, and by a second way of counting."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from recsys.errors import ArtifactError, ShapeError
from recsys.ranking.observation import Observation
from recsys.ranking.reference import BINS, FILE, Histogram, Reference, count

NAN = float("nan")


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def seen(**columns: np.ndarray) -> Observation:
    return Observation(names=tuple(columns), values=np.column_stack([*columns.values()]), lists=2)


def slowly(reference: list[float], later: list[float], edges: list[float]) -> float:
    """The index once more, value by value and sum by sum: KL(q ‖ p) + KL(p ‖ q)."""

    def shares(values: list[float]) -> list[float]:
        bins = [0] * (len(edges) + 2)
        for value in values:
            bins[len(edges) + 1 if math.isnan(value) else sum(value > edge for edge in edges)] += 1
        return [max(n / len(values), 1e-4) for n in bins]

    p, q = shares(reference), shares(later)
    forth = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    back = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return forth + back


def test_bins_hold_a_tenth_each() -> None:
    made = Histogram.of(np.arange(100, dtype=np.float32))
    assert made.edges.tolist() == [9, 19, 29, 39, 49, 59, 69, 79, 89]
    assert made.counts.tolist() == [10] * BINS + [0]


def test_what_is_missing_has_a_bin_of_its_own() -> None:
    made = Histogram.of(floats(NAN, *range(10), NAN))
    assert made.counts.tolist() == [1] * 10 + [2]
    assert count(floats(NAN, 100, -100, 3), made.edges).tolist() == [1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1]
    nothing = Histogram.of(floats(NAN, NAN))
    assert (nothing.edges.tolist(), nothing.counts.tolist()) == ([], [0, 2])
    assert nothing.distance(count(floats(1, 2), nothing.edges)) > 5


def test_a_value_that_is_often_there_has_a_bin_to_itself() -> None:
    constant = Histogram.of(floats(*[0] * 50))
    assert constant.counts.tolist() == [0, 50, 0, 0]
    for other in (1.0, -1.0):
        assert constant.distance(count(floats(*[other] * 50), constant.edges)) > 5
    mostly = Histogram.of(floats(*[5] * 90, *range(-10, 0)))
    assert mostly.counts[np.searchsorted(mostly.edges, 5)] == 90
    assert count(floats(5, 4.999, 5.001), mostly.edges).max() == 1


def test_the_index_by_hand() -> None:
    halves = Histogram(edges=np.array([0.0]), counts=np.array([50, 50, 0]))
    assert halves.distance(np.array([50, 50, 0])) == 0
    moved = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.2 - 0.5) * math.log(0.2 / 0.5)
    assert halves.distance(np.array([8, 2, 0])) == pytest.approx(moved)
    gone = (1 - 0.5) * math.log(1 / 0.5) + (1e-4 - 0.5) * math.log(1e-4 / 0.5)
    assert halves.distance(np.array([7, 0, 0])) == pytest.approx(gone)


values = some.arrays(
    np.float32,
    st.integers(1, 60),
    elements=st.one_of(st.floats(-3, 3, width=32), st.sampled_from([0.0, 1.0, NAN, float("inf")])),
)


@given(values, values)
def test_two_ways_of_counting_agree(before: np.ndarray, after: np.ndarray) -> None:
    made = Histogram.of(before)
    expected = slowly(before.tolist(), after.tolist(), made.edges.tolist())
    assert made.distance(count(after, made.edges)) == pytest.approx(expected, abs=1e-12)
    assert made.distance(made.counts) == 0
    assert len(made.counts) <= 2 * BINS


def test_by_chance_it_is_what_the_docstring_says() -> None:
    dice = np.random.default_rng(0)
    n, m, found = 500, 1000, []
    for _ in range(300):
        made = Histogram.of(dice.normal(size=n).astype(np.float32))
        found.append(made.distance(count(dice.normal(size=m).astype(np.float32), made.edges)))
    assert np.mean(found) == pytest.approx((BINS - 1) * (1 / n + 1 / m), rel=0.1)


def test_columns_by_name_and_again_from_disk(tmp_path: Path) -> None:
    made = Reference.of(seen(a=floats(1, 2, 3, NAN), score=floats(0, 0, 0, 1)))
    made.save(tmp_path)
    again = Reference.load(tmp_path)
    assert again
    assert again.lists == made.lists == 2
    assert set(again.columns) == {"a", "score"}
    for name, column in made.columns.items():
        np.testing.assert_array_equal(again.columns[name].edges, column.edges)
        np.testing.assert_array_equal(again.columns[name].counts, column.counts)
    counted = again.counts(seen(a=floats(1, NAN), unheard_of=floats(1, 1)))
    assert set(counted) == {"a"}
    assert counted["a"][-1] == 1


def test_a_bundle_may_have_none(tmp_path: Path) -> None:
    assert Reference.load(tmp_path) is None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"lists": 1}, "is not a reference"),
        ({"lists": 1, "columns": []}, "is not a reference"),
        ({"lists": 1, "columns": {"a": {"edges": [1], "counts": [1]}}}, "Expected 3 counts of at least 0"),
        ({"lists": 1, "columns": {"a": {"edges": [1], "counts": [1, 1, -1]}}}, "Expected 3 counts of at least 0"),
        ({"lists": 1, "columns": {"a": {"edges": [2, 1], "counts": [1, 1, 1, 1]}}}, "finite, ascending edges"),
        ({"lists": 1, "columns": {"a": {"edges": "x", "counts": [1, 1]}}}, "is not a reference"),
    ],
)
def test_what_is_no_reference_is_refused(tmp_path: Path, body: dict, sentence: str) -> None:
    (tmp_path / FILE).write_text(json.dumps(body))
    with pytest.raises(ArtifactError, match=sentence):
        Reference.load(tmp_path)


def test_edges_that_are_no_edges_are_refused() -> None:
    with pytest.raises(ShapeError, match="Expected finite, ascending edges of bins"):
        Histogram(edges=np.array([np.inf]), counts=np.array([1, 1, 1]))
