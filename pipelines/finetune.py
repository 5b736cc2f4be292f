"""Stage: base encoder + log before encoder_end → teacher, trained by Ray Train."""

import shutil
from dataclasses import replace
from pathlib import Path

from pipelines import forgetting
from pipelines.console import err, progress
from pipelines.reliability import on_validation
from pipelines.run_directory import RunDirectory
from pipelines.source import base_for
from pipelines.stages import Stage
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.text import distributed
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.whitening import untrained


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `teacher`, and beside it the items' vectors: by the teacher (`vectors`) and by the base (`zero_shot`).

    reliability.json says how far its interest is to be believed.

    The teacher starts from `pretrained` where the stage reads it; `zero_shot` is what training would start from with
    the base as it comes, in any case.
    With finetune.continual.start it goes on from another teacher; forgetting.json says what that kept and gained.
    """
    config, encoder = opened.settings.finetune, opened.settings.encoder
    catalog, log = Catalog.load(opened.read("catalog")), opened.read("interactions")
    interactions, split = Interactions.load(log), TimeSplit.load(log)
    start = forgetting.verified(config.continual.start)
    corpus = forgetting.prepared(_corpus(catalog, interactions, split, config.valid_fraction), start)
    base = base_for(encoder, corpus.texts, opened.work(stage))
    with opened.make(stage) as out:
        target = out["teacher"]
        with progress("step") as show:
            distributed.run(
                corpus,
                base=opened.read("pretrained") if "pretrained" in stage.reads else base,
                encoder=encoder,
                config=config,
                workdir=opened.work(stage),
                out=target,
                progress=show,
                start=start,
            )
        forgetting.write(corpus, start, target)
        err.print("  item vectors", markup=False)
        vectors = ItemVectors.of(catalog, TransformerEncoder.load(target))
        _save(vectors, target / "vectors")
        found = on_validation(corpus, InterestModel.load(target), vectors.of_texts(catalog, corpus.texts))
        if found is not None:
            found.save(target)
        known = catalog.known_before(split.encoder_end, interactions.before(split.encoder_end).seen_items())
        as_it_comes = TransformerEncoder.of_base(base, max_tokens=encoder.max_tokens, pooling=encoder.pooling)
        vectors = ItemVectors.of(catalog, as_it_comes)
        started = untrained(vectors.vectors, known, whiten=config.whitening)
        _save(replace(vectors, vectors=started), target / "zero_shot")
    shutil.rmtree(opened.work(stage), ignore_errors=True)


def _corpus(catalog: Catalog, interactions: Interactions, split: TimeSplit, valid_fraction: float) -> Corpus:
    corpus = Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=valid_fraction)
    if corpus.textless:
        err.print(f"  note: {corpus.textless} positive events of items without text are left out", markup=False)
    return corpus


def _save(vectors: ItemVectors, directory: Path) -> None:
    directory.mkdir()
    vectors.save(directory)
