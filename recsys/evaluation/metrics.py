"""How good lists are, user by user; and what the lists as a whole do to the catalogue.

With T a user's truth, h_j = 1 where the item at rank j is in T (else 0), and a list looked at down to rank k:

    ndcg@k       Σ_{j≤k} h_j / log2(j + 1)  ÷  Σ_{j≤min(k,|T|)} 1 / log2(j + 1)        Järvelin & Kekäläinen 2002
    recall@k     Σ_{j≤k} h_j ÷ min(k, |T|)          so that a full list of hits has 1, however large T is
    precision@k  Σ_{j≤k} h_j ÷ k                    k also where the list is shorter: an empty place is a miss
    hit@k        1 where any h_j = 1, j ≤ k
    mrr@k        1 ÷ the rank of the first hit, 0 without one                           Voorhees 1999
    map@k        Σ_{j≤k} h_j · precision@j ÷ min(k, |T|)   average precision, capped as recall is (Kaggle's MAP@k)
    novelty@k    mean of log2 1/p_i over the items of the list; p_i the share of users who had taken item i before
                                                    self-information, Zhou et al. 2010 (PNAS 107, 4511)
    distance@k   mean of 1 - cosine over all pairs of items of the list, by the vectors of their texts
                                                    intra-list distance, Ziegler et al. 2005; Zhang & Hurley 2008

ir-measures' nDCG@k, P@k, Success@k and RR@k of binary relevance are these; its R@k and AP@k divide by |T| where recall
and map here divide by min(k, |T|).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.interactions import Histories, Interactions
from recsys.errors import ShapeError
from recsys.evaluation.truth import Truth
from recsys.schema import BoolArray, DoubleArray, FloatArray, Instant, IntArray, LongArray

USER = "user_idx"
"""The column of every per-user frame that is no metric."""

_LISTS = 1024
"""Lists whose vectors are looked at together."""


def per_user(
    recommended: IntArray, truth: Truth, *, lengths: tuple[int, ...], information: DoubleArray | None = None
) -> pl.DataFrame:
    """Every metric at every length, one row per user who took anything.

    Args:
        recommended: int32 (n, k), best first, distinct items, -1 where a list has nothing; shorter than a length counts
            as misses.
        truth: of the same n users.
        lengths: the k of the metrics.
        information: float64 (n_items,) of `self_information`; adds novelty, null for an empty list.

    Returns:
        user_idx (i32) and one f64 column "metric@k" for each; users without truth have no row.

    Raises:
        ShapeError: other users, or an item twice in one list.
    """
    judged = np.flatnonzero(truth.sizes)
    hits = relevance(recommended, truth)[judged]
    sizes = truth.sizes[judged]
    columns = {USER: pl.Series(truth.user_idx[judged], dtype=pl.Int32)}
    for k in lengths:
        scores = _at(hits, sizes, k)
        if information is not None:
            scores["novelty"] = _novelty(recommended[judged, :k], information)
        columns |= {f"{name}@{k}": pl.Series(values, dtype=pl.Float64) for name, values in scores.items()}
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def _at(hits: BoolArray, sizes: LongArray, k: int) -> dict[str, DoubleArray]:
    ranks = np.arange(1, k + 1)
    h = np.zeros((len(hits), k))
    h[:, : hits.shape[1]] = hits[:, :k]
    reachable = np.minimum(sizes, k)
    discount = 1 / np.log2(ranks + 1)
    found = h.sum(1)
    first = np.where(found > 0, h.argmax(1) + 1, np.inf)
    return {
        "ndcg": (h * discount).sum(1) / np.cumsum(discount)[reachable - 1],
        "recall": found / reachable,
        "precision": found / k,
        "hit": (found > 0).astype(np.float64),
        "mrr": 1 / first,
        "map": (h * np.cumsum(h, 1) / ranks).sum(1) / reachable,
    }


def relevance(recommended: IntArray, truth: Truth) -> BoolArray:
    """Whether each recommended item, int32 (n, k), is in the user's truth: bool (n, k).

    Raises:
        ShapeError: other users, or an item twice in one list.
    """
    return taken_at(recommended, truth) >= 0


def taken_at(recommended: IntArray, truth: Truth) -> LongArray:
    """int64 (n, k), where among the truth's entries each recommended item stands; -1 where it is none of the user's.

    Raises:
        ShapeError: other users, or an item twice in one list.
    """
    if recommended.ndim != 2 or len(recommended) != len(truth):
        raise ShapeError(
            f"Expected recommended items of shape ({len(truth)}, k), one row for each user of the truth, got "
            f"{recommended.shape}; recommend for truth.user_idx, in that order."
        )
    ordered = np.sort(recommended, axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(1)
    if twice.any():
        user = int(truth.user_idx[twice.argmax()])
        raise ShapeError(f"Expected distinct items in each list, got one twice for user_idx {user}; recommend it once.")
    rows = np.repeat(np.arange(len(truth)), recommended.shape[1])
    return truth.entries(rows, recommended.ravel()).reshape(recommended.shape)


def padded(indptr: LongArray, item_idx: IntArray, k: int) -> IntArray:
    """Ragged lists, best first, as int32 (n, k): cut at k, -1 where a list is shorter.

    >>> padded(np.array([0, 3, 4]), np.array([7, 5, 6, 2], np.int32), 2).tolist()
    [[7, 5], [2, -1]]
    """
    lengths = np.diff(indptr)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    rank = np.arange(len(item_idx)) - np.repeat(indptr[:-1], lengths)
    out = np.full((len(lengths), k), -1, np.int32)
    out[rows[rank < k], rank[rank < k]] = item_idx[rank < k]
    return out


def candidate_recall(indptr: LongArray, item_idx: IntArray, truth: Truth) -> pl.DataFrame:
    """The share of each user's truth that is among the candidates: the most a ranker could find.

    Args:
        indptr: int64 (n + 1,), the candidates of user row u are item_idx[indptr[u]:indptr[u + 1]], distinct.
        item_idx: int32 (m,).
        truth: of the same n users.

    Returns:
        user_idx and recall (over all of the truth, uncapped), for users who took anything.
    """
    if len(indptr) != len(truth) + 1:
        raise ShapeError(f"Expected candidates of {len(truth)} users, as the truth has, got {len(indptr) - 1}.")
    rows = np.repeat(np.arange(len(truth)), np.diff(indptr))
    found = np.bincount(rows[truth.entries(rows, item_idx) >= 0], minlength=len(truth))
    judged = np.flatnonzero(truth.sizes)
    return pl.DataFrame({USER: truth.user_idx[judged], "recall": found[judged] / truth.sizes[judged]})


def self_information(interactions: Interactions, *, as_of: Instant) -> DoubleArray:
    """float64 (n_items,), log2 1/p of each item in bits; p = (c + 1) / (U + 1).

    c of the U users with a positive event before `as_of` have one on the item; one more user, who takes everything,
    keeps the information of an item nobody took finite.
    """
    taken = interactions.before(as_of).positives().events.select("user_idx", "item_idx").unique()
    counts = np.bincount(taken["item_idx"].to_numpy(), minlength=interactions.n_items)
    return np.asarray(np.log2((taken["user_idx"].n_unique() + 1) / (counts + 1)), np.float64)


def _novelty(recommended: IntArray, information: DoubleArray) -> DoubleArray:
    filled = recommended >= 0
    total = np.where(filled, information[recommended], 0.0).sum(1)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / filled.sum(1), np.float64)


def check_histories(recommended: IntArray, user_idx: IntArray, histories: Histories) -> None:
    """Whether lists come with their users and these users' histories.

    Raises:
        ShapeError: other numbers of them.
    """
    if not len(recommended) == len(user_idx) == len(histories):
        raise ShapeError(
            f"Expected as many lists as users and histories, got {len(recommended)}, {len(user_idx)} and "
            f"{len(histories)}; ask for the histories of the lists' users, in that order."
        )


def intra_list_distance(
    recommended: IntArray, user_idx: IntArray, *, vectors: FloatArray, lengths: tuple[int, ...]
) -> pl.DataFrame:
    """How different the items of each list are.

    Args:
        recommended: int32 (n, k), best first, -1 where a list has nothing.
        user_idx: int32 (n,), whose lists.
        vectors: float32 (n_items, d), unit rows.
        lengths: the lists are cut there.

    Returns:
        user_idx and one column "distance@k" for each length, null for a list of fewer than two items.
    """
    columns = {USER: pl.Series(user_idx, dtype=pl.Int32)}
    for k in lengths:
        blocks = [recommended[start : start + _LISTS, :k] for start in range(0, len(recommended), _LISTS)]
        values = np.concatenate([np.zeros(0), *(_distance(block, vectors) for block in blocks)])
        columns[f"distance@{k}"] = pl.Series(values, dtype=pl.Float64).fill_nan(None)
    return pl.DataFrame(columns)


def _distance(recommended: IntArray, vectors: FloatArray) -> DoubleArray:
    """float64 (n,): the cosines of all pairs of a list are what the square of its sum has beside its own squares."""
    filled = recommended >= 0
    each = vectors[recommended] * filled[:, :, None]
    total, n = each.sum(axis=1, dtype=np.float64), filled.sum(axis=1)
    own = np.einsum("nkd,nkd->n", each, each, dtype=np.float64)
    pairs = np.where(n > 1, n * (n - 1), np.nan)
    return np.asarray(1 - ((total**2).sum(axis=1) - own) / pairs, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How lists spread over the catalogue: facts about all of them together, not estimates, so without interval.

    Attributes:
        coverage: share of the catalogue's items that stand in at least one list.
        gini: inequality of the items' number of appearances; 0 all equal, towards 1 all on one item.
    """

    coverage: float
    gini: float

    @classmethod
    def of(cls, recommended: IntArray, *, n_items: int) -> "Exposure":
        """Over the whole (n, k) block, -1 left out.

        The Gini coefficient is Σ_i (2i - N - 1) c_(i) ÷ (N Σ c), the counts c ascending over all N items, the items
        that nobody is shown included.
        """
        counts = np.sort(np.bincount(recommended[recommended >= 0], minlength=n_items))
        weights = 2 * np.arange(1, n_items + 1) - n_items - 1
        total = int(counts.sum())
        return cls(
            coverage=float((counts > 0).mean()),
            gini=float((weights * counts).sum() / (n_items * total)) if total else 0.0,
        )
