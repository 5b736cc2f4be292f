from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize

from recsys.data.interactions import COLUMNS, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError
from recsys.ranking.config import RankingConfig, TreesConfig
from recsys.ranking.examination import Examination
from recsys.ranking.features import FeatureTable
from recsys.ranking.ranker import Ranker
from recsys.ranking.table import RankerTable
from recsys.schema import EVENT_CODES

SHOWN, CLICK, BUY = (EVENT_CODES[name] for name in ("impression", "click", "purchase"))
N_ITEMS, PLACES = 15, 10


def log(rows: list[tuple[int, int, int, int, float, int | None]]) -> Interactions:
    """(user, item, event, at, weight, place)."""
    full = [(u, i, e, at, None, w, None, place) for u, i, e, at, w, place in rows]
    events = pl.DataFrame(full, schema=COLUMNS, orient="row").sort("at", maintain_order=True)
    users = Vocabulary.of(f"{u:05d}" for u in range(max((row[0] for row in rows), default=0) + 1))
    return Interactions(events=events, users=users, n_items=N_ITEMS)


def seen(eta: float, *, n_lists: int, seed: int, appeal: tuple[float, float] = (0.05, 0.9)) -> Interactions:
    """Lists in an order that varies about a fixed one; where its place is looked at, an item's appeal is its chance."""
    rng = np.random.default_rng(seed)
    liked = rng.uniform(*appeal, N_ITEMS)
    usual = liked + rng.normal(0, 0.1, N_ITEMS)  # what is liked stands higher: places and clicks go together anyway
    rows = []
    for user in range(n_lists):
        order = np.argsort(-(usual + rng.normal(0, 0.3, N_ITEMS)))[:PLACES]
        looked = rng.random(PLACES) < np.arange(1, PLACES + 1) ** -eta
        for place, (item, saw) in enumerate(zip(order.tolist(), looked.tolist(), strict=True), 1):
            rows.append((user, item, SHOWN, 2 * user, 0.0, place))
            if saw and rng.random() < liked[item]:
                rows.append((user, item, CLICK, 2 * user + 1, 0.3, place))
    return log(rows)


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0, 1.5])
def test_the_worlds_eta_is_found(eta: float) -> None:
    found = Examination.of(seen(eta, n_lists=3000, seed=1), limit=10)
    assert found
    assert found.error < 0.1
    assert abs(found.eta - eta) < 3 * found.error
    assert found.taken > 1000


def test_counting_clicks_by_place_would_not_do() -> None:
    """What is liked stands higher, so the share of clicks falls with the place faster than looking does."""
    known = seen(0.6, n_lists=3000, seed=1)
    by_place = (
        known.events.group_by("position")
        .agg(rate=(pl.col("weight") > 0).sum() / (pl.col("event") == SHOWN).sum())
        .sort("position")
    )
    naive = -np.polyfit(np.log(by_place["position"].to_numpy()), np.log(by_place["rate"].to_numpy()), 1)[0]
    assert naive > 0.6 + 0.15


def test_a_second_implementation_with_an_appeal_for_each_item() -> None:
    known = seen(0.8, n_lists=400, seed=2)
    cells = (
        known.events.group_by("item_idx", "position")
        .agg(shown=(pl.col("event") == SHOWN).sum(), clicks=(pl.col("weight") > 0).sum())
        .filter(pl.col("clicks").sum().over("item_idx") > 0)
    )
    place, shown, clicks = (cells[name].to_numpy().astype(float) for name in ("position", "shown", "clicks"))
    item = np.unique(cells["item_idx"].to_numpy(), return_inverse=True)[1]

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        """Poisson, eta and the log of each appeal side by side."""
        mean = shown * np.exp(beta[1:][item] - beta[0] * np.log(place))
        off = mean - clicks
        gradient = np.concatenate([[-off @ np.log(place)], np.bincount(item, off)])
        return float(mean.sum() - clicks @ np.log(mean)), gradient

    start = np.zeros(1 + int(item.max()) + 1)
    eta = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7}).x[0]
    found = Examination.of(known, limit=10)
    assert found
    assert found.eta == pytest.approx(eta, abs=1e-4)


def test_without_impressions_places_or_clicks_nothing_is_corrected() -> None:
    known = seen(1.0, n_lists=200, seed=0)
    assert Examination.of(known, limit=10)
    without = [
        known.events.filter(pl.col("event") != SHOWN),
        known.events.with_columns(position=pl.lit(None, pl.Int32)),
        known.events.filter(pl.col("event") == SHOWN),
        known.events.filter(pl.col("position") == 1),  # no item at several places
        known.events.head(60),  # too few to be sure
        known.events.clear(),
    ]
    for events in without:
        assert Examination.of(replace(known, events=events), limit=10) is None
    assert Examination.of(known, limit=1) is None


def test_a_weight_counts_as_many_times_as_its_place_is_seldom_seen() -> None:
    half = Examination(eta=0.5, error=0.1, taken=9, limit=4.0)
    rows = [
        (0, 1, CLICK, 1, 0.3, 9),  # 3 times
        (0, 1, BUY, 2, 1.0, None),  # where it was clicked
        (1, 1, BUY, 3, 1.0, None),  # another user's place is not hers
        (1, 2, SHOWN, 4, 0.0, 100),
        (1, 2, BUY, 5, 1.0, None),  # 10 times, at most 4
        (1, 3, BUY, 6, 1.0, 1),
    ]
    weights = half.corrected(log(rows)).events["weight"].to_list()
    assert weights == pytest.approx([0.3 * 3, 1.0 * 3, 1.0, 0, 4.0, 1.0])


def shop(seed: int, *, eta: float, n_users: int) -> tuple[RankerTable, Interactions]:
    """Users like items by `good`; the old lists stood by `loud`, which says nothing; both as features."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_users, PLACES, 2)).astype(np.float32)
    liked = 1 / (1 + np.exp(2 - 2 * values[..., 0].astype(np.float64)))
    place = np.argsort(np.argsort(-(values[..., 1] + rng.normal(0, 0.3, (n_users, PLACES))), axis=1), axis=1) + 1
    clicked = rng.random((n_users, PLACES)) < liked * place ** -float(eta)
    rows = [
        row
        for user in range(n_users)
        for item in range(PLACES)
        for row in (
            (user, item, SHOWN, 2 * user, 0.0, int(place[user, item])),
            (user, item, CLICK, 2 * user + 1, 0.3, int(place[user, item])),
        )
        if row[2] == SHOWN or clicked[user, item]
    ]
    features = FeatureTable(
        names=("good", "loud"),
        values=values.reshape(-1, 2),
        indptr=np.arange(0, n_users * PLACES + 1, PLACES),
        item_idx=np.tile(np.arange(PLACES, dtype=np.int32), n_users),
    )
    gain = np.zeros(n_users * PLACES, np.float32)
    return RankerTable(as_of=0, label_end=1, features=features, gain=gain, missed=0), log(rows)


def with_gains(table: RankerTable, known: Interactions, found: Examination | None) -> RankerTable:
    """The clicks as gains, counted once each or as their places say."""

    def weights(log: Interactions) -> np.ndarray:
        taken = log.positives().events
        gain = np.zeros_like(table.gain)
        gain[taken["user_idx"].to_numpy() * PLACES + taken["item_idx"].to_numpy()] = taken["weight"].to_numpy()
        return gain

    gain = weights(known)
    times = None if found is None else np.where(gain > 0, weights(found.corrected(known)) / np.fmax(gain, 0.1), 1)
    return replace(table, gain=gain, times=None if times is None else times.astype(np.float32))


@pytest.mark.parametrize("kind", ["trees", "linear"])
def test_with_the_correction_the_order_is_by_what_is_liked_not_by_what_stood_high(kind: str) -> None:
    table, known = shop(0, eta=1.0, n_users=1500)
    found = Examination.of(known, limit=10)
    assert found
    assert abs(found.eta - 1.0) < 3 * found.error
    trees = TreesConfig(trees=60, leaves=8, min_rows=20, learning_rate=0.1, feature_fraction=1.0, l2=1.0)
    config = RankingConfig(kind=kind, trees=trees)  # type: ignore[arg-type]
    new = shop(9, eta=1.0, n_users=500)[0].features
    good, loud = new.values[:, 0].reshape(-1, PLACES), new.values[:, 1].reshape(-1, PLACES)
    heights, slants = [], []
    for correction in (None, found):
        score = Ranker.fit([with_gains(table, known, correction)], config).score(new).reshape(-1, PLACES)
        first = score.argmax(axis=1)[:, None]
        heights.append(np.take_along_axis(good, first, axis=1).mean())
        slants.append(np.take_along_axis(loud, first, axis=1).mean())
    best = good.max(axis=1).mean()
    assert slants[0] > 0.6
    assert abs(slants[1]) < 0.3 * slants[0]
    assert heights[1] > heights[0] + 0.1 * best
    assert heights[1] > 0.85 * best


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    assert Examination.load(tmp_path) is None
    half = Examination(eta=0.5, error=0.1, taken=9, limit=4.0)
    half.save(tmp_path)
    assert Examination.load(tmp_path) == half
    (tmp_path / "examination.json").write_text('{"eta": "steep"}')
    with pytest.raises(ArtifactError, match=r"examination\.json is no examination of places: at .*train the ranker"):
        Examination.load(tmp_path)
