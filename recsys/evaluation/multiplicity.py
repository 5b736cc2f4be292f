"""Several arms, several chances to be fooled: p-values that account for how many were looked at.

Sorted p_(1) ≤ … ≤ p_(m):

    Holm (1979):                  p̃_(i) = max_{j ≤ i} min(1, (m - j + 1) p_(j))
    Benjamini & Hochberg (1995):  p̃_(i) = min_{j ≥ i} min(1, m p_(j) ÷ j)

Rejecting what is at most α, Holm rejects ANY true null with probability α at most, whatever the p-values have to do
with each other. Of what Benjamini-Hochberg rejects, a share of α at most is true on average, for independent or
positively dependent p-values, such as those of arms against one control (Benjamini & Yekutieli 2001). Decide by the
first, explore by the second.
"""

import numpy as np

from recsys.errors import ShapeError
from recsys.schema import DoubleArray


def holm(p_values: DoubleArray) -> DoubleArray:
    """float64 (m,), adjusted, in the order given.

    Raises:
        ShapeError: one is no number in [0, 1].
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(np.arange(len(p), 0, -1) * p[order]), 1.0)
    return adjusted


def benjamini_hochberg(p_values: DoubleArray) -> DoubleArray:
    """float64 (m,), adjusted, in the order given.

    Raises:
        ShapeError: one is no number in [0, 1].
    """
    from scipy.stats import false_discovery_control  # here, so that whoever only reads the result stays light

    return np.asarray(false_discovery_control(_checked(p_values)), np.float64)


def _checked(p_values: DoubleArray) -> DoubleArray:
    p = np.asarray(p_values, np.float64)
    wrong = p[~((p >= 0) & (p <= 1))]
    if p.ndim != 1 or len(wrong):
        raise ShapeError(
            f"Expected p-values in [0, 1] in a row, got {wrong[:3].tolist() or p.shape}; leave out comparisons without "
            "one."
        )
    return p
