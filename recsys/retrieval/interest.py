"""From a history and item vectors to a user vector, and from the dot product with an item to a probability."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from recsys.data.interactions import Histories
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.calibration import Calibration, Platt, from_json, to_json
from recsys.retrieval.kernels import pool
from recsys.schema import DoubleArray, FloatArray, Instant

AGE_STEP = 0.75
"""Distance of the knots of the age bias, in log(1 + hours)."""

AGE_KNOTS = 15
"""Number of knots: the last stands for 36,000 hours, four years, and everything older."""

_TENSORS = ("query", "age_bias", "map")


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestModel:
    """The user tower: learned, recency-weighted pooling of the item vectors of a user's positive history.

    pooled = Σ_j softmax_j(query · v_j + age_bias(age_j) + weight_power · ln weight_j) · v_j
    user = map · pooled / |pooled|

    Every user is computed apart from the others, so that a vector is bit-equal alone or among thousands.

    Attributes:
        query: float32 (d,), what makes an item of the history telling.
        age_bias: float32 (AGE_KNOTS,), added by age, interpolated between knots evenly spaced in log(1 + hours).
        weight_power: how much the event weights (`Histories.weight`) count.
        map: float32 (d, d), from the pooled items' space into the space where items are looked for.
        calibration: from a score, the dot product of user and item, to interest.
        day: µs that count as a day of age.
        history_items: how many of the latest positive events are read.
    """

    query: FloatArray
    age_bias: FloatArray
    weight_power: float
    map: FloatArray
    calibration: Calibration
    day: Instant
    history_items: int

    def __post_init__(self) -> None:
        shapes = (self.query.shape, self.age_bias.shape, self.map.shape)
        expected = ((self.dim,), (AGE_KNOTS,), (self.dim, self.dim))
        if shapes != expected:
            raise ShapeError(f"InterestModel: expected query, age_bias, map of shapes {expected}, got {shapes}.")

    @property
    def dim(self) -> int:
        """Width of item and user vectors."""
        return len(self.query)

    @classmethod
    def zero_shot(cls, dim: int, day: Instant, *, half_life: float = 90.0, history_items: int = 100) -> "InterestModel":
        """Nothing learned: the mean of the history, each item's weight halved every `half_life` days of age."""
        days = np.expm1(np.arange(AGE_KNOTS) * AGE_STEP) / 24
        return cls(
            query=np.zeros(dim, np.float32),
            age_bias=(-np.log(2) * days / half_life).astype(np.float32),
            weight_power=1.0,
            map=np.eye(dim, dtype=np.float32),
            calibration=Platt(slope=8.0, intercept=-4.0),
            day=day,
            history_items=history_items,
        )

    def user_vectors(self, histories: Histories, vectors: FloatArray, *, as_of: Instant) -> FloatArray:
        """The users' vectors as of an instant.

        Args:
            histories: events before `as_of`.
            vectors: float32 (n_items, d), unit rows, the items' vectors.
            as_of: the instant ages are measured at.

        Returns:
            float32 (n, d); a zero row for a user without a positive event. The score of an item is the dot product
            with its vector.

        Raises:
            ShapeError: the vectors are not of this model's width.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ShapeError(f"InterestModel: expected item vectors (n_items, {self.dim}), got {vectors.shape}.")
        pooled, users = np.zeros((2, len(histories), self.dim), np.float32)
        said = self._said(histories, as_of)
        pool(histories.indptr, histories.item_idx, said, self.query, self.history_items, np.asarray(vectors), pooled)
        for row, out in zip(pooled, users, strict=True):
            np.dot(self.map, row, out=out)
        return users

    def _said(self, histories: Histories, as_of: Instant) -> DoubleArray:
        """float64 (m,): what an event's age and weight add to its logit; -inf where it is no positive."""
        hours = np.maximum(as_of - histories.at, 0) * (24 / self.day)
        bias = np.interp(np.log1p(hours) / AGE_STEP, np.arange(AGE_KNOTS), self.age_bias)
        positive = histories.weight > 0
        weight = np.log(np.where(positive, histories.weight, 1).astype(np.float64))
        return np.where(positive, bias + self.weight_power * weight, -np.inf)

    def interest(self, scores: FloatArray) -> FloatArray:
        """Probability in [0, 1] that the user takes the item, elementwise, from dot products of user and item.

        Of pairs of which as many are taken as not: .5 is a pair as typical of one as of the other.
        """
        return self.calibration.probability(scores)

    def with_calibration(self, calibration: Calibration) -> "InterestModel":
        """The same vectors with another calibration of their scores."""
        return replace(self, calibration=calibration)

    def muted(self) -> "InterestModel":
        """The same without a word to say: nobody has a vector."""
        return replace(self, history_items=0)

    def cut(self, dim: int) -> "InterestModel":
        """For the first `dim` numbers of the item vectors, at length 1; the calibration is to be fitted anew.

        Raises:
            ShapeError: wider than the vectors.
        """
        check_width(dim, self.dim)
        return replace(self, query=self.query[:dim].copy(), map=self.map[:dim, :dim].copy())

    def turned(self, turn: FloatArray) -> "InterestModel":
        """For item vectors `turn` @ v, where `turn` (d, d) is orthogonal: users turn alike, scores stay."""
        wide = turn.astype(np.float64)
        query, linear = wide @ self.query, wide @ self.map @ wide.T
        return replace(self, query=query.astype(np.float32), map=linear.astype(np.float32))

    def save(self, directory: Path) -> None:
        """Write interest.safetensors and interest.json into an existing directory."""
        save_file({name: np.ascontiguousarray(getattr(self, name)) for name in _TENSORS}, _tensors(directory))
        settings = {name: getattr(self, name) for name in ("weight_power", "day", "history_items")}
        settings["calibration"] = to_json(self.calibration)
        _settings(directory).write_text(json.dumps(settings, indent=1))

    @classmethod
    def load(cls, directory: Path) -> "InterestModel":
        """Read what `save` wrote.

        Raises:
            ArtifactError: a file is missing or not of the expected form.
        """
        try:
            settings = json.loads(_settings(directory).read_text())
            calibration = from_json(settings.pop("calibration"))
            tensors = load_file(_tensors(directory))
            query, age_bias, linear = (tensors[name] for name in _TENSORS)
            return cls(query=query, age_bias=age_bias, map=linear, calibration=calibration, **settings)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, SafetensorError, ShapeError) as error:
            raise ArtifactError(
                f"Expected an interest model in {directory}, could not read it ({error}); make it again."
            ) from error


def check_width(dim: int, most: int) -> None:
    """Whether vectors of width `most` can be cut to `dim`.

    Raises:
        ShapeError: they cannot.
    """
    if not 1 <= dim <= most:
        raise ShapeError(
            f"Expected vectors to be cut to 1 to {most} numbers, as many as they have, got {dim}; lower it."
        )


def _tensors(directory: Path) -> Path:
    return directory / "interest.safetensors"


def _settings(directory: Path) -> Path:
    return directory / "interest.json"
