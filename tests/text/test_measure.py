"""Teacher and student side by side."""

import json
from dataclasses import replace

from recsys.retrieval.interest import InterestModel
from recsys.text.encoder import TransformerEncoder
from recsys.text.measure import Entry, Measured, measure, write_measured
from recsys.text.validation import Validation


def test_a_row_of_the_table(base, corpus):
    encoder = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")
    interest = InterestModel.zero_shot(encoder.dim, corpus.day)
    vectors = encoder.encode(corpus.texts)
    entry = Entry(encoder=encoder, vectors=vectors, interest=interest, size=45_000_000)
    row, other = measure({"teacher": entry, "student": replace(entry, size=1)}, corpus)
    assert (row.name, other.name) == ("teacher", "student")
    quality = Validation.of(corpus).judge(interest, vectors)
    assert (row.ndcg, row.recall) == (quality.ndcg.mean(), quality.recall.mean())
    assert row.megabytes == 45.0
    assert 0 < row.single_ms <= row.single_p99_ms
    assert row.texts_per_second > 0


def test_measured_json_is_by_quantity(tmp_path):
    rows = [
        Measured(name=name, ndcg=0.1, recall=0.2, megabytes=size, single_ms=ms, single_p99_ms=9.0, texts_per_second=9.0)
        for name, size, ms in (("teacher", 90.0, 8.0), ("student", 60.0, 2.0))
    ]
    write_measured(tmp_path, rows)
    body = json.loads((tmp_path / "measured.json").read_text())
    assert body["encoder_ms"] == {"teacher": 8.0, "student": 2.0}
    assert body["single_p99_ms"] == {"teacher": 9.0, "student": 9.0}
    assert body["ndcg"] == {"teacher": 0.1, "student": 0.1}
    assert body["megabytes"] == {"teacher": 90.0, "student": 60.0}
