"""Variants that share one training: trained once, exported each in its way, judged on the validation window."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.console import progress
from pipelines.lock import held
from pipelines.run_directory import RunDirectory, home
from pipelines.variant import KIND, METRIC, config, parents, save_per_user
from recsys.artifacts import publish
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.evaluation.metrics import USER
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray
from recsys.settings import Settings
from recsys.text.compress.served import serve
from recsys.text.corpus import Corpus
from recsys.text.distill.distillation import distill
from recsys.text.validation import Validation


def run(directory: Path, work: Path) -> None:
    """Make what the files of `work` ask for, and clear it; what is made is kept whatever happens to the next.

    Args:
        directory: a run with a teacher.
        work: NAME.json files, settings whose section distill is the same; variant NAME goes to RUN/trials/NAME.
    """
    opened = RunDirectory.open(directory)
    with held(home(directory)):
        _make(opened, work)


def _make(opened: RunDirectory, work: Path) -> None:
    orders = {file.stem: Settings.model_validate_json(file.read_text()) for file in sorted(work.glob("*.json"))}
    corpus = corpus_of(opened)
    with progress("step") as show:
        student = distill(opened.read("teacher"), corpus, config=_only(orders.values()).distill, progress=show)
    made_from = parents(opened)
    for name, settings in orders.items():
        with publish(trial(opened, name), kind=KIND, config=config(settings), parents=made_from) as out:
            served = serve(student, settings.compress, corpus, out, threads=settings.distill.threads)
            save_per_user(judged(corpus, served.interest, served.vectors), out)
    shutil.rmtree(work)


def trial(opened: RunDirectory, name: str) -> Path:
    """Where the variant of that key is kept."""
    return opened / "trials" / name


def corpus_of(opened: RunDirectory) -> Corpus:
    """What was known at the run's encoder_end."""
    catalog, log = Catalog.load(opened.read("catalog")), opened.read("interactions")
    interactions, split = Interactions.load(log), TimeSplit.load(log)
    fraction = opened.settings.finetune.valid_fraction
    return Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=fraction)


def judged(corpus: Corpus, interest: InterestModel, vectors: FloatArray) -> pl.DataFrame:
    """nDCG@10 of every validation user.

    Args:
        corpus: what was known at encoder_end.
        interest: the encoder's user tower.
        vectors: float32 (n_texts, dim), the corpus' texts.
    """
    ndcg = Validation.of(corpus).judge(interest, vectors).ndcg
    return pl.DataFrame({USER: np.arange(len(ndcg), dtype=np.int32), METRIC: ndcg})


def _only(orders: Iterable[Settings]) -> Settings:
    first, *others = orders
    assert all(settings.distill == first.distill for settings in others)
    return first
