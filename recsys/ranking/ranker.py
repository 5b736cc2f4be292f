"""The ranker: from feature rows to an order, and what each feature had to do with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.errors import ShapeError
from recsys.ranking import trees
from recsys.ranking.config import TreesConfig
from recsys.ranking.features import FeatureTable
from recsys.ranking.trees import GRADES, MAX_GRADE, Queries, Trees
from recsys.schema import DoubleArray, FloatArray, Instant, IntArray, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class RankerTable:
    """Rows of one instant: what was known before it, and what happened after.

    Attributes:
        as_of: features and candidates are of events before it.
        label_end: labels are of events in [as_of, label_end).
        features: the rows.
        gain: float32 (m,), the weight of the heaviest positive event of the pair in the label window, 0 if none.
        missed: labelled pairs that no source proposed.
    """

    as_of: Instant
    label_end: Instant
    features: FeatureTable
    gain: FloatArray
    missed: int

    def drop(self, names: frozenset[str]) -> "RankerTable":
        """Without some of the features."""
        kept = [name for name in self.features.names if name not in names]
        return RankerTable(
            as_of=self.as_of,
            label_end=self.label_end,
            features=self.features.select(kept),
            gain=self.gain,
            missed=self.missed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """A fitted order.

    Attributes:
        trees: the forest.
    """

    trees: Trees

    @classmethod
    def fit(
        cls,
        tables: Sequence[RankerTable],
        config: TreesConfig,
        *,
        seed: int = 0,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> "Ranker":
        """Find the number of trees with the last instant as validation, then fit as many on all instants.

        Args:
            tables: one per instant, oldest first; a single one is used without early stopping.
            config: the trees.
            seed: of the feature sampling.
            threads: CPU threads.
            progress: called after every tree.

        Raises:
            TrainingError: no labelled row.
        """
        past = [_queries(_thinned(table, config.others, seed)) for table in tables[:-1]]
        last = _queries(tables[-1])
        if sum(len(q.sizes) for q in past) and len(last.sizes):
            judged = trees.fit(_joined(past), last, config=config, seed=seed, threads=threads, progress=progress)
            config = config.model_copy(update={"trees": judged.rounds})
        everything = _joined([*past, _queries(_thinned(tables[-1], config.others, seed))])
        return cls(trees=trees.fit(everything, None, config=config, seed=seed, threads=threads, progress=progress))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features it reads, in order."""
        return self.trees.names

    def score(self, table: FeatureTable) -> FloatArray:
        """float32 (m,), higher is better; comparable among one user's pairs.

        Raises:
            ShapeError: other features than it was trained on.
        """
        self._check(table)
        return self.trees.predict(table.values)

    def contributions(self, table: FeatureTable) -> DoubleArray:
        """float64 (m, F + 1): what each feature adds to the score, the base value last.

        Raises:
            ShapeError: other features than it was trained on.
        """
        self._check(table)
        return self.trees.contributions(table.values)

    def _check(self, table: FeatureTable) -> None:
        if table.names != self.features:
            odd = sorted(set(table.names) ^ set(self.features)) or ["another order"]
            raise ShapeError(
                f"Ranker: expected its {len(self.features)} features, got {len(table.names)} with a difference in "
                f"{odd[0]!r}; select them by `FeatureTable.select(ranker.features)`."
            )

    def save(self, directory: Path) -> None:
        """Write ranker.txt into an existing directory."""
        self.trees.save(directory / "ranker.txt")

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> "Ranker":
        """Read what `save` wrote from a directory whose files were verified.

        Raises:
            ArtifactError: not a ranker.
        """
        return cls(trees=Trees.load(directory / "ranker.txt", threads=threads))


def _thinned(table: RankerTable, others: int, seed: int) -> RankerTable:
    """All labelled pairs, and at most `others` of each user's unlabelled ones, drawn at random."""
    features = table.features
    sizes = np.diff(features.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    lot = np.random.default_rng(seed).random(len(rows))
    lot[table.gain > 0] = -1
    order = np.lexsort((lot, rows))
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - features.indptr[rows]
    taken = np.bincount(rows, table.gain > 0, minlength=len(sizes))
    keep = place < (taken + others)[rows]
    thinned = FeatureTable(
        names=features.names,
        values=features.values[keep],
        indptr=np.concatenate([[0], np.cumsum(np.bincount(rows[keep], minlength=len(sizes)))]).astype(np.int64),
        item_idx=features.item_idx[keep],
    )
    return RankerTable(
        as_of=table.as_of, label_end=table.label_end, features=thinned, gain=table.gain[keep], missed=table.missed
    )


def _queries(table: RankerTable) -> Queries:
    """Only users with something to learn from: a labelled pair and an unlabelled one."""
    sizes = np.diff(table.features.indptr)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    labelled = np.bincount(rows, table.gain > 0, minlength=len(sizes))
    useful = (labelled > 0) & (labelled < sizes)
    label: IntArray = np.minimum(np.ceil(table.gain * GRADES), MAX_GRADE).astype(np.int32)
    return Queries(
        names=table.features.names,
        values=table.features.values[useful[rows]],
        label=label[useful[rows]],
        sizes=sizes[useful],
    )


def _joined(parts: Sequence[Queries]) -> Queries:
    return Queries(
        names=parts[0].names,
        values=np.concatenate([p.values for p in parts]),
        label=np.concatenate([p.label for p in parts]),
        sizes=np.concatenate([p.sizes for p in parts]),
    )
