"""The mean of an arm, and two of them beside each other.

Users of different arms are independent, so with errors e by users (`clusters.linearised`)

    b - a ± t √(e_a² + e_b²),    t of Welch's degrees of freedom (1947, doi:10.1093/biomet/34.1-2.28)

and b ÷ a - 1 lies between the roots θ of (b - θ a)² = t² (e_b² + θ² e_a²) (Fieller 1954): those ratios that a test of
b = θ a does not reject, so it leaves out 0 exactly when the interval of the difference does. Where a itself may be 0
it has no end, and none is given.
"""

from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np

from recsys.evaluation.clusters import error, linearised
from recsys.evaluation.compare import Estimate
from recsys.schema import DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean, or a ratio of sums, over users.

    Attributes:
        value: of it.
        error: its standard error, infinite for fewer than two users.
        users: how many there are.
    """

    value: float
    error: float
    users: int

    @classmethod
    def of(cls, value: DoubleArray, weight: DoubleArray) -> "Mean":
        """Σ value ÷ Σ weight of totals by user, float64 (users,) each.

        Raises:
            ShapeError: other lengths, or weights that sum to nothing.
        """
        each = linearised(value, weight)
        return cls(value=float(value.sum() / weight.sum()), error=error(each), users=len(each))

    @classmethod
    def by_user(cls, value: DoubleArray) -> "Mean":
        """Of one number a user, float64 (users,), of at least one."""
        return cls.of(value, np.ones(len(value)))

    def interval(self, level: float) -> Estimate:
        """Student's; without bounds for one user, or where all are alike."""
        if not self.error > 0 or not isfinite(self.error):
            return Estimate(mean=self.value, low=None, high=None, n=self.users)
        half = quantile(level, self.users - 1) * self.error
        return Estimate(mean=self.value, low=self.value - half, high=self.value + half, n=self.users)


def difference(b: Mean, a: Mean, level: float) -> Estimate:
    """Of b less a; without bounds where one has one user, or all are alike in both."""
    mean, n, spread = b.value - a.value, a.users + b.users, sqrt(a.error**2 + b.error**2)
    if not spread > 0 or not isfinite(spread):
        return Estimate(mean=mean, low=None, high=None, n=n)
    half = quantile(level, freedom(b, a)) * spread
    return Estimate(mean=mean, low=mean - half, high=mean + half, n=n)


def relative(b: Mean, a: Mean, level: float) -> Estimate | None:
    """Of b ÷ a - 1, bounded only where a is surely above 0; None where a is not above 0."""
    if not a.value > 0:
        return None
    ratio, n, spread = b.value / a.value, a.users + b.users, sqrt(a.error**2 + b.error**2)
    open_ended = Estimate(mean=ratio - 1, low=None, high=None, n=n)
    if not spread > 0 or not isfinite(spread):
        return open_ended
    t = quantile(level, freedom(b, a))
    g = (t * a.error / a.value) ** 2
    if g >= 1:
        return open_ended
    half = t / a.value * sqrt(max(b.error**2 * (1 - g) + (ratio * a.error) ** 2, 0.0))
    return Estimate(mean=ratio - 1, low=(ratio - half) / (1 - g) - 1, high=(ratio + half) / (1 - g) - 1, n=n)


def p_value(b: Mean, a: Mean) -> float | None:
    """Two-sided, of b = a; None where there is no interval."""
    from scipy import special  # here, so that whoever only reads the result stays light

    spread = sqrt(a.error**2 + b.error**2)
    if not spread > 0 or not isfinite(spread):
        return None
    return float(2 * special.stdtr(freedom(b, a), -abs(b.value - a.value) / spread))


def freedom(b: Mean, a: Mean) -> float:
    """Welch's degrees of freedom of the difference of two that vary."""
    squares = [(mean.error**2, mean.users - 1) for mean in (b, a)]
    return sum(square for square, _ in squares) ** 2 / sum(square**2 / left for square, left in squares)


def quantile(level: float, degrees: float) -> float:
    """How many errors the middle `level` of Student's law reaches to each side."""
    from scipy import special

    return float(special.stdtrit(degrees, (1 + level) / 2))
