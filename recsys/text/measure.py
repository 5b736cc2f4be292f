"""Teacher and student side by side: quality, size, speed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from recsys.retrieval.embeddings import TextEncoder
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.speed import race
from recsys.schema import FloatArray
from recsys.text.corpus import Corpus
from recsys.text.validation import Validation

MEASURED = "measured.json"

_BULK, _ROUNDS = 512, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An encoder to be measured.

    Attributes:
        encoder: as it is served.
        vectors: float32 (n_texts, d), the corpus' texts by the encoder.
        interest: its user tower.
        size: bytes of the model file.
    """

    encoder: TextEncoder
    vectors: FloatArray
    interest: InterestModel
    size: int


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


def measure(entries: Mapping[str, Entry], corpus: Corpus) -> tuple[Measured, ...]:
    """Judge encoders on the corpus' validation window and take their times, in turn, on the corpus' texts.

    Args:
        entries: by name of the row.
        corpus: what was known at encoder_end.
    """
    judge = Validation.of(corpus)
    texts = [corpus.texts[i] for i in np.linspace(0, len(corpus.texts) - 1, _BULK).astype(int)]
    encoders = {name: entry.encoder for name, entry in entries.items()}
    speeds = race(encoders, texts, rounds=_ROUNDS, progress=lambda *_: None)
    rows = []
    for name, entry in entries.items():
        quality, speed = judge.judge(entry.interest, entry.vectors), speeds[name]
        rows.append(
            Measured(
                name=name,
                ndcg=float(quality.ndcg.mean()),
                recall=float(quality.recall.mean()),
                megabytes=entry.size / 1e6,
                single_ms=speed.p50_ms,
                single_p99_ms=speed.p99_ms,
                texts_per_second=speed.texts_per_second,
            )
        )
    return tuple(rows)


def write_measured(directory: Path, rows: Sequence[Measured]) -> None:
    """Write measured.json, which no digest covers: quantity → name → value, `single_ms` under `encoder_ms`."""
    columns = {name: name for name in asdict(rows[0]) if name != "name"}
    columns["encoder_ms"] = columns.pop("single_ms")
    body = {title: {row.name: getattr(row, column) for row in rows} for title, column in columns.items()}
    (directory / MEASURED).write_text(json.dumps(body, indent=1))
