import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsys.data.interactions import COLUMNS, Histories, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError
from recsys.retrieval.collaborative import NAMES, Behaviour
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.taken import weighted
from recsys.schema import DAY, EVENT_CODES

N_ITEMS = 12
CONFIG = BehaviourConfig(als_factors=4, ease_l2=1.0)


def checkerboard(n_users: int = 40, seed: int = 0) -> Interactions:
    """Even users take even items, odd users odd ones: 4 each, one a day."""
    rng = np.random.default_rng(seed)
    items = [2 * rng.permutation(N_ITEMS // 2)[:4] + user % 2 for user in range(n_users)]
    rows = [
        (u, int(i), 8, (10 + day) * DAY + u, None, 1.0, None, None)
        for u in range(n_users)
        for day, i in enumerate(items[u])
    ]
    events = pl.DataFrame(rows, schema=COLUMNS, orient="row").sort("at", "user_idx", "item_idx", "event", "value")
    users = Vocabulary.of([f"{u:02d}" for u in range(n_users)])
    return Interactions(events=events, users=users, n_items=N_ITEMS)


def fit(interactions: Interactions, as_of: int | None = None, config: BehaviourConfig = CONFIG) -> Behaviour:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Behaviour.fit(interactions, as_of=as_of or interactions.end, config=config)


@pytest.fixture(scope="module")
def log() -> Interactions:
    return checkerboard()


@pytest.fixture(scope="module")
def behaviour(log: Interactions) -> Behaviour:
    return fit(log)


def everybody(log: Interactions) -> Histories:
    return log.histories(log.user_indices(), as_of=log.end)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("popular", "disliked")])
def test_every_model_stays_within_the_taste(name: str, behaviour: Behaviour, log: Interactions) -> None:
    histories = everybody(log)
    scores = behaviour.scores(histories, as_of=log.end)[name].copy()
    scores[histories.rows, histories.item_idx] = -np.inf
    assert (scores.argmax(axis=1) % 2 == np.arange(len(histories)) % 2).all()


def test_a_user_scores_alike_alone_and_among_many(behaviour: Behaviour, log: Interactions) -> None:
    histories = everybody(log)
    together = behaviour.scores(histories, as_of=log.end)
    for row in (0, 7, 39):
        alone = behaviour.scores(histories.take([row]), as_of=log.end)
        assert {n: alone[n].tobytes() for n in NAMES} == {n: together[n][row].tobytes() for n in NAMES}


def test_scoring_leaves_the_histories_as_they_are(behaviour: Behaviour, log: Interactions) -> None:
    histories = Histories.concat([everybody(log), everybody(log)])
    doubled = Histories.concat([histories.take([0, 0])])
    before = (histories.indptr.tolist(), histories.item_idx.tolist())
    behaviour.scores(histories, as_of=log.end)
    behaviour.scores(doubled, as_of=log.end)
    assert (histories.indptr.tolist(), histories.item_idx.tolist()) == before


def test_what_comes_later_changes_nothing(log: Interactions) -> None:
    as_of = 12 * DAY
    late = pl.col("at") >= as_of
    other = log.events.with_columns(item_idx=pl.when(late).then(0).otherwise("item_idx").cast(pl.Int32))
    altered = Interactions(events=other, users=log.users, n_items=N_ITEMS)
    histories = log.histories(log.user_indices(), as_of=as_of)
    expected, got = (fit(i, as_of).scores(histories, as_of=as_of) for i in (log, altered))
    assert {n: expected[n].tobytes() for n in NAMES} == {n: got[n].tobytes() for n in NAMES}


def test_a_user_without_history_gets_popularity_only(behaviour: Behaviour, log: Interactions) -> None:
    scores = behaviour.scores(Histories.empty(2), as_of=log.end)
    assert {n: bool(scores[n].any()) for n in NAMES} == {n: n == "popular" for n in NAMES}


def test_popularity_is_decayed_and_outlives_the_log(behaviour: Behaviour, log: Interactions) -> None:
    single = log.events.filter(pl.col("item_idx") == 3)["at"].to_numpy()
    expected = sum(0.5 ** ((log.end - at) / DAY / CONFIG.popularity_half_life) for at in single)
    for later in (log.end, log.end + 20_000 * DAY):
        popular = behaviour.scores(Histories.empty(1), as_of=later)["popular"][0]
        assert popular[3] == pytest.approx(np.log1p(expected), rel=1e-5)


def test_a_log_without_positives_knows_nothing(log: Interactions) -> None:
    nothing = fit(log, int(log.events["at"].min()))  # type: ignore[arg-type]
    scores = nothing.scores(everybody(log), as_of=log.end)
    assert not any(scores[name].any() for name in NAMES)


def test_fresh_models_forget(log: Interactions) -> None:
    """A pair taken together long ago counts as often as half-lives have passed less."""
    late = log.end + int(CONFIG.fresh_half_life * DAY)
    known, later = fit(log), fit(log, late)
    assert (later.together.matrix != known.together.matrix).nnz == 0
    assert 0 < later.together_fresh.matrix.sum() < known.together_fresh.matrix.sum()
    assert np.abs(later.ease_fresh.weights).sum() < np.abs(known.ease_fresh.weights).sum()


def test_als_folds_a_user_in_by_least_squares(behaviour: Behaviour, log: Interactions) -> None:
    histories = everybody(log).take([4])
    y, confidence = behaviour.als.astype(np.float64), np.ones(N_ITEMS)
    confidence[histories.item_idx] = CONFIG.als_alpha
    wanted = confidence * (confidence > 1)
    gram = (y * confidence[:, None]).T @ y + CONFIG.als_regularization * np.eye(4)
    expected = y @ np.linalg.solve(gram, y.T @ wanted)
    assert behaviour.scores(histories, as_of=log.end)["als"][0] == pytest.approx(expected, abs=1e-4)


def test_als_covers_the_most_taken_items_of_a_large_catalogue(log: Interactions) -> None:
    few = CONFIG.model_copy(update={"als_max_items": 5})
    behaviour, histories = fit(log, config=few), everybody(log)
    takers = np.bincount(log.events["item_idx"].to_numpy(), minlength=N_ITEMS)
    covered = np.sort(np.argsort(-takers, kind="stable")[:5])
    assert np.flatnonzero(behaviour.als.any(axis=1)).tolist() == covered.tolist()
    scores = behaviour.scores(histories, as_of=log.end)["als"]
    assert not np.delete(scores, covered, axis=1).any()
    dense = np.zeros_like(scores)
    replace(behaviour, config=CONFIG, covered=None)._by_als(behaviour.read(histories, as_of=log.end).taken, dense)
    assert scores.tobytes() == dense.tobytes()  # the same factors, all rows looked at


def test_up_to_the_limit_als_is_what_it_was(behaviour: Behaviour, log: Interactions) -> None:
    at_limit = fit(log, config=CONFIG.model_copy(update={"als_max_items": N_ITEMS}))
    assert at_limit.covered is None
    assert at_limit.als.tobytes() == behaviour.als.tobytes()


def test_weights_of_equal_items_add_up() -> None:
    histories = Histories.concat([everybody(checkerboard(1)).take([0])] * 1)
    twice = histories.take([0])
    matrix = weighted(twice, np.arange(1.0, 1 + len(twice.item_idx)), N_ITEMS).toarray()
    assert matrix.sum() == sum(range(1, 1 + len(twice.item_idx)))


def test_what_is_like_the_disliked_is_known(behaviour: Behaviour, log: Interactions) -> None:
    histories = everybody(log).take([0])
    disliked = Histories(
        **{name: getattr(histories, name) for name in ("indptr", "item_idx", "at", "value")},
        event=np.full(len(histories.item_idx), EVENT_CODES["dislike"], np.uint8),
        weight=np.zeros(len(histories.item_idx), np.float32),
    )
    scores = behaviour.scores(disliked, as_of=log.end)
    assert scores["disliked"].argmax() % 2 == 0
    assert not scores["cosine"].any()


def test_a_loaded_behaviour_scores_the_same_and_maps_ease(
    behaviour: Behaviour, log: Interactions, tmp_path: Path
) -> None:
    behaviour.save(tmp_path)
    loaded = Behaviour.load(tmp_path)
    expected, got = (b.scores(everybody(log), as_of=log.end) for b in (behaviour, loaded))
    assert {n: expected[n].tobytes() for n in NAMES} == {n: got[n].tobytes() for n in NAMES}
    assert isinstance(loaded.ease.weights, np.memmap)
    assert not list(tmp_path.glob("*.npz"))


def test_matrices_that_do_not_fit_are_refused(behaviour: Behaviour, tmp_path: Path) -> None:
    behaviour.save(tmp_path)
    np.save(tmp_path / "als.npy", np.zeros((3, 4), np.float32))
    with pytest.raises(ArtifactError, match="Expected ALS factors of 12 items"):
        Behaviour.load(tmp_path)


def test_equal_fits_are_equal_to_the_byte(log: Interactions, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fit(log).save(tmp_path / name)
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert files == sorted(p.name for p in (tmp_path / "b").iterdir())
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
