"""SASRec learns an order, stops when it should, and cuts histories as it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.bench.peers_world import window_of
from tests.bench.versus_peers import sasrec, worker
from tests.bench.versus_peers.window import Window
from tests.tiny import silent

LIMITS = worker.Limits(minutes=2, threads=1, seed=0, say=silent)
SASREC = {"width": 16, "heads": 1, "length": 8, "dropout": 0.0, "rate": 0.01, "decay": 0.0, "batch": 16}


def cycle(target: str) -> Window:
    """60 users who walk 0 … 11 and round again, each from somewhere, seven steps."""
    rng = np.random.default_rng(0)
    starts = rng.integers(12, size=60)
    events = [(user, int(start + step) % 12, step) for step in range(7) for user, start in enumerate(starts)]
    return window_of(events, n_items=12, asked=list(range(60)), target=target)


@pytest.mark.parametrize("target", ["all", "new"])
def test_sasrec_learns_a_cycle(target):
    found = cycle(target)
    following = (found.item[-60:] + 1) % 12
    lists = sasrec.sasrec(found, SASREC | {"epochs": 40}, LIMITS).lists
    popular = found.lists(lambda users: np.tile(found.popularity(), (len(users), 1)))
    assert (lists[:, 0] == following).mean() > 0.9
    assert (popular[:, 0] == following).mean() < 0.3


def test_sasrec_keeps_its_best_epoch_and_says_which():
    found = cycle("all")
    looks = {"look_indptr": np.arange(61), "look": (found.item[-60:] + 1) % 12}
    answer = sasrec.sasrec(replace(found, **looks), SASREC, LIMITS)
    assert 1 <= answer.found["epochs"] < sasrec.MOST_EPOCHS
    assert not answer.note
    again = sasrec.sasrec(found, SASREC | answer.found, LIMITS)
    assert np.array_equal(again.lists, answer.lists)


def test_the_clock_stops_sasrec_and_is_told():
    answer = sasrec.sasrec(cycle("all"), SASREC, replace(LIMITS, minutes=0))
    assert answer.note == "stopped by the clock in epoch 1"
    assert answer.lists.shape == (60, 3)


def test_sampled_softmax_over_all_items_is_the_whole(monkeypatch):
    course = sasrec.Course(cycle("all"), SASREC, LIMITS)
    states, answers = torch.randn(5, 16), torch.tensor([0, 3, 11, 3, 7])
    whole = course.loss(states, answers)
    monkeypatch.setattr(sasrec, "FULL_UP_TO", 0)
    monkeypatch.setattr(sasrec, "NEGATIVES", 12)
    assert course.loss(states, answers).item() == pytest.approx(whole.item(), rel=1e-5)
    monkeypatch.setattr(sasrec, "NEGATIVES", 6)
    assert course.loss(states, answers).item() < whole.item()


def test_pieces_are_cut_from_the_end():
    events = [(0, 5, 0), (0, 6, 1), (0, 7, 2), (0, 6, 3), (1, 8, 4), (1, 9, 5), (2, 5, 6)]
    sequences = sasrec.Sequences.of(window_of(events, n_items=12, asked=[0]))
    rng, none, a, b, c, d, e = np.random.default_rng(0), sasrec.NONE, 0, 1, 2, 3, 4  # items 5 … 9, counted from 0
    inputs, answers, sizes = sequences.pieces(2, "all", rng)
    assert inputs.tolist() == [[a, 5], [b, c], [d, 5]]
    assert answers.tolist() == [[b, none], [c, b], [e, none]]
    assert sizes.tolist() == [1, 2, 1]
    assert sequences.pieces(2, "new", rng)[1].tolist() == [[b, none], [c, none], [e, none]]
    assert [part.tolist() for part in sequences.latest(np.array([1, 0]), 3)] == [[[d, e, 5], [b, c, b]], [2, 3]]


def test_only_items_of_one_instant_are_mixed():
    events = [(0, 0, 0), (0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 2)]
    sequences, rng = sasrec.Sequences.of(window_of(events, n_items=5, asked=[0])), np.random.default_rng(0)
    orders = {tuple(sequences.pieces(4, "all", rng)[1][0].tolist()) for _ in range(50)}
    assert len(orders) == 6  # 3 · 2 · 1
    assert all(sorted(order[:3]) == [1, 2, 3] and order[3] == 4 for order in orders)


def test_no_batch_holds_more_than_its_places(monkeypatch):
    monkeypatch.setattr(sasrec, "POSITIONS", 20)
    sizes = np.array([1, 9, 3, 30, 2, 8])
    found = [sorted(rows.tolist()) for rows in sasrec.batches(sizes, 3, np.random.default_rng(0))]
    assert sorted(found) == [[0, 2, 4], [1, 5], [3]]
