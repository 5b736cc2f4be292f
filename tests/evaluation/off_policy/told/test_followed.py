"""How likely lists were, with no rules: as `ranking.likelihood` has it, one request at a time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.evaluation.off_policy.told.followed import followed
from recsys.evaluation.off_policy.told.ranked import Ranked
from recsys.ranking.likelihood import likelihood
from recsys.ranking.policy import EpsilonGreedy, PlackettLuce
from tests.ranking.stock import book, scored, unit

N = 8
POLICIES = [PlackettLuce(temperature=0.3), EpsilonGreedy(epsilon=0.4), EpsilonGreedy(epsilon=0)]
VECTORS = unit(np.random.default_rng(0), N)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(POLICIES))
def test_the_service_agrees(seed, policy):
    """Four requests of up to six candidates of eight items, any lists of them, drawn from any of the items."""
    rng = np.random.default_rng(seed)
    rows = [
        list(
            zip(
                rng.permutation(N)[:n].tolist(),
                np.sort(rng.normal(size=n).astype(np.float32))[::-1].tolist(),
                strict=True,
            )
        )
        for n in rng.integers(1, 7, 4)
    ]
    lists = [rng.permutation(N)[:n] for n in rng.integers(0, 5, 4)]
    drawn_from, found = rng.random((4, N)) < 0.7, scored(*rows)
    expected = likelihood(
        found,
        book({}, [None] * N),
        VECTORS,
        policy,
        indptr=np.cumsum([0, *map(len, lists)]).astype(np.int64),
        item_idx=np.concatenate(lists).astype(np.int32),
        k=[len(each) for each in lists],
        drawn_from=drawn_from,
    )
    ranked = Ranked.of(policy, found.indptr, np.arange(4), found.item_idx, found.score.astype(np.float64))
    length = np.array([len(each) for each in lists])
    listed = np.array([[*each, *[-2] * (4 - len(each))] for each in lists], np.int32)
    foreign = ranked.there & ~drawn_from[np.arange(4)[:, None], ranked.item]
    chance, outside = followed(ranked, ranked.place(listed), length, foreign)
    np.testing.assert_allclose(chance[np.arange(4) < length[:, None]], expected.probability, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(outside, expected.outside, rtol=1e-9, atol=1e-12)
    assert not chance[np.arange(4) >= length[:, None]].any()
    assert np.isnan(followed(ranked, ranked.place(listed), length)[1]).all()
