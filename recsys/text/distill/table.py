"""The static student: a vector for every token, from the teacher's reading of tokens and of the shop's texts.

Each token of the vocabulary goes through the teacher alone, and rare ones weigh more, as in model2vec (Tulkens & van
Dongen 2024). Then the table is taught the vectors of the corpus' texts in closed form: first a linear map of all its
rows, then the smallest change of single rows that explains what is left. Both are ridge regressions (Hoerl & Kennard
1970): rows of tokens that the corpus does not have move with the map alone.
"""

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from tokenizers import Tokenizer

from recsys.retrieval.words import markers
from recsys.schema import DoubleArray, FloatArray, LongArray
from recsys.text.encoder import TextTower
from recsys.text.static import StaticTower
from recsys.text.tokens import Tokens

_TOKENS = 8192
_FREQUENT = 1e-2
"""Share of a shop's tokens at which a token weighs half as much as a rare one."""
_SILENT = 1e-6
"""Weight of markers: what they say counts in a text that has nothing else."""
_MAP_RIDGE, _ROWS_RIDGE = 1e-3, 1e-1
_ROUNDS, _TOLERANCE = 200, 1e-3


def static_tower(teacher: TextTower, tokenizer: Tokenizer, tokens: Tokens, vectors: FloatArray) -> StaticTower:
    """A table that reads as the teacher does, as far as a table can.

    Args:
        teacher: reads every token of the vocabulary, the cost of the table.
        tokenizer: the teacher's.
        tokens: of the corpus' n texts.
        vectors: float32 (n, D), what their vectors should be.

    Returns:
        In evaluation mode.
    """
    front, back = markers(tokenizer)
    silent = np.unique([*front, *back]).astype(np.int64)
    vocabulary = 1 + max(tokenizer.get_vocab().values())
    rows = alone(teacher, np.arange(vocabulary)[:, None], front, back).astype(np.float64)
    rows[silent] = alone(teacher, np.zeros((1, 0), np.int64), front, back)
    weights = _weights(tokens, vocabulary, silent)
    means = _means(tokens, weights)
    rows = _mapped(rows, means @ rows, vectors)
    rows += means.T @ _explained(means, vectors - means @ rows)
    table, logits = (torch.from_numpy(a.astype(np.float32)) for a in (rows, np.log(weights)))
    return StaticTower(table, logits).eval()


def alone(teacher: TextTower, tokens: LongArray, front: list[int], back: list[int]) -> FloatArray:
    """float32 (n, D): what the teacher makes of rows of tokens between the markers, before it is of length 1.

    Args:
        teacher: in evaluation mode.
        tokens: int64 (n, t); t may be 0.
        front: markers before every text.
        back: markers behind every text.
    """
    ids = np.column_stack([*(np.full(len(tokens), i) for i in front), tokens, *(np.full(len(tokens), i) for i in back)])
    parts = []
    with torch.inference_mode():
        for ids_NT in torch.split(torch.from_numpy(ids), max(1, _TOKENS // ids.shape[1])):
            mask_NT = torch.ones_like(ids_NT, dtype=torch.bool)
            pooled_NW = teacher.head.pool(teacher.states(ids_NT, mask_NT), mask_NT)
            parts.append((pooled_NW @ teacher.head.projection.T + teacher.head.bias).numpy())
    return np.concatenate(parts)


def _weights(tokens: Tokens, vocabulary: int, silent: LongArray) -> DoubleArray:
    """(V,) in (0, 1]: the rarer in the corpus, the more (Arora et al. 2017)."""
    counts = np.bincount(tokens.ids, minlength=vocabulary).astype(np.float64)
    counts[silent] = 0
    weights = _FREQUENT / (_FREQUENT + counts / max(1.0, counts.sum()))
    weights[silent] = _SILENT
    return np.asarray(weights, np.float64)


def _means(tokens: Tokens, weights: DoubleArray) -> csr_array:
    """(n, V): each text's mean over its tokens as a row of weights of sum 1."""
    shape = (len(tokens), len(weights))
    found = csr_array((weights[tokens.ids], tokens.ids, tokens.indptr), shape=shape, copy=True)
    found.sum_duplicates()
    return csr_array(diags_array(1 / found.sum(axis=1)) @ found)


def _mapped(rows: DoubleArray, pooled: DoubleArray, vectors: FloatArray) -> DoubleArray:
    """All rows through the affine map that brings the texts' means nearest to their vectors."""
    centre, target = pooled.mean(axis=0), vectors.mean(axis=0)
    spread = (pooled - centre).T @ (pooled - centre)
    ridge = _MAP_RIDGE * max(np.trace(spread) / len(spread), 1e-12)
    linear = np.linalg.solve(spread + ridge * np.eye(len(spread)), (pooled - centre).T @ (vectors - target))
    return np.asarray((rows - centre) @ linear + target, np.float64)


def _explained(means: csr_array, missing: DoubleArray) -> DoubleArray:
    """(n, D): x of (M Mᵀ + ridge) x = missing, all columns at once by conjugate gradients (Hestenes & Stiefel 1952)."""
    ridge = _ROWS_RIDGE * float((means * means).sum()) / means.shape[0]
    found, left = np.zeros_like(missing), missing.copy()
    step, size = left.copy(), (left * left).sum(axis=0)
    enough = _TOLERANCE**2 * size
    for _ in range(_ROUNDS):
        if (size <= enough).all():
            break
        image = means @ (means.T @ step) + ridge * step
        length = size / np.maximum((step * image).sum(axis=0), 1e-30)
        found += length * step
        left -= length * image
        before, size = size, (left * left).sum(axis=0)
        step = left + size / np.maximum(before, 1e-30) * step
    return found
