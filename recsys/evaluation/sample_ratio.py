"""Do the arms hold as many users as they ought to? If not, something chose who is seen, and no comparison is fair.

Pearson's chi-square of the users of each arm against their shares (sample-ratio mismatch; Fabijan et al. 2019,
doi:10.1145/3292500.3330722):

    χ² = Σ_a (n_a - n s_a)² ÷ (n s_a),   arms - 1 degrees of freedom

A mismatch is called below p = .001, since the test is made at every read-out. A user counts once, in the arm that came
first: that one chance chose, whatever happened later. Users seen in several arms are told apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import DoubleArray, IntArray

REFUSED = 0.001
"""p-value below which nothing is said about the arms."""

_FEW = 5.0
"""Users to be expected in every arm before χ² follows its law (Cochran 1954)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """Users of each arm beside their shares.

    Attributes:
        arms: names.
        users: seen in each arm first.
        shares: of the users, what each arm ought to have; sums to 1.
        crossed: users seen in more than one arm.
        p_value: None where an arm is too small to tell.
    """

    arms: tuple[str, ...]
    users: tuple[int, ...]
    shares: tuple[float, ...]
    crossed: int
    p_value: float | None

    @classmethod
    def of(cls, user_idx: IntArray, arm_idx: IntArray, shares: Mapping[str, float]) -> "SampleRatio":
        """From the log.

        Args:
            user_idx: int32 (n,), a code >= 0 for each request, requests in order of time.
            arm_idx: int32 (n,), place of its arm in `shares`.
            shares: arm → weight > 0, in any unit.

        Raises:
            ShapeError: other lengths, an arm that has no share, or a share of nothing.
        """
        names, weights = tuple(shares), np.array(list(shares.values()), np.float64)
        _check(user_idx, arm_idx, names, weights)
        first = np.full(int(user_idx.max()) + 1, -1, np.int32)
        first[user_idx[::-1]] = arm_idx[::-1]  # of a user's requests the earliest is written last
        moved = np.bincount(user_idx[arm_idx != first[user_idx]], minlength=1)
        counts = np.bincount(first[first >= 0], minlength=len(names))
        wanted = weights / weights.sum()
        return cls(
            arms=names,
            users=tuple(counts.tolist()),
            shares=tuple(wanted.tolist()),
            crossed=int(np.count_nonzero(moved)),
            p_value=p_value(counts.astype(np.float64), wanted),
        )

    @property
    def mismatched(self) -> bool:
        """Whether the arms are not what was drawn."""
        return self.p_value is not None and self.p_value < REFUSED

    @property
    def sentence(self) -> str:
        """The numbers, for people."""
        n = sum(self.users)
        found = ", ".join(
            f"{users:,} in {arm} for {n * share:,.0f}"
            for arm, users, share in zip(self.arms, self.users, self.shares, strict=True)
        )
        told = "too few to test" if self.p_value is None else f"p = {self.p_value:.2g}"
        crossed = f"; {self.crossed:,} of them seen in several arms" if self.crossed else ""
        return f"Of {n:,} users {found} by the shares ({told}){crossed}."


def p_value(counts: DoubleArray, shares: DoubleArray) -> float | None:
    """Of the users of each arm, given shares that sum to 1; None with one arm, or one too small to tell."""
    from scipy.stats import chisquare  # here, so that whoever only reads the result stays light

    expected = counts.sum() * shares
    if len(counts) < 2 or expected.min() < _FEW:
        return None
    return float(chisquare(counts, expected).pvalue)


def _check(user_idx: IntArray, arm_idx: IntArray, names: tuple[str, ...], weights: DoubleArray) -> None:
    if not len(user_idx) or len(user_idx) != len(arm_idx):
        raise ShapeError(f"Expected an arm for each of at least one request, got {len(arm_idx)} for {len(user_idx)}.")
    if not len(weights) or not (weights > 0).all():
        raise ShapeError(
            f"Expected a share above 0 for every arm, got {dict(zip(names, weights.tolist(), strict=True))}."
        )
    low, high = int(arm_idx.min()), int(arm_idx.max())
    if low < 0 or high >= len(names):
        raise ShapeError(
            f"Expected arms 0 to {len(names) - 1} for {', '.join(names)}, got {low} to {high}; leave out requests "
            "outside the experiment, or state the share of every arm in it."
        )
