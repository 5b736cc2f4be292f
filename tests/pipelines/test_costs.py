"""What using a bundle costs, beside another."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines import costs, resident
from pipelines.costs import alternating
from recsys.data.vocabulary import Vocabulary
from recsys.errors import RecsysError
from recsys.evaluation.config import GateConfig

CONFIG = GateConfig(repeats=10, encoder_ms=5, answer_ms=50, bundle_mb=7, memory_mb=900)


@pytest.fixture
def told(monkeypatch):
    """Memory is told without a process."""
    monkeypatch.setattr(costs, "resident", lambda directory: 100.0)


def test_works_take_turns_and_every_other_time_in_reverse():
    calls = []
    taken = alternating([lambda turn: calls.append(("a", turn)), lambda turn: calls.append(("b", turn))], repeats=20)
    assert taken.shape == (2, 20)
    assert calls[:4] == [("b", -2), ("a", -2), ("a", -1), ("b", -1)]  # a tenth to warm up
    assert calls[4:8] == [("b", 0), ("a", 0), ("a", 1), ("b", 1)]
    assert len(calls) == 2 * 22


def test_each_call_has_its_own_time(monkeypatch):
    """By a clock that only the work moves: a machine that stalls would tell of itself."""
    seconds = [0.0]

    def work(turn):
        seconds[0] += 0.004 if turn == 3 else 0.001

    monkeypatch.setattr(costs.time, "perf_counter", lambda: seconds[0])
    taken = alternating([work, lambda turn: None], repeats=10)
    assert taken[0].tolist() == pytest.approx([1, 1, 1, 4, 1, 1, 1, 1, 1, 1])
    assert taken[1].tolist() == [0] * 10


def test_a_bundle_alone_has_values_and_its_own_limits(bundle_root, told):
    found = {cost.what: cost for cost in costs.costs(bundle_root / "current", None, CONFIG)}
    assert set(found) == {
        "encoder, bytes",
        "bundle, bytes",
        *(f"{what}, {q}" for what in ("one text", "rank 48 items", "recommend 20 items") for q in ("p50", "p99")),
        "memory",
    }
    assert {cost.reference for cost in found.values()} == {None}
    limits = {"one text, p99": 5, "rank 48 items, p99": 50, "recommend 20 items, p99": 50, "bundle, bytes": 7}
    assert {what: cost.most for what, cost in found.items() if cost.most} == limits | {"memory": 900}
    assert [what for what, cost in found.items() if not cost.clock] == ["encoder, bytes", "bundle, bytes"]
    encoder = bundle_root / "current" / "encoder"
    assert found["encoder, bytes"].candidate == sum(p.stat().st_size for p in encoder.iterdir()) / 1e6


def test_clock_readings_that_lie_in_a_bundle_are_no_bytes_of_it(bundle_root, told, tmp_path):
    copy = Path(shutil.copytree((bundle_root / "current").resolve(), tmp_path / "copy"))
    (copy / "measured.json").write_text("x" * 1000)
    assert costs._megabytes(copy) == costs._megabytes((bundle_root / "current").resolve())


def test_the_same_bundle_beside_itself_costs_as_much(bundle_root, told):
    current = bundle_root / "current"
    for cost in costs.costs(current, current, GateConfig(repeats=40)):
        assert cost.candidate == pytest.approx(cost.reference, rel=1.0), cost.what


def test_too_slow_must_come_out_three_times(bundle_root, told, monkeypatch):
    rounds = []

    def slow_at_first(works, *, repeats):
        rounds.append(1)
        slow = len(rounds) < 3
        return np.array([[3.0 if slow else 1.0] * repeats, [1.0] * repeats])

    monkeypatch.setattr(costs, "alternating", slow_at_first)
    text = costs._timed("text", [print, print], 0, CONFIG)
    assert (len(rounds), text[0].candidate) == (3, 1.0)
    rounds[:] = []
    monkeypatch.setattr(costs, "_ROUNDS", 2)
    text = costs._timed("text", [print, print], 0, CONFIG)
    assert (len(rounds), text[0].candidate) == (2, 3.0)


def test_bundles_are_asked_about_what_both_know():
    both = costs._shared([Vocabulary.of("abcd"), Vocabulary.of("bcdx")], 2)
    assert both == [["b", "d"], ["b", "d"]]
    assert costs._shared([Vocabulary.of("ab"), Vocabulary.of("xy")], 9) == [["a", "b"], ["x", "y"]]
    assert costs._shared([Vocabulary.of([])], 9) == [[]]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_is_that_of_a_process_of_its_own(bundle_root):
    ballast = b"x" * 600_000_000  # what getrusage would blame the child for
    found = resident.resident(bundle_root / "current")
    assert 30 < found < 500
    assert len(ballast) == 600_000_000


def test_a_process_that_fails_is_told(tmp_path):
    with pytest.raises(RecsysError, match=r"to load in a process of its own, got exit code 1"):
        resident.resident(tmp_path)
