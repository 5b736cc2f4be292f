"""A forest laid out for many rows at once: what LightGBM says, to the bit, in a fraction of the time."""

import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.retrieval.compiled import compiled
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray

MOST_LEAVES = 64

BitsArray: TypeAlias = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]
"""A bit for each leaf of a tree, the leftmost the lowest."""

_ROWS = 256
"""Rows whose columns are read tree by tree: as many as a processor keeps at hand."""

_NOTHING = np.float32(1e-35)
"""LightGBM takes numbers no larger for 0."""

_ROTATIONS = {32: 0x077CB531, 64: 0x03F79D71B4CB0A89}
"""De Bruijn numbers: times a power of two, the highest bits tell which power it was."""

_TREE = re.compile(r"\nTree=\d+\n")
_SIDES = ("left_child", "right_child")
_DEFAULT_LEFT, _ZERO, _NAN = 2, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Trees by what each split leaves possible (QuickScorer; Lucchese et al. 2015).

    A row is compared with every split of a tree; those where it goes right strike out the leaves to their left, and the
    leftmost leaf that remains is the row's. So nothing waits for what a comparison finds, and several rows are compared
    in one step.

    Attributes:
        starts: int64 (trees + 1,), the splits of tree t are starts[t]:starts[t + 1].
        feature: int32 (splits,), the column that is compared.
        threshold: float32 (splits,), the largest that goes left.
        strays_left: bool (splits,), where a missing value goes.
        kept: uint32 or uint64 (splits,), the leaves that remain possible for a row that goes right.
        leaves: float64 (trees, 32 or 64), what leaves say, each at the place that its bit comes to by `rotation`.
        rotation: a number of the same type as `kept`, in an array of its own.
    """

    starts: LongArray
    feature: IntArray
    threshold: FloatArray
    strays_left: BoolArray
    kept: BitsArray
    leaves: DoubleArray
    rotation: BitsArray

    @classmethod
    def of(cls, text: str) -> "Forest | None":
        """From LightGBM's text form of a model whose word is the sum of its trees: it ranks, or fits least squares.

        None where it holds what is not laid out here, and LightGBM has to be asked: splits by category, zero as a
        missing value, linear leaves, more than `MOST_LEAVES`, another objective.
        """
        head, *trees = _TREE.split(text.partition("\nend of trees\n")[0])
        facts, parts = _facts(head), [_facts(tree) for tree in trees]
        sizes = [int(part["num_leaves"]) for part in parts]
        plain = all(part["num_cat"] == "0" and part.get("is_linear", "0") == "0" for part in parts)
        sums = facts.get("objective") in {"lambdarank", "regression"} and facts["num_tree_per_iteration"] == "1"
        if not (plain and sums and "average_output" not in head and max(sizes, default=0) <= MOST_LEAVES):
            return None
        width = 32 if max(sizes, default=0) <= 32 else 64
        threshold, decision = _numbers(parts, "threshold"), _numbers(parts, "decision_type").astype(np.int64)
        missing = decision >> 2 & 3
        if (missing == _ZERO).any():
            return None
        laid_out = [_laid_out(part, width) for part in parts]
        strays_left: BoolArray = np.where(missing == _NAN, decision & _DEFAULT_LEFT > 0, threshold >= 0)
        return cls(
            starts=np.cumsum([0, *(size - 1 for size in sizes)]),
            feature=_numbers(parts, "split_feature").astype(np.int32),
            threshold=_rounded_down(threshold),
            strays_left=strays_left,
            kept=np.array([bits for kept, _ in laid_out for bits in kept], f"uint{width}"),
            leaves=np.array([leaves for _, leaves in laid_out], np.float64).reshape(-1, width),
            rotation=np.array([_ROTATIONS[width]], f"uint{width}"),
        )

    def predict(self, values: FloatArray) -> DoubleArray:
        """float64 (m,): the sum of what the trees say of rows, float32 (m, F), one after the other."""
        out = np.empty(len(values))
        walk(
            np.ascontiguousarray(values.T, np.float32),
            self.starts,
            self.feature,
            self.threshold,
            self.strays_left,
            self.kept,
            self.leaves,
            self.rotation,
            out,
        )
        return out


def _facts(part: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in part.splitlines() if "=" in line)


def _numbers(trees: list[dict[str, str]], name: str) -> DoubleArray:
    """Of all splits; a tree of one leaf has none, though its lines may name some."""
    splits = [tree for tree in trees if tree["num_leaves"] != "1"]
    return np.array([value for tree in splits for value in tree[name].split()], np.float64)


def _rounded_down(threshold: DoubleArray) -> FloatArray:
    """The largest float32 that is not above: a float32 goes left by one as by the other."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def _laid_out(tree: dict[str, str], width: int) -> tuple[list[int], DoubleArray]:
    """Of each split of a tree, in their order, the leaves that going right leaves possible; and `leaves`."""
    several = tree["num_leaves"] != "1"
    left, right = ([int(child) for child in tree[side].split()] if several else [] for side in _SIDES)
    said = [float(value) for value in tree["leaf_value"].split()]
    every, rotation, shift = (1 << width) - 1, _ROTATIONS[width], width - (width.bit_length() - 1)
    kept, leaves = [every] * len(left), np.zeros(width)
    seen = 0

    def below(node: int) -> int:
        """The bits of the leaves below a node, numbered from the left."""
        nonlocal seen
        if node < 0:
            bit = 1 << seen
            leaves[(bit * rotation & every) >> shift] = said[~node]
            seen += 1
            return bit
        lower = below(left[node])
        kept[node] = every & ~lower
        return lower | below(right[node])

    below(0 if several else -1)
    return kept, leaves


@compiled
def walk(
    values: FloatArray,
    starts: LongArray,
    feature: IntArray,
    threshold: FloatArray,
    strays_left: BoolArray,
    kept: BitsArray,
    leaves: DoubleArray,
    rotation: BitsArray,
    out: DoubleArray,
) -> None:
    """Put the sum of what the trees of a `Forest` say of rows, float32 (F, m), into float64 out (m,)."""
    block, shift = min(len(out), _ROWS), 27 if leaves.shape[1] == 32 else 58
    columns, possible = np.empty((len(values), block), np.float32), np.empty(block, kept.dtype)
    for first in range(0, len(out), _ROWS):
        own = out[first : first + _ROWS]
        size = len(own)
        own[:] = 0
        for column in range(len(values)):
            given, into = values[column, first : first + size], columns[column]
            for row in range(size):
                into[row] = np.float32(0) if abs(given[row]) <= _NOTHING else given[row]
        for tree in range(len(leaves)):
            possible[:] = -1
            for split in range(starts[tree], starts[tree + 1]):
                column, bar, right = columns[feature[split]], threshold[split], kept[split]
                if strays_left[split]:
                    for row in range(size):
                        possible[row] = possible[row] & right if column[row] > bar else possible[row]
                else:
                    for row in range(size):
                        possible[row] = possible[row] if column[row] <= bar else possible[row] & right
            for row in range(size):
                possible[row] = (possible[row] & -possible[row]) * rotation[0]
                own[row] += leaves[tree, possible[row] >> shift]
