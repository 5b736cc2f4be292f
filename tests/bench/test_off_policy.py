"""The log of the benchmark is one that can be judged: as served, drawn and clicked as it says."""

import numpy as np
import polars as pl
import pytest

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.judging.overlap import Overlap
from recsys.evaluation.off_policy.judging.refusals import MIN_EFFECTIVE_SHARE
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.ranking import selection
from recsys.ranking.policy import PlackettLuce
from tests.bench import big_log

REQUESTS = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("big")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(big_log, "CHUNK", 64)  # several files, the last of them shorter
        big_log.write(folder, REQUESTS)
    return folder


@pytest.fixture(scope="module")
def logged(folder):
    found = Logged.of(PolicyLog.load(folder / "log"), OffPolicyConfig(), as_of=10**16)
    assert isinstance(found, Logged), found
    return found


def drawn_again(scores, places):
    """The chance of each place, of one list, one at a time."""
    luce, left, chances = PlackettLuce(temperature=big_log.TEMPERATURE), list(range(len(scores))), []
    falling = np.sort(scores.astype(np.float32))[::-1]
    value = selection.relevance(scores.astype(np.float32), falling, 100)
    for place in places:
        chances.append(luce.chances(value[left])[left.index(place)])
        left.remove(place)
    return chances


def test_every_answer_can_be_judged(logged):
    assert (len(logged), len(logged.reward), len(logged.candidates)) == (REQUESTS, 2000, REQUESTS)
    assert (logged.left_out.total, logged.events.total) == (0, logged.events.used)
    assert (np.diff(logged.at) > 0).all()
    odd = logged.user.decode().str.slice(-1).cast(int).to_numpy() % 2
    assert logged.arm.decode().to_list() == [big_log.ARMS[each] for each in odd]
    assert logged.at[-1] < big_log.START + big_log.SPAN
    assert logged.candidates.sizes.tolist() == [20] * REQUESTS
    assert (np.diff(logged.candidates.score.reshape(-1, 20)) <= 0).all()


def test_propensities_are_those_of_the_draws(logged):
    lists, shown = (each.reshape(REQUESTS, -1) for each in (logged.candidates.item, logged.item.codes))
    scores = logged.candidates.score.reshape(REQUESTS, -1)
    for row in range(REQUESTS):
        places = [lists[row].tolist().index(item) for item in shown[row]]
        assert logged.score[row * 10 : row * 10 + 10] == pytest.approx(scores[row][places])
        expected = drawn_again(scores[row], places)
        assert logged.propensity[row * 10 : row * 10 + 10] == pytest.approx(expected, rel=1e-12)


def test_the_better_are_drawn_more_often_and_as_often_as_it_is_said():
    """At the first place: how often the candidate of each rank came, against the mean of its chances."""
    (part,) = big_log.parts(20_000)
    value = big_log.relevance(part.score) / big_log.TEMPERATURE
    chance = np.exp(value) / np.exp(value).sum(axis=1, keepdims=True)
    seen = np.bincount(part.drawn[:, 0], minlength=20) / 20_000
    assert np.abs(seen - chance.mean(axis=0)).max() < 4 * np.sqrt(0.1 / 20_000)
    assert seen[0] > 5 * seen[-1]
    mine = np.take_along_axis(chance, part.drawn[:, :1], axis=1)
    assert part.propensity[:, :1] == pytest.approx(mine, rel=1e-12)


def test_clicks_come_as_by_the_model():
    (part,) = big_log.parts(20_000)
    taste = np.take_along_axis(part.taste, part.drawn, axis=1)
    expected = (0.02 + 0.3 * taste) / np.sqrt(np.arange(1, 11))
    error = np.sqrt((expected * (1 - expected)).sum(axis=0)) / 20_000
    assert np.abs(part.clicked.mean(axis=0) - expected.mean(axis=0)).max() < 4 * error.max()
    liked = taste > 0.8
    assert part.clicked[liked].mean() == pytest.approx(expected[liked].mean(), rel=0.03)
    assert taste.mean() > 0.55  # the better are drawn


def test_a_few_users_ask_often(logged):
    (part,) = big_log.parts(20_000)
    often = np.sort(np.bincount(part.user))[::-1]
    assert often[:1500].sum() > 2 * 20_000 * 1500 / big_log.USERS
    assert often[0] < 20_000 * 0.01


def weights_of(part, name):
    """float64 (n, 10): how much likelier each place and those above were under a policy; one place after the other."""
    powers = np.exp(big_log.relevance(getattr(part, name)) / big_log.TEMPERATURE)
    shown = np.take_along_axis(powers, part.drawn, axis=1)
    above = np.cumsum(shown, axis=1) - shown
    return np.cumprod(shown / (powers.sum(axis=1, keepdims=True) - above) / part.propensity, axis=1)


def test_one_policy_overlaps_in_whole_lists_and_the_other_place_by_place():
    every = list(big_log.parts(200_000))
    user = np.concatenate([part.user for part in every]).astype(np.int32)
    for name, least in (("near", 0.5), ("far", 0)):
        weights = np.concatenate([weights_of(part, name) for part in every])
        whole, cascade = (Overlap.of(each, user) for each in (weights[:, -1], weights.mean(axis=1)))
        assert cascade.effective / len(user) > MIN_EFFECTIVE_SHARE
        assert abs(whole.off) < 4
        assert (whole.effective / len(user) > MIN_EFFECTIVE_SHARE) == (name == "near")
        assert whole.effective / len(user) > least


def test_files_of_scores_are_of_the_same_candidates(folder):
    drawn = pl.read_parquet(folder / "log" / "candidates" / "*.parquet")
    for name in big_log.POLICIES:
        scored = pl.read_parquet(folder / f"{name}.parquet")
        assert scored.columns == ["request_id", "item_ids", "scores"]
        assert scored.select("request_id", "item_ids").equals(drawn.select("request_id", "item_ids"))
        changed = (scored["scores"].explode() != drawn["scores"].explode()).mean()
        assert changed == pytest.approx({"near": 0.05, "far": 1}[name], abs=0.02)
    assert {path.name for path in folder.iterdir()} == {"log", "near.parquet", "far.parquet"}
