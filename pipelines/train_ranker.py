"""Stage: rows at several instants → the ranker, and others of other rows, to compare."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.console import err, progress
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys.ranking.examination import Examination
from recsys.ranking.feature_list import text_features
from recsys.ranking.ranker import Ranker, kind_for
from recsys.ranking.rows import snapshots, table_of
from recsys.ranking.snapshot import Snapshot
from recsys.ranking.table import RankerTable
from recsys.ranking.tuning import tuned
from recsys.schema import Instant
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
    examination = Examination.of(
        parts.interactions.before(parts.split.ranker_end), limit=settings.ranking.position_limit
    )

    def rows(snapshot: Snapshot, label_end: Instant) -> RankerTable:
        return table_of(
            snapshot, parts.interactions, label_end=label_end, examination=examination, folder=out["ranker"]
        )

    with opened.make(stage) as out:
        tables = [rows(snapshot, end) for snapshot, end in known]
        if examination is not None:
            examination.save(out["ranker"])
            _tell(f"places: looked at as p^-{examination.eta:.2f} (± {examination.error:.2f}); lower ones count more")
        _fit("ranker", tables, settings, out["ranker"])
        if WITHOUT_ENCODER in settings.ablation.rankers:
            blind = text_features(parts.vectors.traits)
            target = out["ranker"] / WITHOUT_ENCODER
            _fit(f"ranker {WITHOUT_ENCODER}", tables, settings, target, without=blind)
        if WITH_TEACHER in settings.ablation.rankers:
            teacher = parts.teachers(opened)
            del tables  # large on disk, as the next are
            tables = [rows(snapshot.reread(*teacher), end) for snapshot, end in known]
            _fit(f"ranker {WITH_TEACHER}", tables, settings, out["ranker"] / WITH_TEACHER)


def _fit(
    name: str,
    tables: Sequence[RankerTable],
    settings: Settings,
    target: Path,
    *,
    without: frozenset[str] = frozenset(),
) -> None:
    """Tune where asked to, fit, and write into a directory; each ranker is tuned by itself, as often as the others."""
    config, seed, threads = settings.ranking, settings.seed, settings.threads
    target.mkdir(exist_ok=True)
    kind = kind_for(tables, config)
    if kind != config.kind:
        _tell(f"{name}: fewer than ranking.least_users = {config.least_users} users to learn from, so it is linear")
    if kind == "trees" and config.tuning.trials:
        with progress(f"{name}, trials") as show:
            trials = tuned(tables, config, seed=seed, threads=threads, progress=show, without=without)
        trials.save(target)
        config = config.model_copy(update={"trees": trials.chosen})
    with progress(name) as show:
        ranker = Ranker.fit(tables, config, seed=seed, threads=threads, progress=show, without=without)
    if ranker.draw is not None:
        _tell(f"{name}: {ranker.draw.sentence}")
    _tell(f"{name}: {ranker.model.size}, {len(ranker.features)} features")
    ranker.save(target)


def _tell(text: str) -> None:
    err.print(f"  {text}", markup=False)
