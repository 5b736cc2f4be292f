"""A search for the trees' settings that do best at the last instant; the only file that knows optuna."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from recsys.errors import TrainingError
from recsys.ranking import trees
from recsys.ranking.config import RankingConfig, TreesConfig
from recsys.ranking.lessons import Lessons
from recsys.ranking.table import RankerTable
from recsys.ranking.trials import Trial, Trials
from recsys.schema import Progress

if TYPE_CHECKING:
    import optuna


def tuned(
    tables: Sequence[RankerTable],
    config: RankingConfig,
    *,
    seed: int,
    threads: int,
    progress: Progress | None = None,
    without: frozenset[str] = frozenset(),
) -> Trials:
    """Try `config.tuning.trials` settings: the given ones, then those a tree of Parzen estimators proposes.

    Each is learned from all instants but the last and judged there, on all candidates of each user, with one seed. The
    last instant chooses the settings and is then learned from; what it says of the best ones is flattering. The search
    (TPE, Bergstra et al. 2011) is seeded and kept in memory: an interrupted one starts anew and finds the same, but for
    a limit of time.

    Args:
        tables: one per instant, oldest first.
        config: of the ranker; at least one trial.
        seed: of the search, and of the forests.
        threads: CPU threads.
        progress: called after every trial.
        without: features that are not read.

    Raises:
        TrainingError: no labelled row at the last instant, or none before it.
    """
    deadline = math.inf if config.tuning.minutes is None else time.monotonic() + 60 * config.tuning.minutes
    study = _study(seed)
    tried: list[Trial] = []
    while len(tried) < config.tuning.trials and (not tried or time.monotonic() < deadline):
        asked = study.ask() if tried else None
        settings = config.trees if asked is None else _proposed(asked, config.trees)
        lessons = Lessons.of(tables, others=settings.others, seed=seed, mib=config.table_mib, without=without)
        tried.append(_tried(lessons, settings, smoothing=config.tuning.smoothing, seed=seed, threads=threads))
        if asked is not None:
            study.tell(asked, tried[-1].ndcg)
        if progress is not None:
            progress(len(tried), config.tuning.trials, {"best ndcg@10": max(trial.ndcg for trial in tried)})
    return Trials(tried=tuple(tried))


def _study(seed: int) -> "optuna.Study":
    import optuna

    with _quiet():
        return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))


def _proposed(asked: "optuna.Trial", given: TreesConfig) -> TreesConfig:
    """Settings from a bounded space; how many trees there may be at most, and in which directions, stays as given."""
    return given.model_copy(
        update={
            "leaves": asked.suggest_int("leaves", 4, 63, log=True),
            "learning_rate": asked.suggest_float("learning_rate", 0.005, 0.1, log=True),
            "min_rows": asked.suggest_int("min_rows", 10, 500, log=True),
            "l2": asked.suggest_float("l2", 0.1, 100, log=True),
            "feature_fraction": asked.suggest_float("feature_fraction", 0.2, 1.0),
            "row_fraction": asked.suggest_float("row_fraction", 0.4, 1.0),
            "truncation": asked.suggest_int("truncation", 5, 50),
            "others": asked.suggest_int("others", 20, 300, log=True),
        }
    )


def _tried(lessons: Lessons, settings: TreesConfig, *, smoothing: int, seed: int, threads: int) -> Trial:
    past = lessons.before_exam
    if past is None:
        raise TrainingError(
            "Expected users with a positive event among their candidates at the ranker's last instant and before it to "
            "tune the trees by, found none; bring a longer log or set ranking.tuning.trials = 0."
        )
    judged = trees.judge(past, lessons.exam, config=settings, smoothing=smoothing, seed=seed, threads=threads)
    return Trial(trees=settings, rounds=judged.rounds, ndcg=judged.ndcg)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Optuna announces each study on stderr."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
