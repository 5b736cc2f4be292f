"""Task heads from and to files: train, predict, score."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from pipelines.console import err, progress
from pipelines.source import base_folder
from recsys import settings
from recsys.artifacts import read_manifest
from recsys.errors import ArtifactError, UsageError
from recsys.text.heads.bio import entities
from recsys.text.heads.classification import probabilities, score_classifier, train_classifier
from recsys.text.heads.examples import read_sentences, read_texts
from recsys.text.heads.head import KIND, Head, Task
from recsys.text.heads.scores import Scores
from recsys.text.heads.tagging import score_tagger, tags, train_tagger

Form = Literal["json", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to train.

    Attributes:
        task: classes of texts, or tags of words.
        data: labelled examples.
        out: a directory that does not exist yet, or an earlier head, which is replaced.
        teacher: start from its transformer; from encoder.base if None.
        config: a TOML file of settings.
        assignments: section.key=value.
    """

    task: Task
    data: Path
    out: Path
    teacher: Path | None
    config: Path | None
    assignments: Sequence[str]


def train(order: Order, *, form: Form) -> None:
    """Train, publish the head at `out`, print what came of it.

    Raises:
        UsageError: `out` is something else than a head.
        SchemaError: examples that nothing can be learned from.
        TrainingError: a loss that is not a number.
    """
    _check_out(order.out)
    chosen = settings.load(order.config, order.assignments)
    start = order.teacher or base_folder(chosen.encoder.base, revision=chosen.encoder.revision)
    with progress("step") as show:
        if order.task == "classify":
            texts = read_texts(order.data, labelled=True)
            head, course = train_classifier(texts, start=start, config=chosen.head, progress=show)
        else:
            sentences = read_sentences(order.data, tagged=True)
            head, course = train_tagger(sentences, start=start, config=chosen.head, progress=show)
    digest = head.save(order.out, config=chosen.head)
    figure = "accuracy" if order.task == "classify" else "f1"
    facts = {
        "head": str(order.out),
        "digest": digest,
        "labels": list(head.labels),
        "steps": course.looks[-1].step,
        "kept_step": course.best.step,
        f"held_out_{figure}": course.best.figure,
        "trained_share": course.share,
    }
    print(json.dumps(facts, indent=1) if form == "json" else _lines(facts))


def _check_out(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        read_manifest(out, kind=KIND)
    except ArtifactError as error:
        raise UsageError(f"{out} exists and holds no head; choose another --out.") from error


def predict(directory: Path, data: Path, out: Path) -> None:
    """Write one row a text (label, a probability a class) or a sentence (words, tags, entities).

    Raises:
        UsageError: `out` is neither .parquet nor .jsonl.
        SchemaError: examples that cannot be read.
        ArtifactError: no head, or `out` cannot be written.
    """
    if out.suffix not in (".parquet", ".jsonl"):
        raise UsageError(f"Expected --out as .parquet or .jsonl, got {out}; rename it.")
    head = Head.load(directory)
    table = _classified(head, data) if head.task == "classify" else _tagged(head, data)
    temporary = out.with_name(f".{out.name}")
    try:
        (table.write_parquet if out.suffix == ".parquet" else table.write_ndjson)(temporary)
        temporary.replace(out)
    except OSError as error:
        raise ArtifactError(f"Cannot write {out}: {error.strerror}; free space or choose another place.") from error
    finally:
        temporary.unlink(missing_ok=True)
    err.print(f"{table.height} predictions in {out}", markup=False)


def _classified(head: Head, data: Path) -> pl.DataFrame:
    texts = read_texts(data, labelled=False).texts
    found = probabilities(head, texts)
    columns = {f"probability_{label}": found[:, i] for i, label in enumerate(head.labels)}
    return pl.DataFrame({"text": texts, "label": np.array(head.labels)[found.argmax(axis=1)], **columns})


def _tagged(head: Head, data: Path) -> pl.DataFrame:
    words = read_sentences(data, tagged=False).words
    found = tags(head, words)
    named = [
        [{"type": e.type, "text": " ".join(own[e.start : e.end]), "start": e.start, "end": e.end} for e in entities(t)]
        for own, t in zip(words, found, strict=True)
    ]
    entity = pl.Struct({"type": pl.String, "text": pl.String, "start": pl.Int64, "end": pl.Int64})
    schema = {"words": pl.List(pl.String), "tags": pl.List(pl.String), "entities": pl.List(entity)}
    rows = {"words": [list(own) for own in words], "tags": [list(own) for own in found], "entities": named}
    return pl.DataFrame(rows, schema=schema)


def score(directory: Path, data: Path, *, form: Form) -> None:
    """Print accuracy, and precision, recall and F1 of each label and in all.

    Raises:
        SchemaError: examples that cannot be read, or with labels that the head does not know.
        ArtifactError: no head.
    """
    head = Head.load(directory)
    if head.task == "classify":
        scores = score_classifier(head, read_texts(data, labelled=True))
    else:
        scores = score_tagger(head, read_sentences(data, tagged=True))
    print(json.dumps(dataclasses.asdict(scores), indent=1) if form == "json" else _table(scores))


def _lines(facts: dict[str, object]) -> str:
    return "\n".join(f"{name:18s}{value}" for name, value in facts.items())


def _table(scores: Scores) -> str:
    width = max(10, *(len(score.label) + 2 for score in scores.labels))
    rows = [f"{'':{width}}precision  recall  f1     support"]
    rows += [f"{s.label:{width}}{s.precision:.3f}      {s.recall:.3f}   {s.f1:.3f}  {s.support}" for s in scores.labels]
    return "\n".join([*rows, f"accuracy {scores.accuracy:.4f}   f1 {scores.f1:.4f}   macro f1 {scores.macro_f1:.4f}"])
