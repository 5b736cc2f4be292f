"""Stage: catalogue + student → item vectors, what task heads read in them, the FAISS index, and the log's penalties."""

import platform
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipelines.console import err, progress, warn
from pipelines.ray_pool import Engine, RayPool, Work
from pipelines.run_directory import RunDirectory
from pipelines.stages import BUNDLE, Stage, kind_of
from recsys.artifacts import verify
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.errors import ArtifactError, RecsysError
from recsys.ranking.feature_list import features
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.embedding import Embedding, Readers, read
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.index import RECALL_K, ItemIndex
from recsys.retrieval.onnx import OnnxEncoder
from recsys.retrieval.traits import Trait


def run(opened: RunDirectory, stage: Stage, *, engine: Engine = "local", workers: int | None = None) -> None:
    """Make `vectors` and `index`, the penalties of EASE beside it.

    Texts that the run's last vectors, or those of its published bundle, were made of by this very student are not
    encoded again, nor are those that an interrupted embedding has done.

    Args:
        opened: the run.
        stage: this one.
        engine: who reads the texts: this process, or Ray's actors, each with the student; the run must then lie where
            all machines of the cluster see it. The vectors are the same, bit by bit.
        workers: how many actors; as many as there is room for if None.

    Raises:
        ArtifactError: what is read is not whole, or the disk is full; or an actor's machine would read otherwise.
    """
    catalog = Catalog.load(opened.read("catalog"))
    encoder = OnnxEncoder.load(opened.read("student"), threads=opened.settings.threads)
    work = opened.work(stage).absolute()
    readers = _actors(opened, encoder, work, workers) if engine == "ray" else None
    embedding = Embedding(encoder=encoder, work=work, before=_before(opened, encoder), readers=readers)
    with progress("text") as show:
        made, encoded = embedding.of(catalog, progress=show)
    err.print(f"  {encoded} texts encoded for {len(catalog)} items, the others were known", markup=False)
    vectors = replace(made, traits=_traits(opened.settings.traits.heads, catalog))
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
    shutil.rmtree(work, ignore_errors=True)


def _actors(opened: RunDirectory, encoder: OnnxEncoder, work: Path, workers: int | None) -> Readers:
    """Ray's, with a GPU each where this process reads by one."""
    threads = opened.settings.threads
    load = partial(_loaded, (opened / "student").absolute(), threads, encoder.reading, work)
    gpus = int("CUDAExecutionProvider" in encoder.session.get_providers())
    return RayPool(load=load, workers=workers, threads=threads, gpus=gpus).finished


def _loaded(student: Path, threads: int, reading: str, work: Path) -> Work:
    """What an actor does: the student is loaded once, then blocks of texts come."""
    encoder = OnnxEncoder.load(student, threads=threads)
    if encoder.reading != reading:
        raise ArtifactError(
            f"Expected Ray's actors to read as the process does that sends them texts (reading {reading[:12]}…), got "
            f"{encoder.reading[:12]}… on {platform.node()}; install the same onnxruntime on all machines, and send "
            "from one with a GPU where they have one."
        )
    return lambda _, texts: read(encoder, texts, work)


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
