"""Gradient boosted trees; the only file that knows lightgbm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from recsys.errors import ArtifactError
from recsys.ranking import tree_parameters as parameters
from recsys.ranking.config import TreesConfig
from recsys.ranking.forest import Forest
from recsys.ranking.mean_forest import mean
from recsys.ranking.queries import Queries
from recsys.ranking.selected import BLOCK, Selected
from recsys.schema import DoubleArray, FloatArray, Progress

FILE = "ranker.txt"

_LAST = "last instant"
_METRIC = "ndcg@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """A fitted forest.

    Attributes:
        names: of the features, in order.
        booster: lightgbm's model.
        forest: the same, laid out to be asked faster; None where only lightgbm can be asked.
        threads: CPU threads of lightgbm.
    """

    names: tuple[str, ...]
    booster: lightgbm.Booster
    forest: Forest | None
    threads: int

    @classmethod
    def of(cls, text: str, *, threads: int) -> "Trees":
        """From lightgbm's text form.

        Raises:
            LightGBMError: it is none.
        """
        booster = lightgbm.Booster(model_str=text)
        return cls(names=tuple(booster.feature_name()), booster=booster, forest=Forest.of(text), threads=threads)

    @property
    def count(self) -> int:
        """How many trees there are."""
        return int(self.booster.current_iteration())

    @property
    def size(self) -> str:
        """The same in words."""
        return f"{self.count} trees"

    def first(self, count: int) -> "Trees":
        """A forest of one seed as it was after so many trees."""
        return Trees.of(self.booster.model_to_string(num_iteration=count), threads=self.threads)

    def predict(self, values: FloatArray) -> FloatArray:
        """float32 (m,), higher is better; a row's result does not depend on the other rows."""
        if not len(values):
            return np.zeros(0, np.float32)
        if self.forest is not None:
            return self.forest.predict(values).astype(np.float32)
        return np.asarray(self.booster.predict(values, num_threads=self.threads), np.float32)

    def contributions(self, values: FloatArray) -> DoubleArray:
        """float64 (m, F + 1): Shapley values (TreeSHAP) and the base value last; a row adds up to its score."""
        if not len(values):
            return np.zeros((0, len(self.names) + 1))
        return np.asarray(self.booster.predict(values, pred_contrib=True, num_threads=self.threads), np.float64)

    def importance(self) -> dict[str, float]:
        """Total gain by feature."""
        gains = self.booster.feature_importance(importance_type="gain")
        return dict(zip(self.names, map(float, gains), strict=True))

    def save(self, directory: Path) -> None:
        """Write LightGBM's text form."""
        (directory / FILE).write_text(self.booster.model_to_string())

    @classmethod
    def load(cls, directory: Path, *, threads: int) -> "Trees":
        """Read a verified file; LightGBM trusts what it reads.

        Raises:
            ArtifactError: not a LightGBM model.
        """
        path = directory / FILE
        try:
            return cls.of(path.read_text(), threads=threads)
        except (OSError, lightgbm.basic.LightGBMError) as error:
            raise ArtifactError(f"Expected a LightGBM model at {path}, could not read it ({error}).") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What rows that a forest has not learned from say of it.

    Attributes:
        rounds: how many of its trees are best there.
        ndcg: nDCG@10 of the rows there, averaged as `best_round` does.
    """

    rounds: int
    ndcg: float


def fit(train: Queries, *, config: TreesConfig, seed: int, threads: int, progress: Progress | None) -> Trees:
    """Boost `config.seeds` forests of `config.trees` trees with lambdarank (Burges 2010); their mean is the score."""
    data = _dataset(train, None, seed)
    grown = [_grown(data, None, config, seed + n, threads, _from(progress, n, config)) for n in range(config.seeds)]
    return Trees.of(mean([booster.model_to_string() for booster, _ in grown]), threads=threads)  # as it will be loaded


def regress(
    values: FloatArray, label: DoubleArray, weight: DoubleArray, *, names: Sequence[str], seed: int, threads: int
) -> Trees:
    """Fit least squares: a forest of its own, small settings, that says how much each row is worth.

    Args:
        values: float32 (m, F), NaN where missing.
        label: float64 (m,).
        weight: float64 (m,), ≥ 0, of each row's squared error.
        names: of the F columns.
        seed: of the rows and columns that a tree sees.
        threads: CPU threads.
    """
    data = lightgbm.Dataset(
        values, label, weight=weight, feature_name=list(names), params={"max_bin": 255, "verbosity": -1}
    )
    told = {**parameters.REGRESSION, "seed": seed, "num_threads": threads}
    return Trees.of(lightgbm.train(told, data, parameters.REGRESSION_TREES).model_to_string(), threads=threads)


def judge(train: Queries, exam: Queries, *, config: TreesConfig, smoothing: int, seed: int, threads: int) -> Judged:
    """Grow one forest, and find the exam's best nDCG@10 (`best_round`) among its first so many trees."""
    data = _dataset(train, None, seed)
    _, curve = _grown(data, _dataset(exam, data, seed), config, seed, threads, None)
    return Judged(rounds=best_round(curve, smoothing), ndcg=float(_running(curve, smoothing).max()))


def best_round(curve: Sequence[float], smoothing: int) -> int:
    """How many rounds to keep: the highest of the running means over `smoothing` rounds, the first of equal ones.

    >>> best_round([0.1, 0.7, 0.1, 0.4, 0.5, 0.4], 3)  # the lone 0.7 was luck
    5
    >>> best_round([0.1, 0.2, 0.3], 1)
    3
    """
    return int(np.argmax(_running(curve, smoothing))) + (min(smoothing, len(curve)) + 1) // 2


def _running(curve: Sequence[float], smoothing: int) -> DoubleArray:
    width = min(smoothing, len(curve))
    return np.convolve(curve, np.ones(width) / width, mode="valid")


def _grown(
    data: lightgbm.Dataset,
    valid: lightgbm.Dataset | None,
    config: TreesConfig,
    seed: int,
    threads: int,
    progress: Progress | None,
) -> tuple[lightgbm.Booster, list[float]]:
    """A forest, and its nDCG on `valid` after each tree."""
    curve: dict[str, dict[str, list[float]]] = {}
    callbacks = [] if progress is None else [_report(progress, config.trees)]
    booster = lightgbm.train(
        parameters.lambdarank(config, data.feature_name, seed=seed, threads=threads),
        data,
        config.trees,
        valid_sets=[] if valid is None else [valid],
        valid_names=None if valid is None else [_LAST],
        callbacks=[*callbacks, lightgbm.record_evaluation(curve)],
    )
    return booster, [] if valid is None else curve[_LAST][_METRIC]


class _Rows(lightgbm.Sequence):
    """Rows that lightgbm asks for a few at a time and keeps as bins, a byte a value; it wants a subclass of its own."""

    batch_size = BLOCK

    def __init__(self, rows: Selected) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int | slice | list[int]) -> FloatArray | DoubleArray:
        if isinstance(index, slice):
            return self._rows.read(index.start, index.stop)
        assert not isinstance(index, list)
        row: DoubleArray = self._rows.read(index, index + 1)[0].astype(np.float64)  # of these it makes the bins
        return row


def _dataset(queries: Queries, reference: lightgbm.Dataset | None, seed: int) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        [_Rows(part) for part in queries.parts],
        queries.label,
        group=queries.sizes,
        weight=None if (queries.weight == 1).all() else np.repeat(queries.weight, queries.sizes),
        feature_name=list(queries.names),
        reference=reference,
        params={"max_bin": 255, "verbosity": -1, "data_random_seed": parameters.bins_seed(seed)},
    )


def _from(progress: Progress | None, seeds_done: int, config: TreesConfig) -> Progress | None:
    """Progress over the forests of all seeds, told by that of one."""
    if progress is None:
        return None
    before, total = seeds_done * config.trees, config.seeds * config.trees
    return lambda done, _, metrics: progress(before + done, total, metrics)


def _report(progress: Progress, rounds: int) -> Callable[[lightgbm.callback.CallbackEnv], None]:
    def report(env: lightgbm.callback.CallbackEnv) -> None:
        progress(env.iteration + 1, rounds, {str(r[1]): float(r[2]) for r in env.evaluation_result_list or []})

    return report
