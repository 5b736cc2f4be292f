"""What a cross-encoder is worth on top of a run's teacher: the same candidates in its order and in the teacher's."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from pipelines.console import err, progress
from pipelines.run_directory import RunDirectory
from recsys import settings
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.evaluation.compare import Difference, Estimate, compare, estimate
from recsys.evaluation.metrics import USER
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import DoubleArray
from recsys.text.corpus import Corpus
from recsys.text.cross.reranking import Reranking, rerank
from recsys.text.cross.training import train_cross_encoder
from recsys.text.cross.two_tower import TwoTower

METRIC = "ndcg@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be measured.

    Attributes:
        run: a run directory with a teacher.
        out: where the cross-encoder goes, or None.
        users: most users it is judged by.
        k: candidates a user.
        assignments: section.key=value.
    """

    run: Path
    out: Path | None
    users: int
    k: int
    assignments: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One order of the candidates.

    Attributes:
        order: whose.
        ndcg: nDCG@10 over the users.
        difference: less that of the two-tower teacher, paired; None for itself.
    """

    order: str
    ndcg: Estimate
    difference: Difference | None


def measure(order: Order, *, form: Literal["json", "table"]) -> None:
    """Train, reorder, print.

    Raises:
        UsageError: no run there, or an unknown setting.
        ArtifactError: no teacher.
        TrainingError: what `train_cross_encoder` and `rerank` raise.
    """
    config = settings.load(None, order.assignments).cross_encoder
    opened = RunDirectory.open(order.run)
    catalog, log = Catalog.load(opened.read("catalog")), opened.read("interactions")
    interactions, split = Interactions.load(log), TimeSplit.load(log)
    fraction = opened.settings.finetune.valid_fraction
    corpus = Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=fraction)
    teacher = opened.read("teacher")
    vectors = ItemVectors.load(teacher / "vectors").of_texts(catalog, corpus.texts)
    two_tower = TwoTower(interest=InterestModel.load(teacher), vectors=vectors)
    with progress("step") as show:
        model, looks = train_cross_encoder(corpus, start=teacher, config=config, two_tower=two_tower, progress=show)
    best = min(looks, key=lambda look: look.judged)
    err.print(f"  best look at step {best.step}: loss {looks[0].judged:.4f} → {best.judged:.4f}", markup=False)
    if order.out is not None:
        model.save(order.out)
    with progress("users") as show:
        found = rerank(model, corpus, two_tower, users=order.users, k=order.k, progress=show)
    told = rows(found)
    print(json.dumps([asdict(row) for row in told], indent=1) if form == "json" else aligned(_cells(told)))


def rows(found: Reranking) -> list[Row]:
    """One for each order, the two-tower teacher's first."""
    base = _frame(found.two_tower)
    others = {"cross-encoder": found.cross_encoder, "both": found.both, "best possible": found.best}
    first = Row(order="two towers", ndcg=estimate(base, METRIC), difference=None)
    return [
        first,
        *(
            Row(order=name, ndcg=estimate(_frame(v), METRIC), difference=compare(_frame(v), base, METRIC))
            for name, v in others.items()
        ),
    ]


def _frame(values: DoubleArray) -> pl.DataFrame:
    return pl.DataFrame({USER: np.arange(len(values), dtype=np.int32), METRIC: values})


def _cells(told: Sequence[Row]) -> list[list[str]]:
    head = ["order", "nDCG@10", "- two towers (paired)"]
    return [head, *([r.order, figure(r.ndcg), "" if r.difference is None else figure(r.difference)] for r in told)]
