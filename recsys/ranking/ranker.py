"""The ranker: from feature rows to an order, and what each feature had to do with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from recsys.errors import ShapeError, TrainingError
from recsys.ranking import linear, trees
from recsys.ranking.config import RankingConfig
from recsys.ranking.draw import Draw
from recsys.ranking.features import FeatureTable
from recsys.ranking.lessons import Lessons
from recsys.ranking.linear import Linear
from recsys.ranking.model import Model
from recsys.ranking.probability import Probability
from recsys.ranking.queries import Queries
from recsys.ranking.selected import Selected
from recsys.ranking.table import RankerTable
from recsys.ranking.trees import Trees
from recsys.schema import DoubleArray, FloatArray, Progress

__all__ = ["Ranker", "RankerTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """A fitted order.

    Attributes:
        model: trees, or a weighted sum.
        probability: what a score says of the chance that the item is taken; None where no instant was left to ask.
        draw: which users it learned from, where there were too many; None where it was all.
    """

    model: Model
    probability: Probability | None = None
    draw: Draw | None = None

    @classmethod
    def fit(
        cls,
        tables: Sequence[RankerTable],
        config: RankingConfig,
        *,
        seed: int = 0,
        threads: int = 1,
        progress: Progress | None = None,
        without: frozenset[str] = frozenset(),
    ) -> "Ranker":
        """Learn from all instants but the last, ask the last, then learn from all of them.

        The last instant says how likely an item of a given score is taken: of the score of a model that has not seen
        it. It is not asked how many trees there are to be: what it says of that is mostly chance.

        Args:
            tables: one per instant, oldest first; a single one is used without asking.
            config: of the ranker.
            seed: of the sampling of features, rows and candidates not taken.
            threads: CPU threads.
            progress: called after every tree.
            without: features that it is not to read.

        Raises:
            TrainingError: no labelled row.
        """
        if not _users(tables):
            raise TrainingError(
                "Expected users with a positive event among their candidates to train the ranker on, found none; bring "
                "a longer log or move split.encoder_end."
            )
        lessons = Lessons.of(tables, others=config.trees.others, seed=seed, mib=config.table_mib, without=without)
        if kind_for(tables, config) == "linear":
            asked, model = _linear(lessons, config)
        else:
            asked, model = _trees(lessons, config, seed, threads, progress)
        probability = None if asked is None else _probability(asked, config, tables[-1], without)
        return cls(model=model, probability=probability, draw=lessons.draw)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features it reads, in order."""
        return self.model.names

    def score(self, table: FeatureTable) -> FloatArray:
        """float32 (m,), higher is better; comparable among one user's pairs.

        Raises:
            ShapeError: other features than it was trained on.
        """
        self._check(table)
        return self.model.predict(table.values)

    def chance(self, scores: FloatArray) -> FloatArray:
        """float32 (m,): `Probability` of pairs with these scores; NaN where it was never fitted."""
        return np.full(len(scores), np.nan, np.float32) if self.probability is None else self.probability.of(scores)

    def contributions(self, table: FeatureTable) -> DoubleArray:
        """float64 (m, F + 1): what each feature adds to the score, the base value last.

        Raises:
            ShapeError: other features than it was trained on.
        """
        self._check(table)
        return self.model.contributions(table.values)

    def _check(self, table: FeatureTable) -> None:
        if table.names != self.features:
            odd = sorted(set(table.names) ^ set(self.features)) or ["another order"]
            raise ShapeError(
                f"Ranker: expected its {len(self.features)} features, got {len(table.names)} with a difference in "
                f"{odd[0]!r}; select them by `FeatureTable.select(ranker.features)`."
            )

    def save(self, directory: Path) -> None:
        """Write ranker.txt or linear.json, probability.json and draw.json into an existing directory."""
        self.model.save(directory)
        if self.probability is not None:
            self.probability.save(directory)
        if self.draw is not None:
            self.draw.save(directory)

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> "Ranker":
        """Read what `save` wrote from a directory whose files were verified.

        Raises:
            ArtifactError: not a ranker.
        """
        is_linear = (directory / linear.FILE).is_file()
        model: Model = Linear.load(directory) if is_linear else Trees.load(directory, threads=threads)
        return cls(model=model, probability=Probability.load(directory), draw=Draw.load(directory))


def kind_for(tables: Sequence[RankerTable], config: RankingConfig) -> Literal["trees", "linear"]:
    """The kind of ranker that is fitted to tables.

    Linear with fewer than `config.least_users` users: trees would find chance in so few rows, and a shop that young
    needs an order, not an error.
    """
    return "linear" if _users(tables) < config.least_users else config.kind


def _users(tables: Sequence[RankerTable]) -> int:
    """How many there are to learn from, counted at each instant."""
    return sum(int(table.useful.sum()) for table in tables)


def _linear(lessons: Lessons, config: RankingConfig) -> tuple[Model | None, Model]:
    """A model that has not seen the last instant, if that could be asked, and one that has seen all."""
    past = lessons.before_exam
    asked = None if past is None else linear.fit(past, config=config.linear)
    return asked, linear.fit(lessons.everything(), config=config.linear)


def _trees(
    lessons: Lessons, config: RankingConfig, seed: int, threads: int, progress: Progress | None
) -> tuple[Model | None, Model]:
    """The same, of trees."""

    def fit(rows: Queries) -> Model:
        return trees.fit(rows, config=config.trees, seed=seed, threads=threads, progress=progress)

    past = lessons.before_exam
    return None if past is None else fit(past), fit(lessons.everything())


def _probability(
    asked: Model, config: RankingConfig, table: RankerTable, without: frozenset[str]
) -> Probability | None:
    """What the scores say, of a model that has not seen the table; a row's score does not depend on its block."""
    rows = Selected.of(table.features, kept=np.ones(len(table.gain), np.bool_), without=without)
    scores = np.concatenate([np.zeros(0, np.float32), *(asked.predict(block) for block in rows.blocks())])
    return Probability.fit(config.calibration, scores, table)
