"""The figures of the index are of what the plan builds, beside an exact search of the same vectors."""

import json
import sys

import numpy as np
import pytest

from tests.bench import index_recall


def run(monkeypatch, capsys, **options) -> dict[str, object]:
    given = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["index_recall", *given])
    index_recall.main()
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("allowed", [1, 0.5])
def test_figures_of_a_small_catalogue(allowed, monkeypatch, capsys):
    config = json.dumps({"exact_up_to": 0, "hnsw_up_to": 0, "ivf_search": 8})
    figures = run(monkeypatch, capsys, items=3000, dim=16, queries=20, k=10, allowed=allowed, config=config)
    assert figures["factory"] == "IVF110,SQ8"  # 2 · √3000 = 109.5
    assert 0.5 < figures["recall@10"] <= 1
    assert 3000 * (16 + 8) < figures["bytes"] < figures["exact bytes"] == pytest.approx(3000 * 64, rel=0.01)
    assert figures["ms a query"] > 0
    assert figures["build seconds"] > 0


def test_an_exact_index_finds_all(monkeypatch, capsys):
    figures = run(monkeypatch, capsys, items=500, dim=8, queries=5, k=20, allowed=0.02)
    assert (figures["factory"], figures["recall@20"]) == ("Flat", 1)


def test_chunks_make_unit_rows_around_the_same_centres(monkeypatch):
    given = index_recall.argparse.Namespace(items=20_000, dim=4, noise=0.0)
    monkeypatch.setattr(index_recall, "CHUNK", 7)
    rows = index_recall.clustered(50, given, 1)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(50), abs=1e-6)
    assert len(np.unique(rows.round(4), axis=0)) <= 20  # 20,000 / 1000 centres
