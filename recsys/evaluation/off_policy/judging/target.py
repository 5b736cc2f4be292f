"""What is known of a judged policy, request by request and row by row of a log."""

from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.estimators.slates import ONE, Marginals
from recsys.schema import BoolArray, DoubleArray, Instant, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Of the n requests and m rows of a `Logged`, in its order.

    Attributes:
        probability: float64 (m,), P(item at this place | items above) under the judged policy; NaN where unknown.
        outside: float64 (n,), how likely it leaves what the list was drawn from; NaN where unknown.
        value: float64 (n,), E_target[Σ_j q_j] of the reward model; NaN where unknown; None without a model.
        marginal: P(item at this place), whatever stands above; NaN in both where unknown; None if nowhere known.
        pseudo: float64 (n,), pseudo-inverse weight of each list; NaN where unknown; None if nowhere known.
        trained_until: end of what the policy was trained on, exclusive; None where unknown.

    Raises:
        ShapeError: arrays that do not fit each other, or that hold no probabilities.
    """

    probability: DoubleArray
    outside: DoubleArray
    value: DoubleArray | None = None
    marginal: Marginals | None = None
    pseudo: DoubleArray | None = None
    trained_until: Instant | None = None

    def __post_init__(self) -> None:
        rows, requests = self.probability.shape, self.outside.shape
        _chances("probability", self.probability, rows)
        _chances("outside", self.outside, requests)
        if self.marginal is not None:
            _chances("marginal.logged", self.marginal.logged, rows)
            _chances("marginal.target", self.marginal.target, rows)
        if self.value is not None:
            _numbers("value", self.value, requests)
        if self.pseudo is not None:
            _numbers("pseudo", self.pseudo, requests)


def whole(values: DoubleArray, indptr: LongArray) -> BoolArray:
    """Bool (n,): requests none of whose rows of float64 (m,) is NaN."""
    missing = np.append(0, np.cumsum(np.isnan(values)))[indptr]
    return np.asarray(np.diff(missing) == 0, np.bool_)


def _chances(name: str, values: DoubleArray, shape: tuple[int, ...]) -> None:
    _shape(name, values, shape)
    bad = (values < 0) | (values > ONE)
    if bad.any():
        raise ShapeError(
            f"Target.{name}: expected probabilities in [0, 1], or NaN where unknown, got {values[bad][0]:g} at "
            f"{int(bad.argmax())}; normalise what the policy gives to its candidates."
        )


def _numbers(name: str, values: DoubleArray, shape: tuple[int, ...]) -> None:
    _shape(name, values, shape)
    bad = np.isinf(values)
    if bad.any():
        raise ShapeError(
            f"Target.{name}: expected finite numbers, or NaN where unknown, got {values[bad][0]} at request "
            f"{int(bad.argmax())}; leave that request unknown."
        )


def _shape(name: str, values: DoubleArray, shape: tuple[int, ...]) -> None:
    if values.shape != shape or values.ndim != 1:
        raise ShapeError(
            f"Target.{name}: expected shape {shape if len(shape) == 1 else '(n,)'}, got {values.shape}; "
            "make all arrays from the same log in the same order."
        )
