"""Stage: rows at several instants → the LightGBM ranker, and one that knows nothing of the encoder, to compare."""

from pipelines.console import err, progress
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys.ranking.feature_list import text_features
from recsys.ranking.ranker import Ranker
from recsys.recommender import training_rows

ABLATION = "without_encoder"
"""Folder, below `ranker`, of the ranker that knows nothing of the encoder."""


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `ranker`."""
    parts = Parts.load(opened)
    tables = training_rows(
        catalog=parts.catalog,
        vectors=parts.vectors,
        interest=parts.interest,
        interactions=parts.interactions,
        split=parts.split,
        config=parts.config,
    )
    trees, seed, threads = opened.settings.ranking.trees, opened.settings.seed, opened.settings.threads
    with opened.make(stage) as out:
        for folder, dropped in (("", frozenset[str]()), (ABLATION, text_features(parts.vectors.traits))):
            chosen = [table.drop(dropped) for table in tables]
            label = "ranker" + (f" {folder}" if folder else "")
            with progress(label) as show:
                ranker = Ranker.fit(chosen, trees, seed=seed, threads=threads, progress=show)
            err.print(f"  {label}: {ranker.trees.rounds} trees, {len(ranker.features)} features", markup=False)
            target = out["ranker"] / folder
            target.mkdir(exist_ok=True)
            ranker.save(target)
