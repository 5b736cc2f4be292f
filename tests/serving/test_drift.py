"""Live lists against a reference: the last ones, and not before there are enough."""

import numpy as np

from recsys.ranking.observation import Observation
from recsys.ranking.reference import Histogram, Reference
from serving.drift import LEAST, WINDOW, Drift

REFERENCE = Reference(
    columns={"a": Histogram(edges=np.array([0.0]), counts=np.array([30, 30, 40]))},
    lists=10,
)


def seen(*values: float) -> Observation:
    return Observation(names=("a",), values=np.array(values, np.float32)[:, None], lists=1)


AS_BEFORE = seen(*[-1] * 3, *[1] * 3, *[np.nan] * 4)


def test_nothing_is_said_of_few_lists() -> None:
    drift = Drift(REFERENCE)
    for _ in range(LEAST - 1):
        drift.add(AS_BEFORE)
    assert (drift.lists, drift.distances()) == (LEAST - 1, {})
    drift.add(AS_BEFORE)
    assert drift.distances() == {"a": 0}


def test_what_changed_is_seen_and_the_past_is_let_go() -> None:
    drift = Drift(REFERENCE)
    for _ in range(WINDOW):
        drift.add(AS_BEFORE)
    assert drift.lists == WINDOW
    moved = seen(*[1] * 6, *[np.nan] * 4)
    for _ in range(WINDOW // 2):
        drift.add(moved)
    half = drift.distances()["a"]  # .3 .3 .4 → .15 .45 .4
    assert half == (0.15 - 0.3) * np.log(0.15 / 0.3) + (0.45 - 0.3) * np.log(0.45 / 0.3)
    for _ in range(WINDOW // 2):
        drift.add(moved)
    whole = drift.distances()["a"]
    assert whole == (1e-4 - 0.3) * np.log(1e-4 / 0.3) + (0.6 - 0.3) * np.log(0.6 / 0.3)
    assert drift.lists == WINDOW
    assert REFERENCE.columns["a"].counts.tolist() == [30, 30, 40]
