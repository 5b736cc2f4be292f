"""A ranker told by scores: as the service's own draws say, and by loops over every list."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsys.errors import SchemaError
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told import scores as told_scores
from recsys.evaluation.off_policy.told import sheet
from recsys.evaluation.off_policy.told.scores import by_scores
from recsys.ranking.config import PolicyConfig
from recsys.ranking.policy import Exploration, PlackettLuce, randomness
from recsys.ranking.selection import select
from tests.evaluation.off_policy.asked_again import (
    GREEDY,
    SOFT,
    Asked,
    Scores,
    every,
    file_of,
    logged_of,
    next_of,
    scores_of,
    values_of,
    world,
)
from tests.evaluation.off_policy.small_log import answer, at, event, log
from tests.ranking.stock import book, scored, unit

SURE = PolicyConfig(kind="deterministic")
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def judged(file: Path, logged: Logged, explores=None, worths=None, seed=0) -> Target:
    found = by_scores(file, logged, explores=explores, worths=worths, seed=seed)
    assert found is not None
    return found


def test_scores_of_the_log_give_back_what_the_service_drew(tmp_path):
    """Lists of three, as `select` draws them from eight candidates."""
    rng = np.random.default_rng(0)
    rows, candidates, policy = [], [], PlackettLuce(temperature=0.3)
    for number in range(20):
        row = list(zip(rng.permutation(8).tolist(), np.sort(rng.normal(size=8))[::-1].tolist(), strict=True))
        found = scored(row)
        exploration = Exploration(policy=policy, sources=[randomness(3, f"r{number}")])
        shown = select(found, book({}, [None] * 8), unit(rng, 8), k=3, exploration=exploration)
        listed = answer(f"r{number}", number, *[f"i{item}" for item in shown.item_idx], params='{"temperature":0.3}')
        for each, chance in zip(listed, shown.propensity.tolist(), strict=True):
            each["propensity"] = chance
        rows.append(listed)
        drawn_from = {"item_ids": [f"i{item}" for item in found.item_idx], "scores": found.score.tolist()}
        candidates.append({"request_id": f"r{number}", "at": at(number), "user_id": None, **drawn_from})
    made = log(rows, [event("r0", rows[0][0]["item_id"], 100)], candidates)
    made.candidates.collect().select("request_id", "item_ids", "scores").write_parquet(tmp_path / "f.parquet")
    logged = Logged.of(made, as_of=1_800_000_000_000_000)
    found = judged(tmp_path / "f.parquet", logged)
    np.testing.assert_allclose(found.probability, logged.propensity, rtol=1e-6)
    assert found.outside.tolist() == [0] * 20
    assert found.marginal is not None
    np.testing.assert_allclose(found.marginal.target, found.marginal.logged, rtol=1e-9)


def test_two_places_by_hand(tmp_path):
    """Values 1, 1/2 and 0 at temperature 1/2: strengths e², e and 1."""
    request = Asked(name="r0", shown=("i1", "i0"), scores={"i0": 9.0, "i1": 7.0, "i2": 5.0}, config=SOFT)
    logged = logged_of([request])
    explores = PolicyConfig(kind="plackett_luce", temperature=0.5)
    file = file_of(tmp_path, {"r0": {"i2": 1.0, "i0": 3.0, "i7": 2.0, "i1": 1.5}})
    e = np.e
    total = e**2 + e + e**0.5 + 1
    found = judged(file, logged, explores)
    assert found.probability.tolist() == pytest.approx([e**0.5 / total, e**2 / (total - e**0.5)], rel=1e-12)
    away = [e / total, e / (total - e**0.5)]  # i7 was no candidate of the log
    assert found.outside.tolist() == pytest.approx([1 - (1 - away[0]) * (1 - away[1])], rel=1e-12)
    greedy = judged(file, logged, PolicyConfig(kind="epsilon_greedy", epsilon=0.4))
    assert greedy.probability.tolist() == pytest.approx([0.4 / 4, 0.4 / 3 + 0.6], rel=1e-12)
    assert greedy.outside.tolist() == pytest.approx([1 - (1 - 0.4 / 4) * (1 - 0.4 / 3)], rel=1e-12)


def slowly(asked: Asked, scores: Scores, config: PolicyConfig) -> dict[str, object]:
    """What is to be known of one request, list by list."""
    values, probability, kept = values_of(scores), [], 1.0
    for place, item in enumerate(asked.shown):
        chances = next_of(config, values, asked.shown[:place]) if 0 not in probability else None
        if chances is not None:
            kept *= 1 - sum(p for other, p in chances.items() if other not in asked.scores)
        probability.append(0.0 if chances is None else chances.get(item, 0.0))
    lists = list(every(config, values, len(asked.shown)))
    marginal = [
        sum(p for items, p in lists if len(items) > place and items[place] == item)
        for place, item in enumerate(asked.shown)
    ]
    return {"probability": probability, "outside": 1 - kept, "marginal": marginal, "lists": lists}


@QUICK
@given(st.integers(0, 10**6), st.sampled_from([SOFT, GREEDY]), st.sampled_from([None, SOFT, GREEDY, SURE]))
def test_a_second_implementation_agrees(tmp_path, seed, config, explores):
    asked, rng = world(seed, config), np.random.default_rng(seed)
    scores = {each.name: scores_of(rng, int(rng.integers(3, 7))) for each in asked}
    logged = logged_of(asked)
    found = judged(file_of(tmp_path, scores), logged, explores)
    slow = [slowly(each, scores[each.name], explores or config) for each in asked]
    together = {name: np.concatenate([each[name] for each in slow]) for name in ("probability", "marginal")}
    np.testing.assert_allclose(found.probability, together["probability"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.outside, [each["outside"] for each in slow], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.marginal.target, together["marginal"], rtol=1e-6, atol=1e-7)
    logging = [slowly(each, each.scores, config)["marginal"] for each in asked]
    np.testing.assert_allclose(found.marginal.logged, np.concatenate(logging), rtol=1e-6, atol=1e-7)


@settings(QUICK, max_examples=6)
@given(st.integers(0, 10**6))
def test_pseudo_inverse_weights_of_all_lists_give_what_the_target_shows(tmp_path, seed):
    """E_logged[weight · 1 at a place] is the target's marginal: one request for each list that can be drawn."""
    rng = np.random.default_rng(seed)
    scores = scores_of(rng, 4)
    lists = list(every(SOFT, values_of(scores), 2))
    asked = [Asked(name=f"r{n}", shown=items, scores=scores, config=SOFT) for n, (items, _) in enumerate(lists)]
    own = dict(zip(scores, rng.normal(size=4).tolist(), strict=True))
    logged = logged_of(asked)
    found = judged(file_of(tmp_path, {each.name: own for each in asked}), logged)
    weight = dict(zip(logged.request_id.to_list(), found.pseudo.tolist(), strict=True))
    aims = list(every(SOFT, values_of(own), 2))
    for place in (0, 1):
        for item in scores:
            ours = sum(p * weight[f"r{n}"] for n, (items, p) in enumerate(lists) if items[place] == item)
            assert ours == pytest.approx(sum(p for items, p in aims if items[place] == item), abs=1e-8)


@pytest.mark.parametrize("explores", [SOFT, GREEDY, SURE])
def test_what_lists_earn_is_the_mean_of_many_draws(tmp_path, explores):
    asked = world(3, places=2)[:1]
    own = scores_of(np.random.default_rng(8), 5)
    logged = logged_of(asked)
    entries = logged.item.names.gather(pl.Series(logged.candidates.item)).to_list()
    worth = dict(zip(entries, np.linspace(1, 3, len(entries)).tolist(), strict=True))
    worths = Worths(
        predicted=np.zeros(2),
        each=np.array([worth[item] for item in entries]),
        others=np.array([0.5]),
        looked=np.array([[1.0, 0.25, 9.0]]),
    )
    file = file_of(tmp_path, {"r0": own})
    looked = (1.0, 0.25)
    exact = sum(
        p * sum(look * worth.get(item, 0.5) for look, item in zip(looked, items, strict=False))
        for items, p in every(explores, values_of(own), 2)
    )
    drawn = [judged(file, logged, explores, worths, seed).value[0] for seed in range(40)]
    assert np.mean(drawn) == pytest.approx(exact, abs=4 * np.std(drawn) / 40**0.5 + 1e-9)
    assert np.std(drawn) < 0.25, "the first place is exact"
    assert judged(file, logged, explores, worths, 5).value[0] == drawn[5]


def test_where_no_candidates_were_logged_all_items_are_worth_the_same(tmp_path):
    asked = world(4, n=2)
    logged = logged_of(asked, told=["r1"])
    worths = Worths(
        predicted=np.zeros(6), each=np.zeros(len(asked[1].scores)), others=np.array([2.0, 3.0]), looked=np.ones((2, 3))
    )
    found = judged(file_of(tmp_path, {"r0": {"i0": 1.0, "i1": 0.0}, "r1": asked[1].scores}), logged, None, worths)
    assert found.value.tolist() == [2 * 2, 0]  # two candidates fill two places
    assert np.isnan(found.outside).tolist() == [True, False]
    assert np.isnan(found.marginal.target).tolist() == [True] * 3 + [False] * 3


def test_what_the_file_has_not_is_unknown(tmp_path):
    asked = world(5, n=3)
    logged = logged_of(asked)
    found = judged(file_of(tmp_path, {"r1": asked[1].scores, "q": {"i0": 1.0}}), logged)
    assert np.isnan(found.probability).tolist() == [True] * 3 + [False] * 3 + [True] * 3
    for each in (found.outside, found.pseudo):
        assert np.isnan(each).tolist() == [True, False, True]
    assert by_scores(file_of(tmp_path, {"q": {"i0": 1.0}}), logged, explores=None, worths=None) is None


def test_no_candidates_are_no_list(tmp_path):
    asked = world(6, n=2)
    worths = Worths(
        predicted=np.zeros(6),
        each=np.ones(sum(len(a.scores) for a in asked)),
        others=np.ones(2),
        looked=np.ones((2, 3)),
    )
    found = judged(file_of(tmp_path, {"r0": {}, "r1": asked[1].scores}), logged_of(asked), None, worths)
    assert found.probability[:3].tolist() == [0, 0, 0]
    assert (found.outside[0], found.value.tolist()) == (0, [0, pytest.approx(3)])


def test_an_answer_without_items_is_known(tmp_path):
    asked = [*world(6, n=2), Asked(name="e", shown=(), scores={"i0": 1.0}, config=SOFT)]
    found = judged(file_of(tmp_path, {each.name: each.scores for each in asked}), logged_of(asked))
    assert (found.outside[2], found.pseudo[2]) == (0, 1)


@QUICK
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_items_does_not_matter(tmp_path, seed, random):
    asked, rng = world(seed), np.random.default_rng(seed)
    scores = {each.name: scores_of(rng, 5) for each in asked}
    logged = logged_of(asked)
    k = len(logged.candidates.item)
    worths = Worths(
        predicted=np.zeros(len(logged.propensity)), each=rng.random(k), others=rng.random(6), looked=rng.random((6, 3))
    )
    one = judged(file_of(tmp_path, scores), logged, None, worths)
    names = random.sample(list(scores), len(scores))
    mixed = {name: dict(random.sample(list(scores[name].items()), 5)) for name in names}
    other = judged(file_of(tmp_path, mixed), logged, None, worths)
    for a, b in (
        (one.probability, other.probability),
        (one.outside, other.outside),
        (one.value, other.value),
        (one.marginal.target, other.marginal.target),
        (one.pseudo, other.pseudo),
    ):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@QUICK
@given(st.integers(0, 10**6))
def test_a_cold_ranker_is_one_that_does_not_explore(tmp_path, seed):
    asked = world(seed)
    rng = np.random.default_rng(seed)
    scores = {
        each.name: dict(zip(each.scores, rng.permutation(len(each.scores)).tolist(), strict=True)) for each in asked
    }
    file, logged = file_of(tmp_path, scores), logged_of(asked)
    cold = judged(file, logged, PolicyConfig(kind="plackett_luce", temperature=1e-3))
    sure = judged(file, logged, SURE)
    lists = [each.probability.reshape(6, 3).cumprod(axis=1) for each in (cold, sure)]
    np.testing.assert_allclose(lists[0], lists[1], atol=1e-12)
    np.testing.assert_allclose(cold.marginal.target, sure.marginal.target, atol=1e-7)
    assert set(sure.probability.tolist()) <= {0, 1}


def test_answers_of_several_policies_are_each_drawn_as_they_were(tmp_path):
    soft, greedy = (
        world(7, n=3),
        [
            Asked(name=f"g{n}", shown=each.shown, scores=each.scores, config=GREEDY)
            for n, each in enumerate(world(7, n=3))
        ],
    )
    asked = [*soft, *greedy]
    logged = logged_of(asked)
    found = judged(file_of(tmp_path, {each.name: each.scores for each in asked}), logged)
    np.testing.assert_allclose(found.probability, logged.propensity, rtol=1e-6)
    np.testing.assert_allclose(found.marginal.target, found.marginal.logged, rtol=1e-9)
    np.testing.assert_allclose(found.pseudo, 1, rtol=1e-6)


def test_parts_of_the_file_and_blocks_are_put_together(tmp_path, monkeypatch):
    asked = world(8, n=6)
    file, logged = (
        file_of(tmp_path, {each.name: scores_of(np.random.default_rng(1), 6) for each in asked}),
        logged_of(asked),
    )
    whole = judged(file, logged)
    monkeypatch.setattr(sheet, "ENTRIES", 12)
    monkeypatch.setattr(told_scores, "BLOCK", 7)
    parts = judged(file, logged)
    assert parts.probability.tolist() == whole.probability.tolist()
    np.testing.assert_allclose(parts.marginal.target, whole.marginal.target, rtol=1e-8)


def test_one_place_is_known_of_all(tmp_path):
    asked = world(9, places=1)
    logged = logged_of(asked, told=[])
    found = judged(file_of(tmp_path, {each.name: each.scores for each in asked[1:]}), logged)
    assert np.isnan(found.pseudo).tolist() == [True] + [False] * 5
    np.testing.assert_allclose(found.pseudo[1:], 1, rtol=1e-6)
    assert found.marginal.target[1:].tolist() == found.probability[1:].tolist()
    assert found.marginal.logged[1:].tolist() == logged.propensity[1:].tolist()


def test_a_policy_that_nobody_knows_is_refused_unless_another_draws(tmp_path):
    rows = answer("r0", 0, "i0", policy="mine", params="{}", propensity=0.5)
    logged = Logged.of(log([rows], [event("r0", "i0", 1)]), as_of=1_800_000_000_000_000)
    file = file_of(tmp_path, {"r0": {"i0": 1.0, "i1": 0.0}})
    with pytest.raises(SchemaError, match=r"got 'mine' and '\{\}' in request 'r0'; say how the judged policy explores"):
        judged(file, logged)
    assert judged(file, logged, GREEDY).probability.tolist() == pytest.approx([0.3 / 2 + 0.7])
