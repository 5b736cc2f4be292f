"""Stage: catalogue + student → item vectors, what task heads read in them, the FAISS index, and the log's penalties."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.console import err
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.ranking.feature_list import features
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.index import RECALL_K, ItemIndex
from recsys.retrieval.onnx import OnnxEncoder
from recsys.retrieval.traits import Trait


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `vectors` and `index`, the penalties of EASE beside it."""
    catalog = Catalog.load(opened.read("catalog"))
    encoder = OnnxEncoder.load(opened.read("student"), threads=opened.settings.threads)
    vectors = replace(ItemVectors.of(catalog, encoder), traits=_traits(opened.settings.traits.heads, catalog))
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
