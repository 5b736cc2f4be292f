"""Whether what was clicked scored higher than what was shown and not clicked.

With P clicked and N other impressions, and R the sum of the clicked ones' ranks by ascending score, ties sharing the
mean of theirs:

    auc     (R - P (P + 1) / 2) ÷ (P N): the share of pairs in which the clicked one scores higher, a tie counting one
            half                                                        Mann & Whitney 1947; Hanley & McNeil 1982
    gauc    Σ_u n_u auc_u ÷ Σ_u n_u over the users who have both kinds, n_u their impressions   Zhu et al. 2017; Zhou
            et al. 2018 (DIN)

AUC over all impressions together also rewards knowing who clicks much; the users' own do not.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.errors import ShapeError
from recsys.evaluation.compare import TAILS, Estimate, ratio
from recsys.evaluation.metrics import USER
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray

_AUC = "auc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Impressions:
    """What n times was shown to somebody.

    Attributes:
        user_idx: int32 (n,), to whom.
        score: float32 or float64 (n,), what a model says; finite.
        clicked: bool (n,).
    """

    user_idx: IntArray
    score: FloatArray | DoubleArray
    clicked: BoolArray

    def __post_init__(self) -> None:
        n = len(self.user_idx)
        unscored = int(np.count_nonzero(~np.isfinite(self.score)))
        if self.score.shape != (n,) or self.clicked.shape != (n,) or unscored:
            raise ShapeError(
                f"Impressions: expected a finite score and whether it was clicked for each of {n}, got "
                f"{len(self.score)} scores, {unscored} of them not finite, and {len(self.clicked)} clicks."
            )


def per_user_auc(shown: Impressions) -> pl.DataFrame:
    """user_idx (i32, ascending) and auc (f64) of each user who has clicked some impressions and not others."""
    counted = _counted(shown)
    return counted.select(USER, _AUC)


def gauc(shown: Impressions, *, samples: int = 2000, seed: int = 0) -> Estimate | None:
    """The users' AUC weighed by their impressions, with its interval; None where no user has both kinds."""
    counted = _counted(shown)
    over = counted.select(USER, share=pl.col(_AUC) * pl.col("shown"))
    return ratio(over, counted.select(USER, share=pl.col("shown")), "share", samples=samples, seed=seed)


def auc(shown: Impressions, *, samples: int = 2000, seed: int = 0) -> Estimate | None:
    """The AUC of all impressions together, with the interval by which resampled users move it.

    None where all were clicked, or none was.
    """
    users, code = np.unique(shown.user_idx, return_inverse=True)
    order = np.argsort(shown.score, kind="stable")
    clicked, code = shown.clicked[order], code[order]
    starts = _starts(shown.score[order])
    if clicked.all() or not clicked.any():
        return None
    mean = _weighed(np.ones(len(code)), clicked, starts)
    rng = np.random.default_rng(seed)
    found = np.empty(samples)
    for i in range(samples):
        times = np.bincount(rng.integers(0, len(users), len(users)), minlength=len(users))
        found[i] = _weighed(times[code].astype(np.float64), clicked, starts)
    low, high = np.quantile(found, TAILS)
    told = np.isfinite(found).all() and np.ptp(found) > 0
    return Estimate(mean=mean, low=float(low) if told else None, high=float(high) if told else None, n=len(users))


def _counted(shown: Impressions) -> pl.DataFrame:
    """user_idx, auc and shown, the number of impressions, of users who have both kinds."""
    order = np.lexsort((shown.score, shown.user_idx))
    user, score, clicked = shown.user_idx[order], shown.score[order], shown.clicked[order]
    ties, users = _starts(user, score), _starts(user)
    sizes = np.diff(np.append(users, len(user)))
    row = np.repeat(np.arange(len(users)), sizes)
    spans = np.diff(np.append(ties, len(user)))
    rank = np.repeat(ties + (spans + 1) / 2, spans) - users[row]
    p = np.bincount(row[clicked], minlength=len(users))
    ranks = np.bincount(row[clicked], rank[clicked], minlength=len(users))
    both = (p > 0) & (p < sizes)
    p, n = p[both], sizes[both] - p[both]
    columns = {USER: pl.Series(user[users][both], dtype=pl.Int32), _AUC: (ranks[both] - p * (p + 1) / 2) / (p * n)}
    return pl.DataFrame({**columns, "shown": pl.Series(sizes[both], dtype=pl.Float64)})


def _starts(*sorted_by: IntArray | FloatArray | DoubleArray) -> LongArray:
    """Where in sorted columns another value begins."""
    n = len(sorted_by[0])
    changes = np.zeros(n, np.bool_)
    changes[:1] = True
    for column in sorted_by:
        changes[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changes)


def _weighed(weight: DoubleArray, clicked: BoolArray, starts: LongArray) -> float:
    """The AUC of impressions by ascending score, ties from each start on, counted so many times; NaN without a pair."""
    won, lost = np.add.reduceat(weight * clicked, starts), np.add.reduceat(weight * ~clicked, starts)
    below = np.cumsum(lost) - lost
    pairs = won.sum() * lost.sum()
    return float((won * (below + lost / 2)).sum() / pairs) if pairs else float("nan")
