"""`recsys bench trees`: what more trees are worth, and what they cost a request."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from pipelines import lists
from pipelines.console import progress
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.errors import UsageError
from recsys.evaluation.compare import Difference, Estimate, compare, estimate
from recsys.evaluation.exam import Exam
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure, label
from recsys.ranking import trees
from recsys.ranking.lessons import Lessons
from recsys.ranking.ranker import Ranker
from recsys.ranking.rows import training_rows
from recsys.ranking.trees import Trees
from recsys.ranking.trials import Trials
from recsys.recommender import Recommender
from recsys.schema import FloatArray

REQUESTS = 60
CANDIDATES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """So many trees.

    Attributes:
        trees: how many.
        own: whether they are the run's ranker, and not the first of the forest grown here.
        metric: what `quality` is, at the shortest of `evaluation.lengths`.
        quality: of the run's test window.
        change: of the quality from the run's ranker, paired; None for that itself.
        predicting: milliseconds for the candidates of one request, on one thread; median.
        ranking: the same with their features made first.
    """

    trees: int
    own: bool
    metric: str
    quality: Estimate
    change: Difference | None
    predicting: float
    ranking: float


def measure(run: Path, counts: Sequence[str], *, form: Literal["json", "table"]) -> None:
    """Print the curve.

    Raises:
        UsageError: no run there, one without trees, or a count that is no number above 0.
        ArtifactError: no ranker.
    """
    rows = list(curve(RunDirectory.open(run), counts))
    print(json.dumps([asdict(row) for row in rows], indent=1) if form == "json" else aligned(cells(rows)))


def curve(opened: RunDirectory, counts: Sequence[str]) -> Iterator[Row]:
    """The run's ranker, then the first so many trees of a forest of the same settings.

    Raises:
        UsageError: a run without trees, or a count that is no number above 0.
        ArtifactError: no ranker.
    """
    wanted = sorted({_count(told) for told in counts})
    sitting = _Sitting.of(opened)
    base, plain = sitting.row(sitting.own, None)
    yield base
    if wanted:
        forest = sitting.grown(opened, wanted[-1])
        for count in wanted:
            yield sitting.row(forest.first(count), plain)[0]


def _count(told: str) -> int:
    if not told.isdecimal() or int(told) < 1:
        raise UsageError(f"Expected --counts from 1, with commas between, got {told}; correct it.")
    return int(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sitting:
    """The exam's users as of ranker_end, and some requests to be timed.

    Attributes:
        parts: of the run.
        exam: users and truth.
        ours: who recommends, with the run's ranker.
        own: the trees of that.
    """

    parts: Parts
    exam: Exam
    ours: Recommender
    own: Trees

    @classmethod
    def of(cls, opened: RunDirectory) -> "_Sitting":
        parts, settings = Parts.load(opened), opened.settings
        as_of = parts.split.ranker_end
        ranker = Ranker.load(opened.read("ranker"), threads=1)
        if not isinstance(ranker.model, Trees):
            raise UsageError(
                f"Expected a run whose ranker has trees, the one in {opened.path} is linear; bring a longer log or set "
                "ranking.kind = trees."
            )
        exam = parts.exam(parts.interactions.before(as_of).user_indices(), settings.evaluation)
        return cls(parts=parts, exam=exam, ours=parts.assemble(as_of=as_of, ranker=ranker), own=ranker.model)

    def grown(self, opened: RunDirectory, count: int) -> Trees:
        """A forest as the stage grows it, of one seed and with as many trees as asked for."""
        parts, settings = self.parts, opened.settings
        tables = training_rows(
            catalog=parts.catalog,
            vectors=parts.vectors,
            interest=parts.interest,
            interactions=parts.interactions,
            split=parts.split,
            config=parts.config,
        )
        tried = Trials.load(opened.path / "ranker")
        config = settings.ranking.trees if tried is None else tried.chosen
        most = settings.ranking.table_mib
        rows = Lessons.of(tables, others=config.others, seed=settings.seed, mib=most).everything()
        with progress("trees") as show:
            return trees.fit(
                rows,
                config=config.model_copy(update={"trees": count, "seeds": 1}),
                seed=settings.seed,
                threads=settings.threads,
                progress=show,
            )

    def row(self, forest: Trees, plain: pl.DataFrame | None) -> tuple[Row, pl.DataFrame]:
        """One row, and its metrics per user; `plain` are those of the run's ranker."""
        config, as_of = self.exam.config, self.ours.as_of
        k, most = min(config.lengths), max(config.lengths)
        ours = replace(self.ours, ranker=Ranker(model=forest))
        made = ours.recommend(self.parts.interactions.histories(self.exam.user_idx, as_of=as_of), k=most, as_of=as_of)
        recommended = lists.matrix(made, np.arange(len(made)), most)
        per_user, metric = self.exam.grade(recommended).per_user[OVERALL], f"ndcg@{k}"
        draws = {"samples": config.samples, "seed": config.seed}
        predicting, ranking = self._timed(forest)
        row = Row(
            trees=forest.count,
            own=plain is None,
            metric=metric,
            quality=estimate(per_user, metric, **draws),
            change=None if plain is None else compare(per_user, plain, metric, **draws),
            predicting=predicting,
            ranking=ranking,
        )
        return row, per_user

    def _timed(self, forest: Trees) -> tuple[float, float]:
        """Median milliseconds of the trees, and of features and trees, for requests of random users and items."""
        snapshot, as_of = self.ours.snapshot, self.ours.as_of
        rng = np.random.default_rng(self.exam.config.seed)
        n_items = len(snapshot.catalog)
        items = np.sort(rng.choice(n_items, min(CANDIDATES, n_items), replace=False)).astype(np.int32)
        users = rng.choice(self.exam.user_idx, REQUESTS).astype(np.int32)
        asked = [self.parts.interactions.histories(users[i : i + 1], as_of=as_of) for i in range(REQUESTS)]
        found = [snapshot.retriever.score(history, [items], as_of=as_of) for history in asked]

        def values(i: int) -> FloatArray:
            return snapshot.features(asked[i], found[i], as_of=as_of).select(forest.names).values

        made = [values(i) for i in range(REQUESTS)]
        return _median(lambda i: forest.predict(made[i])), _median(lambda i: forest.predict(values(i)))


def _median(work: Callable[[int], FloatArray]) -> float:
    """Milliseconds of one of REQUESTS calls, each made twice; the first round is not counted."""
    taken = np.empty(2 * REQUESTS)
    for call in range(2 * REQUESTS):
        start = time.perf_counter()
        work(call % REQUESTS)
        taken[call] = (time.perf_counter() - start) * 1e3
    return float(np.median(taken[REQUESTS:]))


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Head and body of the table."""
    head = ["trees", label(rows[0].metric), "- the run's ranker (paired)", f"ms, {CANDIDATES} candidates"]
    return [[*head, "with features", "over trees alone"], *(_cells(row) for row in rows)]


def _cells(row: Row) -> list[str]:
    return [
        f"{row.trees}{' (the run)' if row.own else ''}",
        figure(row.quality),
        "" if row.change is None else figure(row.change),
        f"{row.predicting:.2f}",
        f"{row.ranking:.2f}",
        f"{row.ranking / row.predicting:.2f}",
    ]
