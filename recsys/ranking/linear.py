"""A weighted sum of the features: the ranker for little data."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError
from recsys.ranking.config import LinearConfig
from recsys.ranking.queries import Queries
from recsys.schema import DoubleArray, FloatArray, LongArray

FILE = "linear.json"

FAR = 5.0
"""Standardised values are cut at so many standard deviations: a count of thousands is one sign, not thousands."""

_STEPS, _BLOCK = 500, 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """score = Σ_f weight_f · z_f, with z the standardised value, and missing_f in its place where there is none.

    Attributes:
        names: of the F features, in order.
        mean, scale: of each feature where it is there; z = (value - mean) / scale, cut at ±FAR.
        weight: what one standard deviation adds.
        missing: what a missing value adds.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    missing: tuple[float, ...]

    def __post_init__(self) -> None:
        rows = (self.mean, self.scale, self.weight, self.missing)
        inside = all(len(row) == len(self.names) and np.isfinite(row).all() for row in rows)
        if not inside or not all(scale > 0 for scale in self.scale):
            raise ArtifactError(
                f"Linear: expected finite numbers for each of {len(self.names)} features, scales above 0, got others; "
                "train the ranker again."
            )

    @property
    def size(self) -> str:
        """How many weights there are, in words."""
        return f"{len(self.names)} weights"

    def predict(self, values: FloatArray) -> FloatArray:
        """float32 (m,), higher is better; a row's result does not depend on the other rows."""
        # a running sum adds up a row alike whatever the rows beside it; BLAS does not
        return np.cumsum(self.contributions(values), axis=1)[:, -1].astype(np.float32)

    def contributions(self, values: FloatArray) -> DoubleArray:
        """float64 (m, F + 1): weight times value of each feature, and the base value, 0; a row adds up to its score."""
        z = _standardised(values, np.array(self.mean), np.array(self.scale))
        added = np.where(np.isfinite(values), z * np.array(self.weight), np.array(self.missing))
        return np.concatenate([added, np.zeros((len(values), 1))], axis=1)

    def importance(self) -> dict[str, float]:
        """Size of the weight of a standard deviation, or of what a missing value adds, whichever is larger."""
        sizes = np.maximum(np.abs(self.weight), np.abs(self.missing))
        return dict(zip(self.names, sizes.tolist(), strict=True))

    def save(self, directory: Path) -> None:
        """Write linear.json."""
        write_json(directory / FILE, asdict(self))

    @classmethod
    def load(cls, directory: Path) -> "Linear":
        """Read what `save` wrote.

        Raises:
            ArtifactError: no file, or not a linear ranker.
        """
        body = read_json(directory / FILE)
        try:
            rows = {f.name: tuple(map(float, body[f.name])) for f in fields(cls) if f.name != "names"}
            return cls(names=tuple(map(str, body["names"])), **rows)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{directory / FILE} is not a linear ranker ({error}); train it again.") from error


def fit(train: Queries, *, config: LinearConfig) -> Linear:
    """Multinomial logistic regression over each user's rows, with an L2 penalty, by L-BFGS.

    Loss: Σ_users Σ_i gain_i · -log softmax(score)_i + l2 / 2 · (‖weight‖² + ‖missing‖²), the likelihood of what was
    taken when each take is a choice among the user's rows (McFadden 1974; ListNet's top-one loss, Cao et al. 2007).
    A feature that is the same in all rows of a user, as those of the user alone are, has no say in it. Convex, started
    at 0: the same rows give the same weights.
    """
    design, mean, scale, gaps = _design(train.values)
    starts = np.concatenate([[0], np.cumsum(train.sizes)[:-1]])
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(design), _BLOCK)]

    def loss(beta: DoubleArray) -> tuple[float, DoubleArray]:
        score = np.concatenate([design[rows].astype(np.float64) @ beta for rows in blocks])
        value, slope = _choice_loss(score, train, starts)
        gradient = config.l2 * beta
        for rows in blocks:
            gradient += slope[rows] @ design[rows].astype(np.float64)
        return value + config.l2 / 2 * float(beta @ beta), gradient

    found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    weight, missing = found[: len(train.names)], np.zeros(len(train.names))
    missing[gaps] = found[len(train.names) :]
    parts = {"mean": mean, "scale": scale, "weight": weight, "missing": missing}
    return Linear(names=train.names, **{name: tuple(row.tolist()) for name, row in parts.items()})


def _design(values: FloatArray) -> tuple[FloatArray, DoubleArray, DoubleArray, LongArray]:
    """Standardised values and then flags of missing ones, float32 (m, F + G); mean, scale (F,); the G columns flagged.

    Column by column: the rows of a large shop are not to be held in double precision.
    """
    n_rows, n_columns = values.shape
    gaps = np.flatnonzero([not np.isfinite(column).all() for column in values.T])
    design = np.empty((n_rows, n_columns + len(gaps)), np.float32)
    mean, scale = np.zeros(n_columns), np.ones(n_columns)
    for place, column in enumerate(values.T):
        there = column[np.isfinite(column)].astype(np.float64)
        if len(there):
            mean[place], scale[place] = there.mean(), there.std() or 1.0
        design[:, place] = _standardised(column, mean[place], scale[place])
    for place, column in enumerate(gaps):
        design[:, n_columns + place] = ~np.isfinite(values[:, column])
    return design, mean, scale, gaps


def _choice_loss(score: DoubleArray, train: Queries, starts: LongArray) -> tuple[float, DoubleArray]:
    """Σ gain · -log softmax, and its derivative by each score, float64 (m,)."""
    score = score - np.repeat(np.maximum.reduceat(score, starts), train.sizes)
    odds = np.exp(score)
    total = np.add.reduceat(odds, starts)
    gain = train.gain
    taken = np.add.reduceat(gain, starts)
    value = float(taken @ np.log(total) - gain @ score)
    return value, odds * np.repeat(taken / total, train.sizes) - gain


def _standardised(values: FloatArray, mean: DoubleArray | float, scale: DoubleArray | float) -> DoubleArray:
    """float64 of the values' shape, 0 where there is no finite one."""
    there = np.isfinite(values)
    return np.clip((np.where(there, values, mean) - mean) / scale, -FAR, FAR)
