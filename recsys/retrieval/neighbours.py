"""Sparse item-item matrices: what was taken together, what was met close by, what reads alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from recsys.data.interactions import Histories
from recsys.retrieval.config import BehaviourConfig, IndexConfig
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.sparse_rows import Weights, csr, load_csr, product, save_csr
from recsys.retrieval.tops import highest
from recsys.schema import BoolArray, FloatArray, IntArray

Row = TypeVar("Row", IntArray, FloatArray)

_ROWS = 2048
_ITEMS = 32
_QUERIES = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemItem:
    """Weights from each item to its neighbours.

    Attributes:
        matrix: float32 CSR (n_items, n_items); row i holds what an i in a history says about other items.
    """

    matrix: csr_array

    def scores(self, weights: csr_array | Weights, out: FloatArray | None = None) -> FloatArray:
        """float32 (n, n_items): each user's history weights, float32 CSR (n, n_items), spread over the neighbours.

        Added to `out`, where that is given.
        """
        return product(weights, self.matrix, out)

    def grown(self, n_items: int) -> "ItemItem":
        """With further items at the end, which have no neighbours."""
        old = self.matrix
        indptr = np.pad(old.indptr, (0, n_items - old.shape[0]), "edge")
        return ItemItem(matrix=csr(old.data, old.indices, indptr, n_items))

    def save(self, directory: Path, name: str) -> None:
        """Write name-indptr.npy, name-indices.npy and name-data.npy into an existing directory."""
        save_csr(directory, name, self.matrix)

    @classmethod
    def load(cls, directory: Path, name: str, n_items: int) -> "ItemItem":
        """Read what `save` wrote.

        Raises:
            ArtifactError: not a matrix over `n_items` items.
        """
        return cls(matrix=load_csr(directory, name, n_rows=n_items, n_columns=n_items))


def strongest(matrix: csr_array, n: int, first_row: int = 0) -> csr_array:
    """Only the n largest positive entries of each row, float32, none on the diagonal.

    Args:
        matrix: rows `first_row`… of an item-item matrix.
        n: entries kept per row; of equal ones those with the lower column.
        first_row: the item of the first row.
    """
    entries = matrix.tocoo()
    row, column, data = entries.row, entries.col, entries.data
    keep = (row + first_row != column) & (data > 0)
    row, column, data = row[keep], column[keep], data[keep]
    order = np.lexsort((column, -data, row))
    row, column, data = row[order], column[order], data[order]
    starts = np.searchsorted(row, np.arange(matrix.shape[0]))
    chosen = np.arange(len(row)) - starts[row] < n
    indptr = np.searchsorted(row[chosen], np.arange(matrix.shape[0] + 1))
    kept = csr(data[chosen], column[chosen], indptr, matrix.shape[1])
    kept.sort_indices()
    return kept


def cosine(taken: csr_array, n: int) -> ItemItem:
    """Cosine of items over users, who count less the more they took: Σ 1 / √(items of a user) / √(takers of both).

    Args:
        taken: float32 CSR (n_users, n_items), 1 where a user took an item, less where that counts less.
        n: neighbours kept per item.
    """
    takers, items = (np.asarray(taken.sum(axis=axis)).ravel() for axis in (0, 1))
    each = diags_array((1 / np.sqrt(np.maximum(takers, 1))).astype(np.float32))
    unit = csr_array(taken @ each)
    columns = csr_array((diags_array((1 / np.sqrt(np.maximum(items, 1))).astype(np.float32)) @ unit).T)
    starts = range(0, taken.shape[1], _ROWS)
    parts = [strongest(csr_array(columns[start : start + _ROWS] @ unit), n, start) for start in starts]
    return ItemItem(matrix=csr_array(vstack(parts)))


def near(histories: Histories, n_items: int, config: BehaviourConfig) -> ItemItem:
    """Items met close to each other: Σ decay^(distance - 1) over near pairs of a user's events / √(events of both).

    Args:
        histories: events of all users, oldest first.
        n_items: size of the catalogue.
        config: how far pairs reach, and how many neighbours are kept.
    """
    rows, items = histories.rows, histories.item_idx
    counts = np.bincount(items, minlength=n_items)
    total = csr_array((n_items, n_items), dtype=np.float64)
    for step in range(1, min(config.near_events, len(rows) - 1) + 1):
        same = rows[step:] == rows[:-step]
        before, after = items[:-step][same], items[step:][same]
        weights = np.full(len(before), config.near_decay ** (step - 1))
        total = csr_array(total + csr_array((weights, (before, after)), shape=total.shape))
    scale = diags_array(1 / np.sqrt(np.maximum(counts, 1)))
    return ItemItem(matrix=strongest(csr_array(scale @ (total + total.T) @ scale), config.neighbours))


def alike(
    vectors: FloatArray, known: BoolArray, *, n: int, config: IndexConfig, of: IntArray | None = None
) -> ItemItem:
    """Items whose texts are alike: cosine⁴ of vectors centred on the known items.

    Args:
        vectors: float32 (n_items, d).
        known: (n_items,) items whose mean is the centre.
        n: neighbours kept per item.
        config: how neighbours are searched.
        of: int32, ascending, items that get neighbours; all if None.
    """
    unit = _centred(vectors, known)
    # nothing of this index is kept: a graph, built thirty times as slowly as lists are, would never pay
    passing = config.model_copy(update={"storage": "float32", "factory": "", "hnsw_up_to": 0})
    index, items = ItemIndex.build(unit, passing), np.arange(len(unit), dtype=np.int32) if of is None else of
    # block by block: what is found of a million items at once takes gigabytes until the nearest are kept
    parts = [_nearest(index, unit, items[at : at + _QUERIES], n) for at in range(0, max(len(items), 1), _QUERIES)]
    matrix = csr_array(vstack(parts)) if len(parts) > 1 else parts[0]
    indptr = np.zeros(len(unit) + 1, np.int64)
    indptr[items + 1] = np.diff(matrix.indptr)
    return ItemItem(matrix=csr(matrix.data, matrix.indices, np.cumsum(indptr), len(unit)))


def _nearest(index: ItemIndex, unit: FloatArray, items: IntArray, n: int) -> csr_array:
    """float32 CSR (m, n_items): likeness of some items to the n nearest of each."""
    hits = index.search(unit[items], n + 1)
    rows = np.repeat(np.arange(len(items)), hits.item_idx.shape[1])
    columns = hits.item_idx.ravel()
    found = (columns >= 0) & (columns != np.repeat(items, hits.item_idx.shape[1]))
    data = np.maximum(hits.score.ravel()[found], 0) ** 4
    near = csr_array((data, (rows[found], columns[found])), shape=(len(items), len(unit)))
    return strongest(near, n, first_row=-len(unit))  # themselves are left out already


def alike_with(similar: ItemItem, vectors: FloatArray, known: BoolArray, items: IntArray, *, n: int) -> ItemItem:
    """What `alike` found, with some items added at the end or replaced; nothing else is searched anew.

    An item that was put has its n nearest, and each of these gets it as one neighbour more.

    Args:
        similar: of the catalogue before.
        vectors: float32 (n_items, d), of the catalogue after.
        known: (n_items,) items whose mean is the centre.
        items: int32 (m,), what was put, every new item among them.
        n: neighbours an item.
    """
    found, weights = [], []
    for likeness in _likeness(vectors, known, items):
        found.append(highest(likeness, n).astype(np.int32))
        weights.append(likeness[found[-1]])
    put, other = np.repeat(items, [len(each) for each in found]), np.concatenate([items[:0], *found])
    weight = np.concatenate([np.zeros(0, np.float32), *weights])
    back = ~np.isin(other, items)
    left = _without(similar.grown(len(vectors)).matrix, items)
    rows, columns = np.concatenate([put, other[back]]), np.concatenate([other, put[back]])
    return ItemItem(matrix=_with(left, rows, columns, np.concatenate([weight, weight[back]])))


def _without(matrix: csr_array, items: IntArray) -> csr_array:
    """An item-item matrix with nothing in the rows and columns of some items."""
    gone = np.zeros(matrix.shape[1], np.bool_)
    gone[items] = True
    goes = gone[matrix.indices]
    for start, end in zip(matrix.indptr[items].tolist(), matrix.indptr[items + 1].tolist(), strict=True):
        goes[start:end] = True
    where = np.flatnonzero(goes)
    if not len(where):
        return matrix
    indptr = matrix.indptr - np.searchsorted(where, matrix.indptr)
    return csr(np.delete(matrix.data, where), np.delete(matrix.indices, where), indptr, matrix.shape[1])


def _with(matrix: csr_array, rows: IntArray, columns: IntArray, data: FloatArray) -> csr_array:
    """An item-item matrix, its columns ascending in each row, with further entries (m,) at places that are empty.

    Entries are put between others, which are moved as a whole: to sort millions anew would take a second.
    """
    order = np.lexsort((columns, rows))
    rows, columns, data = rows[order], columns[order], data[order]
    starts, ends = matrix.indptr[rows].tolist(), matrix.indptr[rows + 1].tolist()
    before = [
        start + int(np.searchsorted(matrix.indices[start:end], column))
        for start, end, column in zip(starts, ends, columns.tolist(), strict=True)
    ]
    indptr = matrix.indptr + np.searchsorted(rows, np.arange(matrix.shape[0] + 1))
    indices, data = _inserted(matrix.indices, before, columns), _inserted(matrix.data, before, data)
    return csr(data, indices, indptr, matrix.shape[1])


def _inserted(values: Row, before: Sequence[int], extra: Row) -> Row:
    """Each of `extra` put before a place of `values`, ascending; as numpy's `insert`, at the speed of a copy."""
    pieces = []
    for number, (start, end) in enumerate(pairwise([0, *before, len(values)])):
        pieces += [values[start:end], extra[number : number + 1]]
    return np.concatenate(pieces, dtype=values.dtype)


def _likeness(vectors: FloatArray, known: BoolArray, items: IntArray) -> Iterator[FloatArray]:
    """float32 (n_items,) of each of some items, as `alike` has it, 0 to itself; no copy of all vectors is made."""
    centre = _centre(vectors, known)
    square = np.einsum("id,id->i", vectors, vectors) - 2 * (vectors @ centre) + centre @ centre
    length = np.maximum(np.sqrt(np.maximum(square, 0)), 1e-9).astype(np.float32)
    for start in range(0, len(items), _ITEMS):
        part = items[start : start + _ITEMS]
        unit = vectors[part] - centre
        unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
        for item, along, middle in zip(part, unit @ vectors.T, unit @ centre, strict=True):
            likeness = np.maximum((along - middle) / length, 0) ** 4
            likeness[item] = 0
            yield likeness


def _centred(vectors: FloatArray, known: BoolArray) -> FloatArray:
    """Less the known items' mean, at length 1."""
    unit = vectors - _centre(vectors, known)
    return np.asarray(unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9), np.float32)


def _centre(vectors: FloatArray, known: BoolArray) -> FloatArray:
    return np.asarray(known.astype(np.float32) @ vectors / np.float32(max(known.sum(), 1)), np.float32)
