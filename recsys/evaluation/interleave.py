"""Which of two rankings users prefer, by whose items they click in lists made of both (`ranking.interleaving`).

The outcome of a request is 1 where the first ranking's items get more clicks, -1 where the second's do, else 0. Where
only the probability is known that an item came from the first, the outcome is its expectation over all assignments:

    outcome = Σ_a P(a | list) · sign(Σ_j c_j (2 a_j - 1)),   P(a | list) = Π_j p_j^a_j (1 - p_j)^(1 - a_j)

with c_j = 1 where place j was clicked, a_j = 1 where its item came from the first, p_j = P(a_j = 1 | list)
(Radlinski, Kurup & Joachims 2008 for a that is known; Hofmann, Whiteson & de Rijke 2011 for all a). The 2^n terms are
not summed one by one: the number of clicks that are the first's has a Poisson-binomial distribution.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.errors import ShapeError
from recsys.evaluation.compare import Estimate, ratio
from recsys.evaluation.metrics import USER
from recsys.schema import BoolArray, DoubleArray, IntArray, LongArray

_SUM = "sum"
_EVEN = 1e-12
"""Outcomes of a user that sum up to less are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterleavedClicks:
    """n requests that were answered by interleaved lists, and what was clicked.

    Attributes:
        user_idx: int32 (n,), whose request; a user's requests are not taken for independent.
        indptr: int64 (n + 1,), request r has places indptr[r]:indptr[r + 1], by position; may be empty.
        first: float64 (m,), in [0, 1]: P(the first ranking contributed the item); NaN where neither did, which is no
            contest and gives no credit.
        clicked: bool (m,).
    """

    user_idx: IntArray
    indptr: LongArray
    first: DoubleArray
    clicked: BoolArray

    def __post_init__(self) -> None:
        n, m = len(self.user_idx), len(self.first)
        fits = len(self.indptr) == n + 1 and int(self.indptr[-1]) == m == len(self.clicked)
        if not fits or (np.diff(self.indptr) < 0).any():
            raise ShapeError(
                f"Interleaved clicks: expected {n + 1} rising offsets of {n} requests, up to the number of places, "
                f"got {len(self.indptr)} for {m} places and {len(self.clicked)} clicks."
            )
        outside = (self.first < 0) | (self.first > 1)
        if outside.any():
            raise ShapeError(
                f"Interleaved clicks: expected probabilities in [0, 1], or NaN for neither, got "
                f"{self.first[outside.argmax()]:g} at place {int(outside.argmax())}."
            )

    def __len__(self) -> int:
        return len(self.user_idx)

    @property
    def credited(self) -> tuple[LongArray, DoubleArray]:
        """The clicks that are somebody's: int64 (c,) of which request, and float64 (c,) how likely the first's."""
        row = np.repeat(np.arange(len(self)), np.diff(self.indptr))
        counts = self.clicked & ~np.isnan(self.first)
        return row[counts], self.first[counts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """What users prefer.

    Attributes:
        outcome: mean over requests, in [-1, 1], above 0 where the first is preferred; users are resampled and the whole
            ratio recomputed. n counts users.
        credit: the first's share of all credited clicks, likewise; None without any.
        wins, losses, ties: users whose outcomes sum up above, below, and to 0.
        p_value: two-sided sign test of wins against losses, exact, ties left out; 1 where all tie.
    """

    outcome: Estimate
    credit: Estimate | None
    wins: int
    losses: int
    ties: int
    p_value: float


def outcomes(clicks: InterleavedClicks) -> DoubleArray:
    """float64 (n,), the expected outcome of each request, in [-1, 1]; 0 without a click."""
    row, first = clicks.credited
    counts = np.bincount(row, minlength=len(clicks))
    found = np.zeros(len(clicks))
    start = np.cumsum(counts) - counts
    for c in np.unique(counts[counts > 0]).tolist():  # requests of equally many clicks together
        of = np.flatnonzero(counts == c)
        chances = _first_counts(first[start[of][:, None] + np.arange(c)])
        found[of] = chances @ np.sign(2 * np.arange(c + 1) - c)
    return found


def _first_counts(first: DoubleArray) -> DoubleArray:
    """float64 (n, c + 1), P(so many of c clicks are the first's), each (n, c) for itself with its probability."""
    n, c = first.shape
    chances = np.zeros((n, c + 1))
    chances[:, 0] = 1
    for j in range(c):
        p = first[:, j, None]
        up = chances[:, : j + 1] * p
        chances[:, : j + 1] *= 1 - p
        chances[:, 1 : j + 2] += up
    return chances


def preference(clicks: InterleavedClicks, *, samples: int = 2000, seed: int = 0) -> Preference:
    """Which ranking is preferred, and how sure that is.

    Raises:
        ShapeError: no request.
    """
    if not len(clicks):
        raise ShapeError("Expected interleaved requests to compare two rankings by, got none; log some.")
    row, first = clicks.credited
    users, code = np.unique(clicks.user_idx, return_inverse=True)
    summed = _summed(users, code, outcomes(clicks))
    outcome = ratio(summed, _summed(users, code, np.ones(len(clicks))), _SUM, samples=samples, seed=seed)
    assert outcome is not None, "every user has a request"
    won, given = _summed(users, code[row], first), _summed(users, code[row], np.ones(len(row)))
    wins, losses = (int((side * summed[_SUM] > _EVEN).sum()) for side in (1, -1))
    return Preference(
        outcome=outcome,
        credit=ratio(won, given, _SUM, samples=samples, seed=seed),
        wins=wins,
        losses=losses,
        ties=len(users) - wins - losses,
        p_value=_sign_test(wins, losses),
    )


def _sign_test(wins: int, losses: int) -> float:
    from scipy.stats import binomtest  # here, so that whoever only reads the result stays light

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def _summed(users: IntArray, code: LongArray, values: DoubleArray) -> pl.DataFrame:
    """One row for each user: the sum of the values that are theirs."""
    return pl.DataFrame({USER: users, _SUM: np.bincount(code, values, minlength=len(users))})
