"""Gradient boosted trees; the only file that knows lightgbm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from recsys.errors import ArtifactError, TrainingError
from recsys.ranking.config import TreesConfig
from recsys.schema import DoubleArray, FloatArray, IntArray, LongArray, Progress

GRADES = 10
"""Event weights become integer labels in steps of 1 / GRADES."""

_LAST = "last instant"

MAX_GRADE = 30
"""Heavier events count like this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """Rows of several users for training.

    Attributes:
        names: of the F features.
        values: float32 (m, F).
        label: int32 (m,), the grade of what happened, 0 … MAX_GRADE.
        sizes: int64 (n,), rows per user.
    """

    names: tuple[str, ...]
    values: FloatArray
    label: IntArray
    sizes: LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """A fitted forest.

    Attributes:
        names: of the features, in order.
        booster: lightgbm's model.
        threads: CPU threads of a prediction.
    """

    names: tuple[str, ...]
    booster: lightgbm.Booster
    threads: int

    @property
    def rounds(self) -> int:
        """How many trees there are."""
        return int(self.booster.current_iteration())

    def predict(self, values: FloatArray) -> FloatArray:
        """float32 (m,), higher is better; a row's result does not depend on the other rows."""
        if not len(values):
            return np.zeros(0, np.float32)
        return np.asarray(self.booster.predict(values, num_threads=self.threads), np.float32)

    def contributions(self, values: FloatArray) -> DoubleArray:
        """float64 (m, F + 1): Shapley values (TreeSHAP) and the base value last; a row adds up to its score."""
        if not len(values):
            return np.zeros((0, len(self.names) + 1))
        return np.asarray(self.booster.predict(values, pred_contrib=True, num_threads=self.threads), np.float64)

    def gains(self) -> dict[str, float]:
        """Total gain by feature."""
        gains = self.booster.feature_importance(importance_type="gain")
        return dict(zip(self.names, map(float, gains), strict=True))

    def save(self, path: Path) -> None:
        """Write LightGBM's text form."""
        path.write_text(self.booster.model_to_string())

    @classmethod
    def load(cls, path: Path, *, threads: int) -> "Trees":
        """Read a verified file; LightGBM trusts what it reads.

        Raises:
            ArtifactError: not a LightGBM model.
        """
        try:
            booster = lightgbm.Booster(model_str=path.read_text())
        except (OSError, lightgbm.basic.LightGBMError) as error:
            raise ArtifactError(f"Expected a LightGBM model at {path}, could not read it ({error}).") from error
        return cls(names=tuple(booster.feature_name()), booster=booster, threads=threads)


def fit(
    train: Queries, valid: Queries | None, *, config: TreesConfig, seed: int, threads: int, progress: Progress | None
) -> Trees:
    """Boost with lambdarank (Burges 2010); with `valid`, keep only the trees up to its best nDCG@10 (`best_round`).

    Raises:
        TrainingError: no user to learn from.
    """
    if not len(train.sizes):
        raise TrainingError(
            "Expected users with a positive event among their candidates to train the ranker on, found none; bring a "
            "longer log or move split.encoder_end."
        )
    data = _dataset(train, None)
    curve: dict[str, dict[str, list[float]]] = {}
    callbacks = [] if progress is None else [_report(progress, config.trees)]
    booster = lightgbm.train(
        _parameters(config, seed, threads),
        data,
        config.trees,
        valid_sets=[] if valid is None else [_dataset(valid, data)],
        valid_names=None if valid is None else [_LAST],
        callbacks=[*callbacks, lightgbm.record_evaluation(curve)],
    )
    rounds = config.trees if valid is None else best_round(curve[_LAST]["ndcg@10"], config.smoothing)
    text = booster.model_to_string(num_iteration=rounds)  # what `save` writes is what predicts
    return Trees(names=train.names, booster=lightgbm.Booster(model_str=text), threads=threads)


def best_round(curve: Sequence[float], smoothing: int) -> int:
    """How many rounds to keep: the highest of the running means over `smoothing` rounds, the first of equal ones.

    >>> best_round([0.1, 0.7, 0.1, 0.4, 0.5, 0.4], 3)  # the lone 0.7 was luck
    5
    >>> best_round([0.1, 0.2, 0.3], 1)
    3
    """
    width = min(smoothing, len(curve))
    means = np.convolve(curve, np.ones(width) / width, mode="valid")
    return int(np.argmax(means)) + (width + 1) // 2


def _dataset(queries: Queries, reference: lightgbm.Dataset | None) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        queries.values,
        queries.label,
        group=queries.sizes,
        feature_name=list(queries.names),
        reference=reference,
        params={"max_bin": 255, "verbosity": -1},
    )


def _parameters(config: TreesConfig, seed: int, threads: int) -> dict[str, object]:
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [10],
        "label_gain": [grade / GRADES for grade in range(MAX_GRADE + 1)],
        "lambdarank_truncation_level": config.truncation,
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.min_rows,
        "lambda_l2": config.l2,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.row_fraction,
        "bagging_freq": 1,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def _report(progress: Progress, rounds: int) -> Callable[[lightgbm.callback.CallbackEnv], None]:
    def report(env: lightgbm.callback.CallbackEnv) -> None:
        progress(env.iteration + 1, rounds, {str(r[1]): float(r[2]) for r in env.evaluation_result_list or []})

    return report
