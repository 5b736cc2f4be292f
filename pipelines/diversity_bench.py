"""`recsys bench diversity`: what lists of different things cost, from order by score to difference alone."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from pipelines import lists
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.errors import UsageError
from recsys.evaluation.compare import Difference, Estimate, compare, estimate
from recsys.evaluation.exam import Exam
from recsys.evaluation.metrics import Exposure, intra_list_distance
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure, label
from recsys.ranking.ranker import Ranker
from recsys.ranking.scored import Scored
from recsys.ranking.selection import select
from recsys.recommender import Recommender

Method: TypeAlias = Literal["score", "mmr", "dpp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strength of one method.

    Attributes:
        method: score where the strength is 0.
        strength: of `rules.diversity`.
        metric: what `quality` is, at the shortest of `evaluation.lengths`; the other figures are of as long lists.
        quality: of the run's test window.
        change: of the quality from strength 0, paired; None for that itself.
        distance: mean over users of 1 - cosine of the pairs of a list.
        exposure: coverage of the catalogue, and the Gini coefficient.
        milliseconds: to make a list of scored candidates, one after the other.
    """

    method: Method
    strength: float
    metric: str
    quality: Estimate
    change: Difference | None
    distance: Estimate
    exposure: Exposure
    milliseconds: float


def measure(run: Path, strengths: Sequence[str], *, form: Literal["json", "table"]) -> None:
    """Print the curves.

    Raises:
        UsageError: no run there, or a strength that is no number from 0 to 1.
        ArtifactError: no ranker.
    """
    rows = list(curves(RunDirectory.open(run), strengths))
    print(json.dumps([asdict(row) for row in rows], indent=1) if form == "json" else aligned(cells(rows)))


def curves(opened: RunDirectory, strengths: Sequence[str]) -> Iterator[Row]:
    """Order by score, then each strength by both methods; the run's other rules hold in all.

    Raises:
        UsageError: a strength that is no number from 0 to 1.
        ArtifactError: no ranker.
    """
    wanted = sorted({_strength(told) for told in strengths} - {0.0})
    sitting = _Sitting.of(opened)
    base, plain = sitting.row("score", 0.0, None)
    yield base
    methods: tuple[Method, ...] = ("mmr", "dpp")
    for method in methods:
        for strength in wanted:
            yield sitting.row(method, strength, plain)[0]


def _strength(told: str) -> float:
    try:
        value = float(told)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"Expected --strengths from 0 to 1, with commas between, got {told}; correct it.")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sitting:
    """The exam's users as of ranker_end, their candidates scored once.

    Attributes:
        exam: users and truth.
        ours: who recommends.
        found: the users' candidates.
    """

    exam: Exam
    ours: Recommender
    found: Scored

    @classmethod
    def of(cls, opened: RunDirectory) -> "_Sitting":
        parts, settings = Parts.load(opened), opened.settings
        as_of, config = parts.split.ranker_end, settings.evaluation
        users = parts.interactions.before(as_of).user_indices()
        exam = parts.exam(users, config)
        ours = parts.assemble(as_of=as_of, ranker=Ranker.load(opened.read("ranker"), threads=settings.threads))
        histories = parts.interactions.histories(exam.user_idx, as_of=as_of)
        return cls(exam=exam, ours=ours, found=ours.scored(histories, as_of=as_of))

    def row(self, method: Method, strength: float, plain: pl.DataFrame | None) -> tuple[Row, pl.DataFrame]:
        """One row, and its metrics per user; `plain` are those of strength 0."""
        rules = self.ours.snapshot.rules.diversified("mmr" if method == "score" else method, strength)
        config, vectors = self.exam.config, self.ours.vectors.vectors
        k, most = min(config.lengths), max(20, *config.lengths)
        start = time.perf_counter()
        made = select(self.found, rules, vectors, k=most)
        took = time.perf_counter() - start
        recommended = lists.matrix(made, np.arange(len(made)), most)
        per_user, metric = self.exam.grade(recommended).per_user[OVERALL], f"ndcg@{k}"
        apart = intra_list_distance(recommended, self.exam.user_idx, vectors=vectors, lengths=(k,))
        draws = {"samples": config.samples, "seed": config.seed}
        row = Row(
            method=method,
            strength=strength,
            metric=metric,
            quality=estimate(per_user, metric, **draws),
            change=None if plain is None else compare(per_user, plain, metric, **draws),
            distance=estimate(apart, f"distance@{k}", **draws),
            exposure=Exposure.of(recommended[:, :k], n_items=len(vectors)),
            milliseconds=took * 1e3 / len(made),
        )
        return row, per_user


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Head and body of the table."""
    head = ["method", "strength", label(rows[0].metric), "- by score (paired)", "intra-list distance"]
    return [[*head, "coverage", "Gini", "ms a list"], *(_cells(row) for row in rows)]


def _cells(row: Row) -> list[str]:
    return [
        row.method,
        f"{row.strength:g}",
        figure(row.quality),
        "" if row.change is None else figure(row.change),
        figure(row.distance),
        f"{row.exposure.coverage:.1%}",
        f"{row.exposure.gini:.3f}",
        f"{row.milliseconds:.3f}",
    ]
