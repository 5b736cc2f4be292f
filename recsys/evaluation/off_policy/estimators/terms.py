"""What one estimator makes of each request: all that intervals need."""

from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An estimate as a ratio of sums over requests; whoever draws users again recomputes the whole ratio.

    Attributes:
        value: float64 (n,), the numerator.
        weight: float64 (n,), the denominator; all 1 where the estimator is a plain mean.

    Raises:
        ShapeError: not one weight for each value.
    """

    value: DoubleArray
    weight: DoubleArray

    def __post_init__(self) -> None:
        if self.value.ndim != 1 or self.value.shape != self.weight.shape:
            raise ShapeError(
                f"Terms: expected one value and one weight for each request, got shapes {self.value.shape} and "
                f"{self.weight.shape}; make both from one Slates."
            )

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def mean(cls, value: DoubleArray) -> "Terms":
        """Of an estimator that is a plain mean over requests."""
        return cls(value=value, weight=np.ones(len(value)))

    @property
    def estimate(self) -> float:
        """The expected sum of rewards of one request; NaN where the weights sum to 0: nothing in the log speaks of it.

        >>> Terms(value=np.array([3.0, 0.0]), weight=np.array([2.0, 1.0])).estimate
        1.0
        """
        weight = float(self.weight.sum())
        return float(self.value.sum()) / weight if weight else float("nan")
