from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.data.interactions import COLUMNS, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.ease_penalty import LADDER, USUAL, Penalties, Penalty
from recsys.schema import DAY, EVENT_CODES

N_USERS, N_ITEMS, N_EACH = 160, 14, 6
CONFIG = BehaviourConfig()


def shop(n_users: int = N_USERS) -> Interactions:
    """Each user takes some items of a random walk over a ring, one a day; the last fell into the latest tenth."""
    rng = np.random.default_rng(3)
    rows = []
    for user in range(n_users):
        items = rng.permutation((rng.integers(N_ITEMS) + np.arange(N_EACH + 2)) % N_ITEMS)[:N_EACH]
        at = np.append(np.sort(rng.choice(80 * DAY, N_EACH - 1, replace=False)), 90 * DAY + user)
        rows += [
            (user, int(item), EVENT_CODES["purchase"], int(when), None, 1.0, None, None)
            for item, when in zip(items, at, strict=True)
        ]
    events = pl.DataFrame(rows, schema=COLUMNS, orient="row").sort("at")
    return Interactions(events=events, users=Vocabulary.ordered([f"{u:02d}" for u in range(n_users)]), n_items=N_ITEMS)


@given(st.floats(-3, 6))
def test_the_ladder_is_climbed_to_the_top_and_no_further(summit: float) -> None:
    asked: list[float] = []

    def judged(l2: float) -> float:
        asked.append(l2)
        return -abs(np.log10(l2) - summit)

    found = Penalty.found(judged)
    best = min(LADDER, key=lambda l2: abs(np.log10(l2) - summit))
    assert judged(found.l2) == judged(best)
    assert [trial.l2 for trial in found.trials] == sorted(set(asked))
    way = sorted((LADDER.index(USUAL), LADDER.index(found.l2)))
    assert {LADDER.index(l2) for l2 in asked} <= set(range(way[0] - 1, way[1] + 2))


def test_what_is_judged_is_the_next_new_item_by_ease_alone() -> None:
    log = shop()
    split = int(log.events["at"].sort()[round(0.9 * (log.events.height - 1))])
    taken = np.zeros((N_USERS, N_ITEMS))
    old, new = log.events.filter(pl.col("at") < split), log.events.filter(pl.col("at") >= split)
    taken[old["user_idx"], old["item_idx"]] = 1
    found = Penalties.of(log, before=log.end, config=CONFIG).plain
    assert len(found.trials) > 2
    for trial in found.trials:
        inverse = np.linalg.inv(taken.T @ taken + trial.l2 * np.eye(N_ITEMS))
        scores = taken @ (np.eye(N_ITEMS) - inverse / np.diag(inverse))
        scores[taken > 0] = -np.inf
        ranks = [
            1 + (scores[user] > scores[user, item]).sum() if scores[user, item] > 0 else np.inf
            for user, item in new.select("user_idx", "item_idx").rows()
            if not taken[user, item]
        ]
        assert trial.ndcg == pytest.approx(np.mean(1 / np.log2(1 + np.array(ranks))), abs=1e-6)


def test_what_comes_later_changes_nothing() -> None:
    log, before = shop(), 90 * DAY + 120
    late = pl.col("at") >= before
    other = log.events.with_columns(item_idx=pl.when(late).then(0).otherwise("item_idx").cast(pl.Int32))
    altered = Interactions(events=other, users=log.users, n_items=N_ITEMS)
    expected, got = (Penalties.of(one, before=before, config=CONFIG) for one in (log, altered))
    assert expected == got
    assert expected.plain.trials


def test_what_the_settings_name_is_kept() -> None:
    both = BehaviourConfig(ease_l2=7, ease_fresh_l2=8)
    assert Penalties.of(shop(), before=shop().end, config=both) == Penalties(plain=Penalty(l2=7), fresh=Penalty(l2=8))
    one = Penalties.of(shop(), before=shop().end, config=BehaviourConfig(ease_fresh_l2=8))
    assert (one.fresh, len(one.plain.trials) > 2) == (Penalty(l2=8), True)
    assert one.within(CONFIG) == BehaviourConfig(ease_l2=one.plain.l2, ease_fresh_l2=8)


@pytest.mark.parametrize("n_users", [1, 40])
def test_few_users_do_not_judge(n_users: int) -> None:
    usual = Penalty(l2=USUAL)
    assert Penalties.of(shop(n_users), before=100 * DAY, config=CONFIG) == Penalties(plain=usual, fresh=usual)


def test_saved_penalties_are_equal_and_of_another_form_are_refused(tmp_path: Path) -> None:
    found = Penalties.of(shop(), before=shop().end, config=CONFIG)
    found.save(tmp_path)
    assert Penalties.load(tmp_path) == found
    (tmp_path / "ease.json").write_text('{"plain": {"l2": 1}}')
    with pytest.raises(ArtifactError, match=r"Expected EASE's penalties in .*ease.json, could not .*; embed again"):
        Penalties.load(tmp_path)
