"""Teacher and student side by side: quality, size, speed."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from recsys.retrieval.embeddings import TextEncoder
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray
from recsys.text.corpus import Corpus
from recsys.text.validation import Validation

MEASURED = "measured.json"

_SINGLE, _BULK = 50, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One encoder's row of the table.

    Attributes:
        name: "teacher" or "student".
        ndcg: mean nDCG@10 on the validation window before encoder_end, target new.
        recall: mean recall@20 there.
        megabytes: of the model file.
        single_ms: median milliseconds of one text alone.
        texts_per_second: of many texts at once.
    """

    name: str
    ndcg: float
    recall: float
    megabytes: float
    single_ms: float
    texts_per_second: float


def measure(
    name: str, encoder: TextEncoder, vectors: FloatArray, interest: InterestModel, corpus: Corpus, model: Path
) -> Measured:
    """Judge an encoder on the corpus' validation window and take its time on the corpus' texts.

    Args:
        name: of the row.
        encoder: as it is served.
        vectors: float32 (n_texts, d), the corpus' texts by the encoder.
        interest: its user tower.
        corpus: what was known at encoder_end.
        model: the file whose size counts.
    """
    quality = Validation.of(corpus).judge(interest, vectors)
    texts = [corpus.texts[i] for i in np.linspace(0, len(corpus.texts) - 1, _BULK).astype(int)]
    encoder.encode(texts[:8])
    singles = [_seconds(partial(encoder.encode, [text])) for text in texts[:: _BULK // _SINGLE]]
    return Measured(
        name=name,
        ndcg=float(quality.ndcg.mean()),
        recall=float(quality.recall.mean()),
        megabytes=model.stat().st_size / 1e6,
        single_ms=float(np.median(singles)) * 1e3,
        texts_per_second=len(texts) / _seconds(partial(encoder.encode, texts)),
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write_measured(directory: Path, rows: Sequence[Measured]) -> None:
    """Write measured.json, which no digest covers: quantity → name → value, `single_ms` under `encoder_ms`."""
    columns = {"encoder_ms": "single_ms", "texts_per_second": "texts_per_second", "megabytes": "megabytes"}
    body = {title: {row.name: getattr(row, column) for row in rows} for title, column in columns.items()}
    (directory / MEASURED).write_text(json.dumps(body, indent=1))
