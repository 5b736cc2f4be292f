"""Teacher and student side by side: quality, size, speed."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from recsys.retrieval.embeddings import TextEncoder
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray
from recsys.text.corpus import Corpus
from recsys.text.validation import Validation

MEASURED = "measured.json"

_SINGLE, _BULK = 200, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One encoder's row of the table.

    Attributes:
        name: "teacher", "student", or "student fp32" where that is not what is served.
        ndcg: mean nDCG@10 on the validation window before encoder_end, target new.
        recall: mean recall@20 there.
        megabytes: of the model file.
        single_ms: median milliseconds of one text alone, tokenisation included.
        single_p99_ms: 99th percentile of the same.
        texts_per_second: of many texts at once.
    """

    name: str
    ndcg: float
    recall: float
    megabytes: float
    single_ms: float
    single_p99_ms: float
    texts_per_second: float


def measure(
    name: str, encoder: TextEncoder, vectors: FloatArray, interest: InterestModel, corpus: Corpus, size: int
) -> Measured:
    """Judge an encoder on the corpus' validation window and take its time on the corpus' texts.

    Args:
        name: of the row.
        encoder: as it is served.
        vectors: float32 (n_texts, d), the corpus' texts by the encoder.
        interest: its user tower.
        corpus: what was known at encoder_end.
        size: bytes of the model file.
    """
    quality = Validation.of(corpus).judge(interest, vectors)
    texts = [corpus.texts[i] for i in np.linspace(0, len(corpus.texts) - 1, _BULK).astype(int)]
    encoder.encode(texts[:8])
    singles = [_seconds(partial(encoder.encode, [texts[i]])) for i in np.linspace(0, _BULK - 1, _SINGLE).astype(int)]
    return Measured(
        name=name,
        ndcg=float(quality.ndcg.mean()),
        recall=float(quality.recall.mean()),
        megabytes=size / 1e6,
        single_ms=float(np.median(singles)) * 1e3,
        single_p99_ms=float(np.quantile(singles, 0.99)) * 1e3,
        texts_per_second=len(texts) / _seconds(partial(encoder.encode, texts)),
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write_measured(directory: Path, rows: Sequence[Measured]) -> None:
    """Write measured.json, which no digest covers: quantity → name → value, `single_ms` under `encoder_ms`."""
    columns = {name: name for name in asdict(rows[0]) if name != "name"}
    columns["encoder_ms"] = columns.pop("single_ms")
    body = {title: {row.name: getattr(row, column) for row in rows} for title, column in columns.items()}
    (directory / MEASURED).write_text(json.dumps(body, indent=1))
