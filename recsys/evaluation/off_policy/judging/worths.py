"""What a reward model says of the items that lists may hold."""

from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.schema import DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Worths:
    """Of the n requests, m rows and k candidates of a `Logged`: q_j(x, a) = looked_j · worth(x, a).

    Attributes:
        predicted: float64 (m,), q of each logged item at its place.
        each: float64 (k,), worth of each entry of `Logged.candidates`.
        others: float64 (n,), worth of any item that is no such entry.
        looked: float64 (n, places), that places from 1 on are looked at.

    Raises:
        ShapeError: arrays that do not fit each other, or hold anything but numbers.
    """

    predicted: DoubleArray
    each: DoubleArray
    others: DoubleArray
    looked: DoubleArray

    def __post_init__(self) -> None:
        for name, ndim in (("predicted", 1), ("each", 1), ("others", 1), ("looked", 2)):
            values: DoubleArray = getattr(self, name)
            if values.ndim != ndim:
                raise ShapeError(f"Worths.{name}: expected {ndim} dimensions, got shape {values.shape}.")
            if not np.isfinite(values).all():
                raise ShapeError(
                    f"Worths.{name}: expected finite numbers, got {values[~np.isfinite(values)][0]}; fit the model to "
                    "rewards that are numbers."
                )
        if len(self.looked) != len(self.others):
            raise ShapeError(
                f"Worths.looked: expected {len(self.others)} rows, one for each request, got {len(self.looked)}."
            )

    def check(self, logged: Logged) -> None:
        """Refuse worths of another log.

        Raises:
            ShapeError: another number of requests, rows or candidates, or fewer places than the longest list has.
        """
        wanted = (len(logged), len(logged.propensity), len(logged.candidates.item))
        got = (len(self.others), len(self.predicted), len(self.each))
        if got != wanted:
            raise ShapeError(
                f"Worths: expected {wanted[0]} requests, {wanted[1]} rows and {wanted[2]} candidates as the log has, "
                f"got {got[0]}, {got[1]} and {got[2]}; take them from the same log."
            )
        places = int(np.diff(logged.indptr).max(initial=0))
        if self.looked.shape[1] < places:
            raise ShapeError(
                f"Worths.looked: expected at least {places} places, as the longest list has, "
                f"got {self.looked.shape[1]}; repeat the last one."
            )
