from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError, ShapeError
from recsys.ranking.probability import Probability
from recsys.ranking.table import RankerTable
from recsys.retrieval.calibration import Isotonic, Platt
from tests.ranking.small_tables import drawn


def logits(table: RankerTable) -> np.ndarray:
    return 2 * table.features.values[:, 0] - 3


def test_balanced_odds_times_taken_over_others() -> None:
    even = Probability(curve=Platt(slope=1.0, intercept=0.0), taken=10, others=30, window=1)
    assert even.of(np.array([0.0, np.log(3.0)], np.float32)) == pytest.approx([10 / 40, 3 * 10 / (3 * 10 + 30)])
    knots = Isotonic(scores=(0.0, 1.0), values=(0.2, 0.8))
    ends = Probability(curve=knots, taken=1, others=4, window=1).of(np.array([-9, 9], np.float32))
    assert ends == pytest.approx([0.2 / (0.2 + 0.8 * 4), 0.8 / (0.8 + 0.2 * 4)])


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_the_truth_is_found_in_a_world_that_has_one(kind: Literal["platt", "isotonic"]) -> None:
    known = drawn(0, 2.0, n_users=3000)
    found = Probability.fit(kind, logits(known).astype(np.float32), known)
    assert found
    assert (found.taken, found.window) == (np.count_nonzero(known.gain), 7)
    assert found.taken + found.others == len(known.gain)
    scores = logits(drawn(1, 2.0, n_users=300)).astype(np.float32)
    truth = 1 / (1 + np.exp(-scores.astype(np.float64)))
    assert np.abs(found.of(scores) - truth).mean() < 0.01
    assert found.of(logits(known).astype(np.float32)).mean() == pytest.approx((known.gain > 0).mean(), abs=0.004)


def test_a_higher_score_is_never_less_likely_and_a_pair_does_not_depend_on_others() -> None:
    known = drawn(0, 2.0)
    found = Probability.fit("isotonic", logits(known).astype(np.float32), known)
    assert found
    scores = np.sort(np.random.default_rng(0).normal(-3, 3, 500)).astype(np.float32)
    together = found.of(scores)
    assert (np.diff(together) >= 0).all()
    assert ((together > 0) & (together < 1)).all()
    assert all(found.of(scores[i : i + 1]).tobytes() == together[i : i + 1].tobytes() for i in range(0, 500, 17))


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_answers_of_one_kind_say_nothing(gain: float) -> None:
    made = drawn(0, 2.0, n_users=5)
    alike = replace(made, gain=np.full_like(made.gain, gain))
    assert Probability.fit("isotonic", logits(made).astype(np.float32), alike) is None


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    assert Probability.load(tmp_path) is None
    found = Probability.fit("isotonic", logits(drawn(0, 2.0)).astype(np.float32), drawn(0, 2.0))
    assert found
    found.save(tmp_path)
    assert Probability.load(tmp_path) == found


@pytest.mark.parametrize("change", [{"taken": 0}, {"window": "soon"}, {"curve": {"kind": "guess"}}, {"curve": None}])
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    Probability(curve=Platt(slope=1.0, intercept=0.0), taken=10, others=30, window=1).save(tmp_path)
    write_json(tmp_path / "probability.json", read_json(tmp_path / "probability.json") | change)
    with pytest.raises(ArtifactError, match=r"probability\.json is no calibration of a ranker \(.*train it again"):
        Probability.load(tmp_path)


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(ShapeError, match="expected pairs taken and not taken within a length of time, got 3, 0 and 7"):
        Probability(curve=Platt(slope=1.0, intercept=0.0), taken=3, others=0, window=7)
