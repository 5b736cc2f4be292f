"""The simulator plays a bundle: its own lists, with their propensities, and a value that can be told."""

from pathlib import Path

import numpy as np
import pytest

from pipelines import played_bundle
from pipelines.played_bundle import PlayedBundle
from recsys.bundle import CURRENT, Bundle
from recsys.evaluation.off_policy.estimators.ips import ips
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.simulation.played import simulate
from recsys.evaluation.simulation.value import true_value
from recsys.evaluation.simulation.world import World
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce

BEST = EpsilonGreedy(epsilon=0)


@pytest.fixture(scope="module")
def bundle(bundle_root: Path) -> Bundle:
    return Bundle.load((bundle_root / CURRENT).resolve())


@pytest.fixture(scope="module")
def world(bundle: Bundle) -> World:
    return World.random(n_users=len(bundle.users), n_items=len(bundle.catalog), positions=3, seed=2)


def test_without_a_draw_the_lists_are_the_bundles(bundle: Bundle, world: World) -> None:
    user = np.array([5, 0, 5], np.int32)
    shown = PlayedBundle(bundle=bundle, policy=BEST, k=3)(user, world.kind[user], np.random.default_rng(0))
    ids = [bundle.users.ids[n] for n in user.tolist()]
    best = bundle.recommender.recommend(bundle.histories(ids), k=3, as_of=bundle.end)
    assert shown.item.ravel().tolist() == best.item_idx.tolist()
    assert (shown.propensity == 1).all()


def test_a_draw_is_of_the_seed_and_other_every_time(bundle: Bundle, world: World, monkeypatch) -> None:
    play = PlayedBundle(bundle=bundle, policy=PlackettLuce(temperature=0.5), k=3)
    one = simulate(world, play, 60, 1)
    monkeypatch.setattr(played_bundle, "_BLOCK", 7)
    two, other = simulate(world, play, 60, 1), simulate(world, play, 60, 2)
    assert one.item.tolist() == two.item.tolist() != other.item.tolist()
    np.testing.assert_allclose(one.propensity, two.propensity, rtol=1e-6)
    assert len(np.unique(one.propensity)) > 50
    assert ((one.propensity > 0) & (one.propensity < 1)).all()


def test_lists_longer_than_the_shop_end(bundle: Bundle) -> None:
    play = PlayedBundle(bundle=bundle, policy=BEST, k=len(bundle.catalog) + 5)
    shown = play(np.zeros(1, np.int32), np.zeros(1, np.int32), np.random.default_rng(0))
    assert shown.item[0, -5:].tolist() == [-1] * 5
    items = shown.item[shown.item >= 0].tolist()
    assert len(set(items)) == len(items)


def test_a_log_of_it_tells_what_it_earns(bundle: Bundle, world: World) -> None:
    play = PlayedBundle(bundle=bundle, policy=PlackettLuce(temperature=0.5), k=3)
    truth = true_value(world, play, draws=4_000)
    log = simulate(world, play, 3_000, 5)
    slates = Slates(
        user_idx=log.cluster,
        indptr=log.indptr,
        reward=log.flat(log.reward),
        logged=log.flat(log.propensity),
        target=log.flat(log.propensity),
    )
    terms = ips(slates)
    error = np.hypot(terms.value.std() / np.sqrt(3_000), truth.error)
    assert abs(terms.estimate - truth.value) < 4 * error
