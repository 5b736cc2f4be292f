"""The table of variants, its file and its front."""

import json

import pytest

from recsys.artifacts import publish, read_manifest
from recsys.errors import ArtifactError
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.variants import KIND, Variant, Variants
from recsys.retrieval.speed import Speed

FIGURES = {"teacher": (8.0, 0.20, 90), "served": (1.0, 0.19, 20), "dear": (2.0, 0.18, 40), "quick": (0.1, 0.1, 5)}


def make(figures=FIGURES, ms=1.0):
    rows, speeds = [], {}
    for name, (p50, ndcg, size) in figures.items():
        share = Estimate(mean=ndcg / 0.2, low=ndcg / 0.25, high=ndcg / 0.16, n=99)
        difference = Difference(mean=ndcg - 0.2, low=ndcg - 0.21, high=ndcg - 0.19, n=99, differing=99)
        kept = Comparison(ours=ndcg, other=0.2, share=share, difference=difference)
        rows.append(
            Variant(
                name=name,
                place=name if name in {"teacher", "served"} else "other",
                why=f"about {name}",
                changes=("distill.layers=2",),
                layers=0 if name == "quick" else 3,
                dim=384,
                megabytes=size,
                ndcg=Estimate(mean=ndcg, low=ndcg - 0.01, high=ndcg + 0.01, n=99),
                kept=None if name == "teacher" else kept,
            )
        )
        speeds[name] = Speed(p50_ms=p50 * ms, p99_ms=2 * p50, texts_per_second=1000 / p50)
    return Variants(rows=tuple(rows), speeds=speeds, threads=2)


def test_the_front_is_what_no_other_betters():
    assert [row.name for row in make().front()] == ["quick", "served", "teacher"]
    tied = make({"slow": (2.0, 0.2, 1), "fast": (1.0, 0.2, 1), "best at once": (1.0, 0.3, 1)})
    assert [row.name for row in tied.front()] == ["best at once"]


def test_what_is_saved_is_loaded_and_no_clock_moves_the_digest(tmp_path):
    digests = []
    for ms in (1.0, 3.0):
        with publish(tmp_path / "variants", kind=KIND) as out:
            make(ms=ms).save(out)
        digests.append(read_manifest(tmp_path / "variants", kind=KIND).digest)
        assert Variants.load(tmp_path / "variants") == make(ms=ms)
    assert digests[0] == digests[1]


def test_a_file_of_another_form(tmp_path):
    with publish(tmp_path / "variants", kind=KIND) as out:
        make().save(out)
        (out / "measured.json").write_text(json.dumps({"threads": 2, "speeds": {"teacher": {"p50_ms": "soon"}}}))
    with pytest.raises(ArtifactError, match=r"holds no variants of an encoder: at speeds.teacher.p50_ms, input sho"):
        Variants.load(tmp_path / "variants")
