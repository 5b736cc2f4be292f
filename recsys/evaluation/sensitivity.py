"""How many requests it takes to tell two ways to recommend apart: by lists of both, or by giving each user one of them.

    requests = ((z_{(1 + level) / 2} + z_power) / effect)² · variance

as `power.times_longer` has it, with the variance that one request adds: that of the mean, by users (`clusters`), times
the number of requests. A split needs two means, each of half the requests.
"""

import math
from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.clusters import error, linearised, totals
from recsys.evaluation.power import times_longer
from recsys.schema import DoubleArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """One number for each of n requests.

    Attributes:
        user_idx: int32 (n,), whose.
        reward: float64 (n,), such as clicks, or the outcome of an interleaved list.
    """

    user_idx: IntArray
    reward: DoubleArray

    def __post_init__(self) -> None:
        users = len(np.unique(self.user_idx))
        if self.reward.shape != self.user_idx.shape or users < 2:
            raise ShapeError(
                f"Rewards: expected one for each request of at least two users, got {len(self.reward)} of "
                f"{len(self.user_idx)} requests and {users} users."
            )

    @property
    def mean(self) -> float:
        """Of a request."""
        return float(self.reward.mean())

    @property
    def variance(self) -> float:
        """What one request adds to the variance of the mean, times all requests."""
        per_user = linearised(totals(self.user_idx, self.reward), totals(self.user_idx, np.ones(len(self.reward))))
        return error(per_user) ** 2 * len(self.reward)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What it takes to see an effect.

    Attributes:
        effect: what was seen.
        variance: what one request adds.
        requests: in all, to see it with the power asked for; infinite where there is no effect.
    """

    effect: float
    variance: float
    requests: float


def interleaved(outcome: Rewards, *, power: float = 0.8, level: float = 0.95) -> Sensitivity:
    """Where every list is of both: the mean outcome against 0."""
    return _needed(outcome.mean, outcome.variance, power, level)


def split(first: Rewards, second: Rewards, *, power: float = 0.8, level: float = 0.95) -> Sensitivity:
    """Where half of the users get one and half the other: the difference of the means against 0."""
    return _needed(first.mean - second.mean, 2 * (first.variance + second.variance), power, level)


def _needed(effect: float, variance: float, power: float, level: float) -> Sensitivity:
    requests = times_longer(math.sqrt(variance), effect, level=level, power=power) if effect else math.inf
    return Sensitivity(effect=effect, variance=variance, requests=requests)
