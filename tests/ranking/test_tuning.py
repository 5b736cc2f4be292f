"""The search: seeded, bounded, judged at the last instant only, and silent."""

import importlib.util
import socket
import time
from pathlib import Path

import pytest

from recsys.errors import TrainingError
from recsys.ranking import trees
from recsys.ranking.config import RankingConfig, TreesConfig, TuningConfig
from recsys.ranking.lessons import Lessons
from recsys.ranking.ranker import Ranker
from recsys.ranking.trials import Trials
from recsys.ranking.tuning import tuned
from tests.ranking.small_tables import TREES, table

pytestmark = pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="optuna is not installed")

POOR = TREES.model_copy(update={"trees": 3, "leaves": 2, "learning_rate": 0.005, "feature_fraction": 0.2})
TABLES = [table(0), table(1), table(2)]


def search(trials: int, *, given: TreesConfig = POOR, seed: int = 0, **more: object) -> Trials:
    config = RankingConfig(trees=given, tuning=TuningConfig(trials=trials, smoothing=3, **more))  # type: ignore[arg-type]
    return tuned(TABLES, config, seed=seed, threads=1)


@pytest.fixture(scope="module")
def found() -> Trials:
    return search(14)


def test_the_given_settings_are_tried_first_and_beaten(found: Trials) -> None:
    assert len(found.tried) == 14
    assert found.tried[0].trees == POOR
    assert found.best.ndcg == max(trial.ndcg for trial in found.tried) > found.tried[0].ndcg


def test_the_same_seed_finds_the_same(found: Trials) -> None:
    assert search(14) == found
    assert search(4, seed=1).tried[1:] != found.tried[1:4]


def test_the_last_instant_judges_and_does_not_teach(found: Trials) -> None:
    best = found.best
    lessons = Lessons.of(TABLES, others=best.trees.others, seed=0, mib=1)
    assert lessons.past is not None
    judged = trees.judge(lessons.past, lessons.exam, config=best.trees, smoothing=3, seed=0, threads=1)
    assert (judged.ndcg, judged.rounds) == (best.ndcg, best.rounds)


def test_settings_stay_within_bounds_and_what_is_not_tuned_stays(found: Trials) -> None:
    for trial in found.tried[1:]:
        t = trial.trees
        assert 4 <= t.leaves <= 63
        assert 0.005 <= t.learning_rate <= 0.1
        assert 10 <= t.min_rows <= 500
        assert 0.1 <= t.l2 <= 100
        assert 0.2 <= t.feature_fraction <= 1
        assert 0.4 <= t.row_fraction <= 1
        assert 5 <= t.truncation <= 50
        assert 20 <= t.others <= 300
        assert (t.trees, t.seeds, t.monotone) == (3, 1, "off")
    assert len({trial.trees.leaves for trial in found.tried}) > 3


def test_the_ranker_is_fitted_with_the_best(found: Trials) -> None:
    assert found.chosen == found.best.trees.model_copy(update={"trees": found.best.rounds})
    config = RankingConfig(trees=found.chosen)
    assert Ranker.fit(TABLES, config).model.size == f"{found.best.rounds} trees"


def test_a_trial_has_one_seed_and_the_settings_all() -> None:
    tried = search(2, given=POOR.model_copy(update={"seeds": 3})).tried
    assert [trial.trees.seeds for trial in tried] == [3, 3]
    assert tried[0].ndcg == search(1).tried[0].ndcg


def test_no_trial_begins_after_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 60))  # a minute passes at each look
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert len(search(14, minutes=2.5).tried) == 3  # begun at 0; looks at 1, 2 and 3 minutes


def test_progress_is_told_trial_by_trial() -> None:
    heard: list[tuple[int, int]] = []
    config = RankingConfig(trees=POOR, tuning=TuningConfig(trials=3))
    tuned(TABLES, config, seed=0, threads=1, progress=lambda done, total, _: heard.append((done, total)))
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_nobody_is_called_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(tmp_path)
    search(3)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_without_answers_at_the_last_instant_there_is_nothing_to_tune_by() -> None:
    config = RankingConfig(trees=POOR, tuning=TuningConfig(trials=2))
    with pytest.raises(
        TrainingError, match=r"at the ranker's last instant and before it to tune.* set ranking\.tuning"
    ):
        tuned([table(0), table(1, gain=False)], config, seed=0, threads=1)
