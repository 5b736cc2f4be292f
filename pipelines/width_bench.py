"""`recsys bench widths`: what a teacher keeps when its vectors are cut, to their first numbers and by PCA."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from pipelines.run_directory import RunDirectory
from pipelines.text_exam import TextExam
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.errors import UsageError
from recsys.evaluation.compare import Estimate, estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.pca import principal_axes

METRIC = "ndcg@10"

Reduction: TypeAlias = Literal["prefix", "pca"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One width.

    Attributes:
        run: name of the run directory.
        reduction: which numbers are kept: the first, or the first principal components.
        dim: how many.
        ndcg: nDCG@10 of the test window's users by text alone, target new.
        kept: beside the whole vectors; None for these.
    """

    run: str
    reduction: Reduction
    dim: int
    ndcg: Estimate
    kept: Comparison | None


def measure(runs: Sequence[Path], dims: Sequence[str], *, form: Literal["json", "table"]) -> None:
    """Print a table of all runs.

    Raises:
        UsageError: no run there, or a width that is no number from 1 to that of the vectors.
        ArtifactError: no teacher.
    """
    rows = [row for run in runs for row in widths(RunDirectory.open(run), dims)]
    print(json.dumps([asdict(row) for row in rows], indent=1) if form == "json" else aligned(cells(rows)))


def widths(opened: RunDirectory, dims: Sequence[str]) -> Iterator[Row]:
    """The whole vectors, then each width in both ways.

    Raises:
        UsageError: a width that is no number from 1 to that of the vectors.
        ArtifactError: no teacher.
    """
    teacher = opened.read("teacher")
    encoder, interest = TransformerEncoder.load(teacher), InterestModel.load(teacher)
    kept = [_width(told, encoder.dim) for told in dims]
    catalog, log = Catalog.load(opened.read("catalog")), opened.read("interactions")
    interactions, split = Interactions.load(log), TimeSplit.load(log)
    exam = TextExam.of(catalog, interactions, split, opened.settings.evaluation)
    items = ItemVectors.of(catalog, encoder).vectors
    whole, name = exam.grade(interest, items), opened.path.name
    yield Row(run=name, reduction="prefix", dim=encoder.dim, ndcg=estimate(whole, METRIC), kept=None)
    fraction = opened.settings.finetune.valid_fraction
    corpus = Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=fraction)
    turn = principal_axes(_of_texts(corpus, catalog, items))
    forms: tuple[tuple[Reduction, InterestModel, FloatArray], ...] = (
        ("prefix", interest, items),
        ("pca", interest.turned(turn), items @ turn.T),
    )
    for dim in kept:
        for reduction, users, vectors in forms:
            found = exam.grade(users.cut(dim), _cut(vectors, dim))
            against = Comparison.of(found, whole, METRIC)
            yield Row(run=name, reduction=reduction, dim=dim, ndcg=estimate(found, METRIC), kept=against)


def _of_texts(corpus: Corpus, catalog: Catalog, items: FloatArray) -> FloatArray:
    """(n_texts, D): the vectors of the corpus' texts, by an item of each."""
    texts, first = np.unique(np.array(catalog.texts, np.str_), return_index=True)
    return items[first[np.searchsorted(texts, np.array(corpus.texts, np.str_))]]


def _width(told: str, most: int) -> int:
    if not told.isdecimal() or not 1 <= int(told) <= most:
        raise UsageError(
            f"Expected --dims from 1 to {most}, the width of the teacher's vectors, got {told}; correct it."
        )
    return int(told)


def _cut(vectors: FloatArray, dim: int) -> FloatArray:
    first = vectors[:, :dim]
    return np.asarray(first / np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12), np.float32)


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Head and body of the table."""
    head = ["run", "numbers", "which", "nDCG@10", "- whole (paired)", "of whole"]
    return [head, *(_cells(row) for row in rows)]


def _cells(row: Row) -> list[str]:
    which = {"prefix": "first", "pca": "principal components"}[row.reduction]
    body = [row.run, str(row.dim), "all" if row.kept is None else which, figure(row.ndcg)]
    if row.kept is None:
        return [*body, "", ""]
    share = row.kept.share
    return [*body, figure(row.kept.difference), "" if share is None else _percent(share)]


def _percent(share: Estimate) -> str:
    bounds = "" if share.low is None or share.high is None else f" [{share.low:.1%}, {share.high:.1%}]"
    return f"{share.mean:.1%}{bounds}"
