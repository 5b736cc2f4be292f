"""Whether a list has the categories in the shares in which its user likes them.

    miscalibration@k   KL(p, q̃) = Σ_g p_g log(p_g ÷ q̃_g),   q̃ = (1 - α) q + α p

with p_g the share of category g in what the user had taken, each event by its weight as a sign of interest; q_g its
share in the list down to rank k, all places alike; α = .01, so that a category the list lacks costs log 100 and not
infinitely much (Steck 2018, doi:10.1145/3240323.3240372). In nats: 0 where the shares are the same, at most log 100 ≈
4.6. Items without a known category are left out of both.
"""

import numpy as np
import polars as pl

from recsys.data.interactions import Histories
from recsys.evaluation.metrics import USER, check_histories
from recsys.schema import DoubleArray, IntArray, LongArray

_ALPHA = 0.01
"""Share of the user's own distribution that every list is lent."""


def miscalibration(
    recommended: IntArray,
    user_idx: IntArray,
    *,
    histories: Histories,
    categories: IntArray,
    lengths: tuple[int, ...],
) -> pl.DataFrame:
    """How far the categories of each list are from its user's.

    Args:
        recommended: int32 (n, k), best first, -1 where a list has nothing.
        user_idx: int32 (n,), whose lists.
        histories: of the same n users; events that are no positives weigh nothing.
        categories: int32 (n_items,), the code of each item's category; -1 where it has none.
        lengths: the k.

    Returns:
        user_idx and one column "miscalibration@k" for each length; null where the list or what the user had taken has
        no known category.

    Raises:
        ShapeError: lists, users and histories of other numbers.
    """
    check_histories(recommended, user_idx, histories)
    n, n_codes = len(user_idx), int(categories.max(initial=-1)) + 1
    cells, p = _liked(histories, categories, n_codes)
    row = cells // max(n_codes, 1)
    code = np.where(recommended >= 0, categories[recommended], -1)
    place = _places(cells, np.where(code >= 0, np.arange(n)[:, None] * n_codes + code, -1))
    columns = {USER: pl.Series(user_idx, dtype=pl.Int32)}
    for k in lengths:
        known = (code[:, :k] >= 0).sum(axis=1)
        shown = place[:, :k]
        with np.errstate(invalid="ignore"):
            q = np.bincount(shown[shown >= 0], minlength=len(cells)) / known[row]
            parts = p * np.log(p / ((1 - _ALPHA) * q + _ALPHA * p))
        # a list without a known category made q, and so the sum, no number
        value = np.where(np.bincount(row, minlength=n) > 0, np.bincount(row, parts, minlength=n), np.nan)
        columns[f"miscalibration@{k}"] = pl.Series(value, dtype=pl.Float64).fill_nan(None)
    return pl.DataFrame(columns)


def _liked(histories: Histories, categories: IntArray, n_codes: int) -> tuple[LongArray, DoubleArray]:
    """The cells row · n_codes + code that a user has taken anything of, ascending, and the share of each."""
    code = categories[histories.item_idx]
    counts = (code >= 0) & (histories.weight > 0)
    rows, weight = histories.rows[counts], histories.weight[counts].astype(np.float64)
    cells, cell = np.unique(rows * n_codes + code[counts], return_inverse=True)
    total = np.bincount(rows, weight, minlength=len(histories))
    return cells, np.bincount(cell, weight, minlength=len(cells)) / total[cells // max(n_codes, 1)]


def _places(cells: LongArray, wanted: LongArray) -> LongArray:
    """Where each wanted cell stands among the cells; -1 where it does not."""
    if len(cells) == 0:
        return np.full(wanted.shape, -1, np.int64)
    place = np.minimum(np.searchsorted(cells, wanted), len(cells) - 1)
    return np.where(cells[place] == wanted, place, -1)
