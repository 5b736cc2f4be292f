"""Stage: catalogue + student → item vectors, what task heads read in them, the FAISS index, and the log's penalties."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.console import err, progress, warn
from pipelines.run_directory import RunDirectory
from pipelines.stages import BUNDLE, Stage, kind_of
from recsys.artifacts import verify
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.errors import RecsysError
from recsys.ranking.feature_list import features
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.embedding import Embedding
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.index import RECALL_K, ItemIndex
from recsys.retrieval.onnx import OnnxEncoder
from recsys.retrieval.traits import Trait


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `vectors` and `index`, the penalties of EASE beside it.

    Texts that the run's last vectors, or those of its published bundle, were made of by this very student are not
    encoded again, nor are those that an interrupted embedding has done.
    """
    catalog = Catalog.load(opened.read("catalog"))
    encoder = OnnxEncoder.load(opened.read("student"), threads=opened.settings.threads)
    embedding = Embedding(encoder=encoder, work=opened.work(stage), before=_before(opened, encoder))
    with progress("text") as show:
        read, encoded = embedding.of(catalog, progress=show)
    err.print(f"  {encoded} texts encoded for {len(catalog)} items, the others were known", markup=False)
    vectors = replace(read, traits=_traits(opened.settings.traits.heads, catalog))
    index = ItemIndex.build(vectors.vectors, opened.settings.retrieval.index)
    if not index.plan.lossless:
        err.print(f"  {index.plan.factory}: recall@{RECALL_K} {index.built_recall:.3f}", markup=False)
    log = opened.read("interactions")
    penalties = Penalties.of(
        Interactions.load(log),
        before=TimeSplit.load(log).encoder_end,
        config=opened.settings.retrieval.behaviour,
    )
    err.print(f"  EASE: penalty {penalties.plain.l2:g}, fresh {penalties.fresh.l2:g}", markup=False)
    with opened.make(stage) as out:
        vectors.save(out["vectors"])
        index.save(out["index"])
        penalties.save(out["index"])
    shutil.rmtree(opened.work(stage), ignore_errors=True)


def _before(opened: RunDirectory, encoder: OnnxEncoder) -> list[ItemVectors]:
    """What this very encoder read for the run before: its last vectors, or those of the published bundle."""
    for name, folder in (("vectors", "."), (BUNDLE, "recommender/snapshot/vectors")):
        if not (opened / name).exists():
            continue
        try:
            verify(opened / name, kind=kind_of(name))
            vectors = ItemVectors.load(opened / name / folder)
        except RecsysError as error:
            warn([f"{error} Its vectors are not taken."])
            continue
        if vectors.texts is not None and vectors.texts.reading == encoder.reading:
            return [vectors]
    return []


def _traits(heads: Sequence[str], catalog: Catalog) -> tuple[Trait, ...]:
    if not heads:
        return ()
    from recsys.text.heads.traits import trait_of  # torch, for those who have heads

    traits = []
    for head in heads:
        err.print(f"  {head} reads the items", markup=False)
        traits.append(trait_of(Path(head), catalog))
    features(traits)  # names that stand twice
    return tuple(traits)
