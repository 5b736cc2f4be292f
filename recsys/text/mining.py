"""Hard negatives: the texts nearest to each user that the user does not take."""

import numpy as np

from recsys.retrieval.config import IndexConfig
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray, IntArray
from recsys.text.pairs import Pairs

_USERS = 256


def mine(pairs: Pairs, interest: InterestModel, vectors: FloatArray) -> IntArray:
    """The pool that `Pairs.draw` takes a step's hard negatives from (ANCE, Xiong et al. 2021, arXiv 2007.00808).

    A text is mined once even where several items carry it, and none that the user takes is, so neither positives nor
    their duplicates become negatives. The very nearest texts, `hard_skip`, are left out: too many of them are what the
    user would take (Zhan et al. 2021, arXiv 2104.08051, call them false negatives).

    Args:
        pairs: the examples.
        interest: the user tower as it stands.
        vectors: float32 (n_texts, D), all texts' vectors as they stand.

    Returns:
        int32 (u, hard_pool), a row for each of `pairs.users`, nearest first; -1 where nothing is left. A pure function
        of the weights: a resumed run mines the same.
    """
    corpus, skip, pool = pairs.corpus, pairs.config.hard_skip, pairs.config.hard_pool
    queries = interest.user_vectors(corpus.histories(pairs.users), vectors, as_of=corpus.end)
    index = ItemIndex.build(vectors, IndexConfig())
    lengths = np.diff(pairs.rows)
    mined = np.full((len(queries), pool), -1, np.int32)
    # users of like length together: a search must reach past everything its users take
    for rows in np.split(np.argsort(lengths, kind="stable"), range(_USERS, len(queries), _USERS)):
        found = index.search(queries[rows], skip + pool + int(lengths[rows].max())).item_idx
        for row, texts in zip(rows, found, strict=True):
            own = corpus.text[pairs.rows[row] : pairs.rows[row + 1]]
            left = texts[(texts >= 0) & ~np.isin(texts, own)][skip : skip + pool]
            mined[row, : len(left)] = left
    return mined
