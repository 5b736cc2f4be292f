"""One training of the text encoder, judged on the test window by text alone."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pipelines.console import progress
from pipelines.run_directory import RunDirectory
from pipelines.source import base_for, pretraining
from pipelines.text_exam import TextExam
from pipelines.trial import KIND, config
from recsys.artifacts import publish
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.data.storage import read_json, write_json
from recsys.retrieval.embeddings import ItemVectors
from recsys.settings import Settings
from recsys.text.corpus import Corpus
from recsys.text.finetune import Teacher, finetune
from recsys.text.masked.pretrain import pretrain


def run(log: Path, work: Path, out: Path) -> None:
    """Train as work/settings.json says, judge, publish `out` and clear `work`; the same call resumes.

    Args:
        log: a run directory with the stage prepare done.
        work: checkpoints and settings.json.
        out: where the trial goes.
    """
    opened = RunDirectory.open(log)
    settings = Settings.model_validate_json((work / "settings.json").read_text())
    catalog, interactions = Catalog.load(opened.read("catalog")), Interactions.load(opened.read("interactions"))
    split = TimeSplit.load(log / "interactions")
    corpus = Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=settings.finetune.valid_fraction)
    with _timed(work / "seconds.json"):
        teacher = _train(corpus, settings, work)
    vectors = ItemVectors.of(catalog, teacher.encoder).vectors
    per_user = TextExam.of(catalog, interactions, split, settings.evaluation).grade(teacher.interest, vectors)
    with publish(out, kind=KIND, config=config(settings)) as folder:
        per_user.write_parquet(folder / "per_user.parquet")
        best = max(look.merit for look in teacher.looks)
        write_json(folder / "figures.json", {"validation": best, **read_json(work / "seconds.json")})
        (folder / "history.json").write_text(json.dumps([asdict(look) for look in teacher.looks], indent=1))
    shutil.rmtree(work)


def _train(corpus: Corpus, settings: Settings, work: Path) -> Teacher:
    base = base_for(settings.encoder, corpus.texts, work)
    with progress("step") as show:
        if settings.pretrain.steps:
            folder = work / "pretraining"
            done = pretrain(corpus.texts, base=base, config=pretraining(settings), workdir=folder, progress=show)
            base = work / "pretrained"
            base.mkdir(exist_ok=True)
            done.save(base)
        return finetune(
            corpus,
            base=base,
            encoder=settings.encoder,
            config=settings.finetune,
            workdir=work / "finetuning",
            progress=show,
        )


@contextlib.contextmanager
def _timed(file: Path) -> Iterator[None]:
    """Adds the seconds of the block to those in the file, also where it is interrupted."""
    before = read_json(file)["seconds"] if file.exists() else 0.0
    start = time.perf_counter()
    try:
        yield
    finally:
        write_json(file, {"seconds": before + time.perf_counter() - start})
