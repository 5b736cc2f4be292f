"""Three cut-offs at known quantiles, and a sentence when there is nothing to cut."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.data.config import SplitConfig
from recsys.data.interactions import COLUMNS, Interactions
from recsys.data.split import TimeSplit, nearest
from recsys.data.storage import write_json
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError, SplitError


def log_at(times: list[int], weights: list[float] | None = None) -> Interactions:
    weights = weights or [1.0] * len(times)
    rows = [(0, 0, 8, at, None, weight, None, None) for at, weight in zip(times, weights, strict=True)]
    table = pl.DataFrame(rows, schema=COLUMNS, orient="row").sort("at")
    return Interactions(events=table, users=Vocabulary.of(["u"]), n_items=1)


def test_cuts_are_the_nearest_quantiles() -> None:
    split = TimeSplit.of(log_at(list(range(0, 1010, 10))), SplitConfig())
    assert (split.encoder_end, split.ranker_end, split.end) == (800, 900, 1000 + 1)
    # a third of a tenth further each: positions 80, 83 1/3, 86 2/3 of 0 to 100, the nearest kept
    assert split.instants == (800, 830, 870)
    assert split.label_windows() == [(800, 830), (830, 870), (870, 900)]


def test_only_positive_events_count_but_the_log_ends_with_any() -> None:
    times = list(range(101))
    split = TimeSplit.of(log_at([*times, *range(2000, 3000)], [1.0] * 101 + [0.0] * 1000), SplitConfig())
    assert (split.encoder_end, split.ranker_end, split.end) == (80, 90, 2999 + 1)


def test_cuts_agree_with_polars_on_any_log() -> None:
    times = np.sort(np.random.default_rng(0).integers(0, 10**6, 777))
    split = TimeSplit.of(log_at(times.tolist()), SplitConfig(encoder_end=0.5, ranker_end=0.7, instants=2))
    expected = [int(pl.Series(times).quantile(q, "nearest") or 0) for q in (0.5, 0.6, 0.7)]
    assert [*split.instants, split.ranker_end] == expected
    assert nearest(times, 0.6) == expected[1]


@pytest.mark.parametrize("times", [[5] * 100, [0] * 85 + [1] * 15, [0] * 40 + [1] * 60, [0] * 85 + list(range(20))])
def test_a_log_that_stands_still_is_refused(times: list[int]) -> None:
    with pytest.raises(SplitError, match=r"Expected positive events spread over time, got \d+ distinct .* move split"):
        TimeSplit.of(log_at(times), SplitConfig())


def test_events_told_late_do_not_draw_the_cuts_back() -> None:
    times = list(range(0, 1010, 10))
    last = TimeSplit.of(log_at(times), SplitConfig())
    floor = [*last.instants, last.ranker_end]
    late = log_at([*times, *range(1, 400)])
    assert TimeSplit.of(late, SplitConfig()).ranker_end < last.ranker_end
    found = TimeSplit.of(late, SplitConfig(), floor)
    assert (found.instants, found.ranker_end, found.end) == (last.instants, last.ranker_end, last.end)
    grown = TimeSplit.of(log_at([*times, *range(1010, 2010, 10)]), SplitConfig(), floor)
    assert grown == TimeSplit.of(log_at([*times, *range(1010, 2010, 10)]), SplitConfig())
    assert TimeSplit.of(late, SplitConfig(), []) == TimeSplit.of(late, SplitConfig())


@given(
    st.lists(st.integers(0, 2000), min_size=60, max_size=200, unique=True),
    st.lists(st.integers(0, 2000), min_size=3, max_size=6, unique=True),
)
def test_no_cut_lies_before_the_floor_and_each_window_is_one(times: list[int], floor: list[int]) -> None:
    floor = sorted(floor)
    if floor[-1] > max(times):
        with pytest.raises(SplitError, match="what was there has left the log"):
            TimeSplit.of(log_at(times), SplitConfig(), floor)
        return
    found = TimeSplit.of(log_at(times), SplitConfig(), floor)
    cuts = [*found.instants, found.ranker_end, found.end]
    assert cuts == sorted(set(cuts))
    free = TimeSplit.of(log_at(times), SplitConfig())
    assert found.encoder_end == max(free.encoder_end, floor[0])
    assert found.ranker_end == max(free.ranker_end, floor[-1])


def test_a_log_that_lost_its_end_is_refused() -> None:
    with pytest.raises(SplitError, match=r"from 1970-01-01 00:00:01 UTC on, .* got none: what was there has left"):
        TimeSplit.of(log_at(list(range(100))), SplitConfig(), [50, 60, 70, 1_000_000])


def test_a_log_without_positive_events_is_refused() -> None:
    with pytest.raises(SplitError, match="found none; check event roles and weights"):
        TimeSplit.of(log_at([1, 2, 3], [0.0] * 3), SplitConfig())


def test_save_and_load(tmp_path: Path) -> None:
    split = TimeSplit(encoder_end=1, ranker_end=4, end=9, instants=(1, 2, 3))
    split.save(tmp_path)
    assert TimeSplit.load(tmp_path) == split


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({}, "expected four cut-offs"),
        ({"encoder_end": 1, "ranker_end": 4, "end": 9, "instants": None}, "expected four cut-offs"),
        ({"encoder_end": 1, "ranker_end": "x", "end": 9, "instants": [1, 2]}, "expected four cut-offs"),
        ({"encoder_end": 1, "ranker_end": 4, "end": 9, "instants": []}, "expected cut-offs in order"),
        ({"encoder_end": 1, "ranker_end": 4, "end": 9, "instants": [2, 3]}, "expected cut-offs in order"),
        ({"encoder_end": 1, "ranker_end": 9, "end": 9, "instants": [1, 2]}, "expected cut-offs in order"),
    ],
)
def test_a_file_that_is_no_split_is_refused(tmp_path: Path, body: dict[str, object], complaint: str) -> None:
    write_json(tmp_path / "split.json", body)
    with pytest.raises(ArtifactError, match=complaint):
        TimeSplit.load(tmp_path)
