"""Clock readings: in turn, and medians."""

import numpy as np
import pytest

from recsys.retrieval.speed import race


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Slow:
    """Takes `cost(n, call)` seconds for n texts."""

    def __init__(self, name, clock, log, cost):
        self.name, self.clock, self.log, self.cost = name, clock, log, cost
        self.dim, self.digest = 2, ""

    def encode(self, texts, *, batch_size=64):
        self.clock.now += self.cost(len(texts), len(self.log))
        self.log.append((self.name, len(texts)))
        return np.zeros((len(texts), 2), np.float32)


TEXTS = [f"text {i}" for i in range(200)]


def test_readings_are_of_one_text_and_of_all():
    clock, log = Clock(), []
    encoder = Slow("a", clock, log, lambda n, _: 0.004 if n == 1 else n / 500)
    found = race({"a": encoder}, TEXTS, rounds=2, progress=lambda *_: None, clock=clock)["a"]
    assert found.p50_ms == pytest.approx(4)
    assert found.p99_ms == pytest.approx(4)
    assert found.texts_per_second == pytest.approx(500)


def test_encoders_take_turns_and_warm_up_first():
    clock, log = Clock(), []
    encoders = {name: Slow(name, clock, log, lambda n, _: 1.0) for name in "ab"}
    steps = []
    race(encoders, TEXTS, rounds=3, progress=lambda done, total, _: steps.append((done, total)), clock=clock)
    turns = [name for place, (name, _) in enumerate(log) if place == 0 or log[place - 1][0] != name]
    assert turns == list("ab" * 4)
    assert log[:2] == [("a", 64), ("a", 1)]
    assert steps == [(i, 6) for i in range(1, 7)]


def test_one_bad_round_does_not_count():
    clock, log = Clock(), []
    encoder = Slow("a", clock, log, lambda n, call: (100 if call < 203 else 1) * n / 1000)
    found = race({"a": encoder}, TEXTS, rounds=3, progress=lambda *_: None, clock=clock)["a"]
    assert found.p50_ms == pytest.approx(1)
    assert found.texts_per_second == pytest.approx(1000)
