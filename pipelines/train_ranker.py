"""Stage: rows at several instants → the LightGBM ranker, and others of other rows, to compare."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.console import err, progress
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys.ranking.feature_list import text_features
from recsys.ranking.ranker import Ranker, RankerTable
from recsys.ranking.rows import snapshots, table_of
from recsys.settings import Settings

WITHOUT_ENCODER = "without_encoder"
"""Folder, below `ranker`, of the ranker that knows nothing of the encoder."""

WITH_TEACHER = "with_teacher"
"""Folder, below `ranker`, of the ranker that was taught on what the teacher says, not the student."""


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `ranker`, and below it those of `ablation.rankers`."""
    parts, settings = Parts.load(opened), opened.settings
    known = list(
        snapshots(
            catalog=parts.catalog,
            vectors=parts.vectors,
            interest=parts.interest,
            interactions=parts.interactions,
            split=parts.split,
            config=parts.config,
        )
    )
    tables = [table_of(snapshot, parts.interactions, label_end=label_end) for snapshot, label_end in known]
    with opened.make(stage) as out:
        _fit("ranker", tables, settings, out["ranker"])
        if WITHOUT_ENCODER in settings.ablation.rankers:
            blind = text_features(parts.vectors.traits)
            target = out["ranker"] / WITHOUT_ENCODER
            _fit(f"ranker {WITHOUT_ENCODER}", [table.drop(blind) for table in tables], settings, target)
        if WITH_TEACHER in settings.ablation.rankers:
            teacher = parts.teachers(opened)
            del tables  # large, as the next are
            tables = [table_of(each.reread(*teacher), parts.interactions, label_end=end) for each, end in known]
            _fit(f"ranker {WITH_TEACHER}", tables, settings, out["ranker"] / WITH_TEACHER)


def _fit(name: str, tables: Sequence[RankerTable], settings: Settings, target: Path) -> None:
    trees, seed, threads = settings.ranking.trees, settings.seed, settings.threads
    with progress(name) as show:
        ranker = Ranker.fit(tables, trees, seed=seed, threads=threads, progress=show)
    err.print(f"  {name}: {ranker.trees.rounds} trees, {len(ranker.features)} features", markup=False)
    target.mkdir(exist_ok=True)
    ranker.save(target)
