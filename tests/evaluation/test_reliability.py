"""The expected calibration error in worlds whose truth is known."""

import json

import numpy as np
import pytest

from recsys.errors import ArtifactError, ShapeError
from recsys.evaluation.reliability import BINS, Reliability, reliability


def world(rng, *, n_users, sharpness, pairs=40):
    """(interest, taken, users): interest is the truth where sharpness is 1, too sure of itself where it is more."""
    users = np.repeat(np.arange(n_users), pairs)
    logits = 1.5 * rng.normal(size=len(users))
    taken = rng.random(len(users)) < 1 / (1 + np.exp(-logits))
    return (1 / (1 + np.exp(-sharpness * logits))).astype(np.float32), taken, users


def by_definition(interest, taken):
    """The error written out, pair by pair."""
    weight = [0.5 / taken.sum() if t else 0.5 / (~taken).sum() for t in taken]
    order = sorted(range(len(interest)), key=lambda i: interest[i])
    parts, spent = [[] for _ in range(BINS)], 0.0
    for i in order:
        parts[min(BINS - 1, int((spent + weight[i] / 2) * BINS))].append(i)
        spent += weight[i]
    error = 0.0
    for part in parts:
        mass = sum(weight[i] for i in part)
        mean = sum(weight[i] * interest[i] for i in part) / mass
        error += mass * abs(sum(weight[i] for i in part if taken[i]) / mass - mean)
    return error


def test_a_second_implementation():
    interest, taken, users = world(np.random.default_rng(0), n_users=50, sharpness=1.7)
    found = reliability(interest, taken, users, samples=100)
    assert found.ece.mean == pytest.approx(by_definition(interest, taken), abs=1e-3)
    again = sum(b.weight * abs(b.share - b.interest) for b in found.bins)
    assert found.ece.mean == pytest.approx(again)


def test_by_hand():
    interest = np.array([0.25] * 4 + [0.75] * 4, np.float32)
    taken = np.array([True, False, False, False, True, True, True, False])
    found = reliability(interest, taken, np.arange(8), samples=100)
    assert [(b.interest, b.share, b.weight, b.n) for b in found.bins] == [
        (0.25, pytest.approx(1 / 4), pytest.approx(1 / 2), 4),
        (0.75, pytest.approx(3 / 4), pytest.approx(1 / 2), 4),
    ]
    assert found.ece.mean == pytest.approx(0)
    assert (found.taken, found.others, found.ece.n) == (4, 4, 8)
    wrong = reliability(1 - interest, taken, np.arange(8), samples=100)
    assert wrong.ece.mean == pytest.approx(0.75 - 0.25)


def test_pairs_taken_weigh_as_much_as_the_many_that_are_not():
    interest = np.array([0.9, 0.1, 0.9] + [0.1] * 97, np.float32)
    taken = np.arange(100) < 2
    high = reliability(interest, taken, np.arange(100), samples=100).bins[-1]
    assert high.share == pytest.approx((1 / 2 / 2) / (1 / 2 / 2 + 1 / 2 / 98))


def test_the_error_vanishes_where_interest_is_true_and_not_where_it_is_too_sure():
    rng = np.random.default_rng(1)
    few, many = (reliability(*world(rng, n_users=n, sharpness=1.0), samples=200) for n in (40, 4000))
    assert many.ece.mean < 0.01 < few.ece.mean
    assert many.ece.low == few.ece.low == 0
    assert few.chance > 5 * many.chance
    assert many.ece.mean < 3 * many.chance
    sure = reliability(*world(rng, n_users=400, sharpness=2.0), samples=200)
    assert 0.08 < sure.ece.low < sure.ece.mean < sure.ece.high < 0.13


def test_the_interval_holds_the_truth_of_many_worlds():
    rng = np.random.default_rng(2)
    truth = reliability(*world(rng, n_users=20_000, sharpness=1.3), samples=100).ece.mean
    faultless = [reliability(*world(rng, n_users=200, sharpness=1.0, pairs=6), samples=150).ece for _ in range(60)]
    faulty = [reliability(*world(rng, n_users=200, sharpness=1.3, pairs=6), samples=150).ece for _ in range(60)]
    assert np.mean([e.low == 0 for e in faultless]) >= 0.88
    assert np.mean([e.low <= truth <= e.high for e in faulty]) >= 0.85


def test_users_not_pairs_are_resampled():
    rng = np.random.default_rng(3)
    interest, taken, users = world(rng, n_users=300, sharpness=1.0, pairs=1)
    once = reliability(interest, taken, users, samples=300)
    copies = reliability(*(np.tile(a, 20) for a in (interest, taken, users)), samples=300)
    assert copies.ece.mean == pytest.approx(once.ece.mean, abs=0.02)
    assert copies.ece.high == pytest.approx(once.ece.high, abs=0.03)
    assert copies.chance == pytest.approx(once.chance, rel=0.2)


def test_one_user_has_no_interval():
    interest, taken, users = world(np.random.default_rng(4), n_users=1, sharpness=1.0)
    found = reliability(interest, taken, users, samples=100)
    assert (found.ece.low, found.ece.high) == (None, None)
    assert {(b.low, b.high) for b in found.bins} == {(None, None)}


def test_equal_seeds_give_equal_values_and_json_is_plain(tmp_path):
    pairs = world(np.random.default_rng(5), n_users=30, sharpness=1.0)
    found = reliability(*pairs, samples=100, seed=1)
    assert found == reliability(*pairs, samples=100, seed=1)
    assert found.ece.high != reliability(*pairs, samples=100, seed=2).ece.high
    found.save(tmp_path)
    body = json.loads((tmp_path / "reliability.json").read_text())
    assert body["ece"]["mean"] == found.ece.mean
    assert body["bins"][0]["n"] == found.bins[0].n


@pytest.mark.parametrize(
    ("interest", "taken"), [([0.5, 0.5], [True, True]), ([0.5, 0.5], [False, False]), ([0.5, 1.5], [True, False])]
)
def test_nothing_to_judge(interest, taken):
    with pytest.raises(ShapeError, match=r"expected interest in \[0, 1\] of pairs taken and .* judge more users"):
        reliability(np.array(interest, np.float32), np.array(taken), np.arange(2))


def test_what_was_saved_is_read_and_what_was_not_is_none(tmp_path):
    assert Reliability.load(tmp_path) is None
    found = reliability(*world(np.random.default_rng(6), n_users=30, sharpness=1.0), samples=100)
    found.save(tmp_path)
    assert Reliability.load(tmp_path) == found
    path = tmp_path / "reliability.json"
    path.write_text(path.read_text().replace('"chance"', '"luck"'))
    with pytest.raises(ArtifactError, match=r"reliability.json is not a reliability table: at chance, field required"):
        Reliability.load(tmp_path)


def test_counted_pairs_weigh_the_same_and_shares_are_of_all_pairs():
    chance = np.array([0.25] * 80 + [0.75] * 20, np.float32)
    taken = np.arange(100) < 10  # 10 of the first 80
    taken[80:95] = True  # 15 of the last 20
    found = reliability(chance, taken, np.arange(100), weighing="counted", samples=100)
    assert [(b.interest, b.share, b.weight, b.n) for b in found.bins] == [
        (pytest.approx(0.25), pytest.approx(10 / 80), pytest.approx(80 / 100), 80),
        (pytest.approx(0.75), pytest.approx(15 / 20), pytest.approx(20 / 100), 20),
    ]
    assert found.ece.mean == pytest.approx(0.8 * (0.25 - 10 / 80) + 0.2 * 0)


def test_a_true_probability_of_rare_takes_has_hardly_an_error():
    rng = np.random.default_rng(4)
    users = np.repeat(np.arange(500), 100)
    chance = (rng.beta(1, 40, len(users))).astype(np.float32)
    taken = rng.random(len(users)) < chance
    true = reliability(chance, taken, users, weighing="counted", samples=200)
    assert true.ece.mean < 3 * true.chance < 0.01
    assert true.bins[-1].share > 5 * true.bins[0].share  # the few that are taken have bins of their own
    doubled = reliability(np.minimum(2 * chance, 1), taken, users, weighing="counted", samples=200)
    assert doubled.ece.low > true.ece.high
    assert doubled.ece.mean == pytest.approx(float(chance.mean()), abs=0.003)
