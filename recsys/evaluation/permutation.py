"""A paired test that assumes no normal curve: were the two methods the same, each user's sign would be a coin's.

Sign-flip (Fisher 1935) test of d_u = a_u - b_u over users: the share of the 2^n ways to sign them whose |Σ ± d_u| is at
least the |Σ d_u| that was seen. All ways are gone through for up to 15 users who differ; beyond, B ways are drawn and

    p = (1 + ways as extreme) ÷ (1 + B)

which, unlike the plain share, is never 0 and never too small (Phipson & Smyth 2010, doi:10.2202/1544-6115.1585). The
null hypothesis is that d is as likely as -d for every user; where only the mean is 0 and d is skewed, the test is right
for many users only.
"""

import numpy as np
import numpy.typing as npt

from recsys.errors import ShapeError
from recsys.schema import DoubleArray

EXACT = 15
_BLOCK = 4_000_000
_TIE = 1e-9


def sign_flip(differences: DoubleArray, *, samples: int = 10_000, seed: int = 0) -> DoubleArray:
    """float64 (m,), two-sided p-values, one a metric; 1 where nobody differs.

    Args:
        differences: (n, m), a user each; NaN is a user for whom the metric has no meaning. Metrics meet equal flips.
        samples: ways drawn where there are too many to go through; no p-value is below 1 ÷ (samples + 1).
        seed: of the draws.

    Raises:
        ShapeError: not of two dimensions.
    """
    if differences.ndim != 2:
        raise ShapeError(f"Expected differences as users × metrics, got {differences.ndim} dimensions.")
    filled = np.where(np.isnan(differences), 0.0, differences)
    known = filled[(filled != 0).any(1)]
    n = len(known)
    if n <= EXACT:
        return np.asarray(_extreme(known, _ways(n)) / 2**n, np.float64)
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // n)
    count = np.zeros(known.shape[1])
    for start in range(0, samples, step):
        count += _extreme(known, rng.integers(0, 2, (min(step, samples - start), n), np.int8))
    return np.asarray((1 + count) / (1 + samples), np.float64)


def _ways(n: int) -> npt.NDArray[np.int8]:
    """(2^n, n) of 0 and 1: every way."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.int8)


def _extreme(known: DoubleArray, kept: npt.NDArray[np.int8]) -> DoubleArray:
    """(m,), ways whose sum lies as far from 0 as the sum itself; equals count, whatever rounding makes of them."""
    whole = known.sum(0)
    flipped = 2 * (kept.astype(np.float64) @ known) - whole
    return np.asarray((np.abs(flipped) >= np.abs(whole) - _TIE * np.abs(known).sum(0)).sum(0), np.float64)
