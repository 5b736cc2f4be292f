"""Both sides of the race over served encoders are timed alike, and each leaves its figures."""

import json
import sys

import pytest

from tests.bench.versus_onnx_int8 import __main__ as duel
from tests.bench.versus_onnx_int8 import ours, stopwatch
from tests.tiny import write_base

TEXTS = [f"text {i}" for i in range(300)]


def test_every_text_counts_in_bulk_and_two_hundred_alone():
    calls = []
    figures = stopwatch.figures(lambda texts: calls.append(len(texts)), TEXTS)
    assert calls == [256, 1, *[1] * 200, 300]
    assert figures["texts/s"] > 0
    assert 0 < figures["p50 ms"] <= figures["p99 ms"]


def test_ours_reads_an_encoder_as_it_is_served(tmp_path, monkeypatch):
    from recsys.text.compress.export import export_onnx
    from recsys.text.encoder import TransformerEncoder

    base = write_base(tmp_path / "base")
    export_onnx(TransformerEncoder.of_base(base, max_tokens=8, pooling="mean"), tmp_path, texts=TEXTS[:8])
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS[:20]))
    options = duel.named(texts=tmp_path / "texts.json", encoder=tmp_path, threads=1, out=tmp_path / "figures.json")
    monkeypatch.setattr(sys, "argv", ["ours", *options])
    ours.main()
    assert set(json.loads((tmp_path / "figures.json").read_text())) == {"texts/s", "p50 ms", "p99 ms"}


def test_a_side_that_fails_leaves_no_old_figures(tmp_path):
    out = tmp_path / "figures.json"
    out.write_text("{}")
    with pytest.raises(Exception, match="non-zero exit status 3"):
        duel.measured([sys.executable, "-c", "raise SystemExit(3)"], out)
    assert not out.exists()
