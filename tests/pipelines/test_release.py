"""The gate at work: what is worse, slower, larger, of other parts or altered does not replace what is published."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest

from pipelines import costs
from pipelines.report import report
from pipelines.river import force, run_stage
from pipelines.run_directory import RunDirectory
from pipelines.smoke import SmokeError
from pipelines.stages import named
from recsys import settings
from recsys.artifacts import verify
from recsys.bundle import Bundle
from recsys.data.catalog import Catalog
from recsys.data.split import TimeSplit
from recsys.errors import ArtifactError, GateError
from recsys.evaluation.gate import Gate
from recsys.ranking.observation import observe
from recsys.ranking.ranker import Ranker
from recsys.retrieval.ease_penalty import Penalties
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.onnx import OnnxEncoder
from tests.pipelines.small_run import (
    LENIENT,
    contents,
    noise,
    opened,
    put,
    put_student,
    put_teacher,
    refusals,
    refused,
    resettled,
    stages,
)


def test_the_first_release_keeps_its_table(released):
    bundle = released / "bundles" / "current"
    verdict = verify(bundle.resolve(), kind="bundle").config["verdict"]
    assert (verdict["verdict"], verdict["forced"]) == ("passed", "")
    split = TimeSplit.load(released / "interactions")
    assert verdict["window"] == [split.ranker_end, split.end]
    table = {(check["what"], check["against"]): check for check in verdict["checks"]}
    assert table["quality and costs", "published bundle"]["note"] == "none yet"
    same = table["nDCG@10, whole pipeline", "teacher"]  # this student is its own teacher
    assert same["share"]["mean"] == 1
    assert same["candidate"] == same["reference"] > 0
    assert ("recall@20, text alone, cold items", "teacher") in table
    assert ("nDCG@10, whole pipeline", "popularity") in table
    measured = json.loads((bundle / "measured.json").read_text())
    assert {row["what"] for row in measured} >= {"one text, p50", "rank 48 items, p99", "memory"}
    assert Gate.load(released / "gate").lasting() == verdict
    run = RunDirectory.open(released)
    assert run.is_made(named("release", run.settings))
    assert Bundle.load(bundle).digest == bundle.resolve().name


def test_what_the_ranker_reads_is_released_with_it(released):
    bundle = Bundle.load(released / "bundles" / "current")
    assert bundle.reference is not None
    assert tuple(bundle.reference.columns) == tuple(sorted([*bundle.recommender.ranker.features, "score"]))
    split = TimeSplit.load(released / "interactions")
    late = {user for user in range(len(bundle.users)) if bundle.snapshot.take([user]).at[-1] >= split.ranker_end}
    assert bundle.reference.lists == len(late) < len(bundle.users)
    seen = observe(
        bundle.recommender.snapshot, bundle.recommender.ranker, bundle.snapshot.take(sorted(late)), as_of=bundle.end
    )
    for name, counts in bundle.reference.counts(seen).items():
        np.testing.assert_array_equal(counts, bundle.reference.columns[name].counts)


def test_a_bundle_that_does_not_answer_is_never_current(run, monkeypatch):
    opened(run, slower=1e8)
    before, tried = contents(run / "bundles"), []

    def failing(bundle):
        assert contents(run / "bundles") == before
        tried.append(verify(bundle, kind="bundle").digest)
        raise SmokeError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.release.smoke", failing)
        for ask in (lambda: run_stage("release", run), lambda: force(run, reason="in a hurry")):
            with pytest.raises(SmokeError, match="no answer"):
                ask()
    assert contents(run / "bundles") == before
    assert list((run / ".work").iterdir()) == []
    stages(run, "release")
    assert (run / "bundles" / "current").resolve().name == tried[0]


def test_clock_readings_stay_out_of_the_digest(evaluated, released, tmp_path):
    again = Path(shutil.copytree(evaluated, tmp_path / "again"))
    opened(again, student_share=0.9, pipeline_share=0.95, segment_share=0.85, not_below="popularity")
    stages(again, "release")
    measured = [(root / "bundles" / "current" / "measured.json").read_bytes() for root in (again, released)]
    assert measured[0] != measured[1]
    assert (again / "bundles" / "current").readlink() == (released / "bundles" / "current").readlink()


def test_the_same_models_are_not_compared_with_themselves(run):
    opened(run, slower=1e8)
    stages(run, "release")
    notes = [check.note for check in Gate.load(run / "gate").checks]
    assert "the same student and ranker" in notes
    assert len([p for p in (run / "bundles").iterdir() if not p.is_symlink()]) == 2


def test_other_rules_redo_evaluation_and_release_beside_the_published_lists(run, capsys):
    rules = {"caps": [{"by": "category", "most": 2}], "pins": [{"item_id": "gone", "rank": 1}]}
    there = RunDirectory.open(run)
    stale = resettled(run, gate=LENIENT | {"slower": 1e8}, rules=rules)
    for name, kept in {"embed": True, "train_ranker": True, "evaluate": False, "release": False}.items():
        assert there.is_made(named(name, there.settings))
        assert stale.is_made(named(name, stale.settings)) == kept
    stages(run, "evaluate", "release")
    assert "warning: rules.pins: the catalogue has no item 'gone'" in capsys.readouterr().err
    checks = Gate.load(run / "gate").checks
    assert "the same student and ranker" not in [check.note for check in checks]
    whole = next(c for c in checks if (c.what, c.against) == ("nDCG@10, whole pipeline", "published bundle"))
    assert whole.candidate < whole.reference
    made = Bundle.load(run / "bundles" / "current")
    assert made.recommender.snapshot.config.rules == stale.settings.rules
    lists = pl.read_parquet(run / "evaluation" / "recommendations" / "*.parquet")
    items = Catalog.load(run / "catalog").items.select("item_id", "category")
    assert lists.join(items, on="item_id").group_by("user_id", "category").len()["len"].max() == 2


def test_the_report_shows_the_gate_of_this_evaluation(run):
    report(run, form="json")
    assert "<h2>The gate</h2>" in (run / "report.html").read_text()
    assert "<h2>What distillation kept</h2>" in (run / "report.html").read_text()
    put(run, "evaluation", lambda work: shutil.copytree(run / "evaluation", work, dirs_exist_ok=True))
    report(run, form="json")
    assert "<h2>The gate</h2>" not in (run / "report.html").read_text()


def spoil(path, shop, cold):
    """Noise for vectors of all items, or the opposite for those of cold ones; teacher and ranker made of them, too."""
    vectors = ItemVectors.load(path / "vectors")
    seen = shop.interactions.before(TimeSplit.load(path / "interactions").ranker_end).seen_items()
    spoilt = replace(vectors, vectors=vectors.vectors * np.where(seen, 1, -1)[:, None].astype(np.float32))
    spoilt = spoilt if cold else noise(path)
    put(path, "vectors", spoilt.save)
    index, penalties = ItemIndex.build(spoilt.vectors, settings.load().retrieval.index), Penalties.load(path / "index")
    put(path, "index", lambda work: (index.save(work), penalties.save(work)))
    put_teacher(path, shop, spoilt)
    stages(path, "train_ranker", "evaluate")


def test_worse_recall_is_refused(run, shop):
    spoil(run, shop, cold=False)
    opened(run, published_share=0.95)
    assert ("recall@20, text alone", "published bundle") in refused(run, "recall@20, text alone .*limit ≥ 95.0%")
    assert {against for _, against in refusals(run)} == {"published bundle"}


def test_a_worse_cold_segment_is_refused_though_the_rest_is_as_good(run, shop):
    spoil(run, shop, cold=True)
    opened(run, segment_share=0.85)
    assert ("recall@20, text alone, cold items", "published bundle") in refused(
        run, "recall@20, text alone, cold items"
    )
    assert all("cold items" in what for what, _ in refusals(run))


def deeper(encoder, *, layers, padding):
    """The same encoder after so many multiplications by one, and bytes that say nothing."""
    model = onnx.load(encoder / "model.onnx")
    graph = model.graph
    last = graph.node.pop()  # the norm
    name = last.input[0]
    size = 256
    wide = np.zeros((16, size), np.float32)
    wide[:, :16] = np.eye(16)
    for value, title in ((wide, "wide"), (np.eye(size, dtype=np.float32), "one"), (wide.T.copy(), "narrow")):
        graph.initializer.append(onnx.numpy_helper.from_array(value, title))
    for number, weight in enumerate(["wide", *["one"] * layers, "narrow"]):
        graph.node.append(onnx.helper.make_node("MatMul", [name, weight], [f"deep{number}"]))
        name = f"deep{number}"
    last.input[0] = name
    graph.node.append(last)
    graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(padding, np.float32), "padding"))
    return model


def test_a_slower_encoder_is_refused(run, shop, toy_encoder):
    put_student(run, shop, toy_encoder, model=deeper(toy_encoder, layers=200, padding=0))
    stages(run, "embed", "evaluate")
    opened(run, slower=2.0)
    assert refused(run, r"one text, p50 .* ms against published bundle's .* ms, .* ×, limit ≤ 2 ×") == [
        ("one text, p50", "published bundle")
    ]


def test_a_larger_encoder_is_refused(run, shop, toy_encoder):
    put_student(run, shop, toy_encoder, model=deeper(toy_encoder, layers=1, padding=100_000))
    stages(run, "embed", "evaluate")
    opened(run, larger=1.5)
    assert ("encoder, bytes", "published bundle") in refused(run, "encoder, bytes .* MB against published bundle's")


def test_a_process_that_needs_more_memory_is_refused(run, shop, toy_encoder, monkeypatch):
    put_student(run, shop, toy_encoder, model=deeper(toy_encoder, layers=1, padding=0))
    stages(run, "embed", "evaluate")
    opened(run, heavier=1.5)
    monkeypatch.setattr(costs, "resident", lambda directory: 100.0 if directory.parent == run / "bundles" else 151.0)
    assert refused(run, "memory 151 MB against published bundle's 100 MB") == [("memory", "published bundle")]


def test_limits_of_its_own_hold_without_anything_published(evaluated, memory_is_told, tmp_path):
    path = Path(shutil.copytree(evaluated, tmp_path / "run"))
    opened(path, bundle_mb=0.001)
    with pytest.raises(GateError, match=r"no from 1 of \d+: bundle, bytes .* MB, limit ≤ 0.001 MB"):
        run_stage("release", path)
    assert not (path / "bundles").exists()


def test_an_evaluation_of_other_parts_is_refused_and_no_reason_helps(run, shop, toy_encoder):
    put_student(run, shop, toy_encoder, model=deeper(toy_encoder, layers=1, padding=0))
    before = contents(run / "bundles")
    for release in (lambda: run_stage("release", run), lambda: force(run, reason="in a hurry")):
        with pytest.raises(GateError, match=r"Expected an evaluation of the student about to be published .* another"):
            release()
    assert contents(run / "bundles") == before
    stages(run, "embed", "evaluate", "release")
    assert contents(run / "bundles") != before


@pytest.mark.parametrize(
    "name",
    ["student/model.onnx", "index/index.faiss", "ranker/ranker.txt", "vectors/vectors.npy", "catalog/items.parquet"],
)
def test_one_flipped_bit_is_refused_before_anything_is_parsed(run, name, monkeypatch):
    opened(run, slower=1e8)
    for kind in (OnnxEncoder, ItemIndex, Ranker, Catalog, ItemVectors):
        monkeypatch.setattr(kind, "load", lambda *_, **__: pytest.fail("parsed before its sha256 was compared"))
    spoilt = bytearray((run / name).read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    (run / name).write_bytes(spoilt)
    before = contents(run / "bundles")
    for release in (lambda: run_stage("release", run), lambda: force(run, reason="in a hurry")):
        with pytest.raises(ArtifactError, match=rf"{name} was altered"):
            release()
    assert contents(run / "bundles") == before
