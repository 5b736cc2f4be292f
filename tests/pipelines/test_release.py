"""The gate at work: what is worse, slower, larger, of other parts or altered does not replace what is published."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipelines import costs
from pipelines.__main__ import main
from pipelines.report import report
from pipelines.river import force, run_stage
from pipelines.run_directory import RunDirectory
from pipelines.stages import named
from recsys import settings
from recsys.artifacts import publish, read_manifest, sha256, verify, write_manifest
from recsys.bundle import Bundle
from recsys.data.catalog import Catalog
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.errors import ArtifactError, GateError, UsageError
from recsys.evaluation.gate import Gate
from recsys.ranking.ranker import Ranker
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.index import ItemIndex
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.onnx import OnnxEncoder

LENIENT = {
    "student_share": 0.0,
    "pipeline_share": 0.0,
    "published_share": 0.0,
    "segment_share": 0.0,
    "not_below": "",
    "costlier": 1e9,
    "slower": 1e9,
    "slower_p99": 1e9,
    "larger": 1e9,
    "heavier": 1e9,
    "repeats": 10,
}
"""A gate that lets everything through, so that each test can close one way."""


def opened(path, **gate):
    """The run with these limits, all others lenient."""
    chosen = settings.validate(
        {
            "ranking": {"trees": {"trees": 20, "leaves": 7, "min_rows": 10}},
            "ablation": {"rankers": ["with_teacher"]},
            "evaluation": {"samples": 200},
            "gate": LENIENT | gate,
            "threads": 1,
        }
    )
    run = RunDirectory(path=path, source="shop", source_digest="0", until=None, settings=chosen)
    run.save()
    return run


def put(path, kind, write):
    with publish(path / kind, kind=kind) as work:
        write(work)


def put_student(path, shop, encoder, *, model=None):
    def write(work):
        shutil.copytree(encoder, work, dirs_exist_ok=True)
        if model is not None:
            onnx.save(model, work / "model.onnx")
        facts = json.loads((work / "encoder.json").read_text())
        facts |= {"layers": 1, "digest": sha256(work / "model.onnx")}
        (work / "encoder.json").write_text(json.dumps(facts))
        InterestModel.zero_shot(16, shop.interactions.day).save(work)
        (work / "measured.json").write_text(json.dumps({"encoder_ms": {"student": 0.1, "teacher": 1.0}}))

    put(path, "student", write)


def put_teacher(path, shop, vectors):
    def write(work):
        (work / "encoder.json").write_text('{"layers": 6}')
        (work / "history.json").write_text("[]")
        InterestModel.zero_shot(16, shop.interactions.day).save(work)
        for name in ("vectors", "zero_shot"):
            (work / name).mkdir()
            vectors.save(work / name)

    put(path, "teacher", write)


def stages(path, *names):
    for name in names:
        run_stage(name, path)


@pytest.fixture(scope="module")
def evaluated(shop, toy_encoder, tmp_path_factory):
    """A run that has been evaluated and not yet released."""
    path = tmp_path_factory.mktemp("release") / "run"
    opened(path)
    split = TimeSplit.of(shop.interactions, SplitConfig())

    def log(work):
        shop.interactions.save(work)
        split.save(work)
        (work / "quality.json").write_text('{"filtered": {}, "rejects": {}}')

    put(path, "catalog", shop.catalog.save)
    put(path, "interactions", log)
    put_student(path, shop, toy_encoder)
    put_teacher(path, shop, ItemVectors.of(shop.catalog, OnnxEncoder.load(toy_encoder)))
    stages(path, "embed", "train_ranker", "evaluate")
    return path


@pytest.fixture(scope="module", autouse=True)
def _no_processes():
    """Memory is told, not measured: the processes take longer than all else here; test_costs has one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "resident", lambda directory: 100.0)
        yield


@pytest.fixture(scope="module")
def released(evaluated, tmp_path_factory):
    """The same with a bundle published."""
    path = tmp_path_factory.mktemp("released") / "run"
    shutil.copytree(evaluated, path)
    opened(path, student_share=0.9, pipeline_share=0.95, segment_share=0.85, not_below="popularity")
    stages(path, "release")
    return path


@pytest.fixture
def run(released, tmp_path):
    """A copy to work on."""
    return Path(shutil.copytree(released, tmp_path / "run", symlinks=True))


def contents(root):
    """Every byte of the bundles, and where `current` points."""
    files = {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file() and not p.is_symlink()}
    return files, (root / "current").readlink()


def refusals(path):
    return [(check.what, check.against) for check in Gate.load(path / "gate").refused]


def refused(path, match):
    """Release, be told no, find the bundles as they were; the rows that said so."""
    before = contents(path / "bundles")
    with pytest.raises(GateError, match=match):
        run_stage("release", path)
    assert contents(path / "bundles") == before
    return refusals(path)


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


def test_the_report_shows_the_gate_of_this_evaluation(run):
    report(run, form="json")
    assert "<h2>The gate</h2>" in (run / "report.html").read_text()
    assert "<h2>What distillation kept</h2>" in (run / "report.html").read_text()
    put(run, "evaluation", lambda work: shutil.copytree(run / "evaluation", work, dirs_exist_ok=True))
    report(run, form="json")
    assert "<h2>The gate</h2>" not in (run / "report.html").read_text()


def spoil(path, shop, cold):
    """Noise in place of the vectors of cold items, or of all; student, teacher and ranker made of them."""
    split = TimeSplit.load(path / "interactions")
    rows = ~shop.interactions.before(split.ranker_end).seen_items() if cold else np.ones(len(shop.catalog), np.bool_)
    vectors = ItemVectors.load(path / "vectors")
    noise = np.random.default_rng(5).normal(size=vectors.vectors.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    spoilt = replace(vectors, vectors=np.where(rows[:, None], noise if not cold else -vectors.vectors, vectors.vectors))
    put(path, "vectors", spoilt.save)
    put(path, "index", ItemIndex.build(spoilt.vectors, settings.load().retrieval.index).save)
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


def test_limits_of_its_own_hold_without_anything_published(evaluated, tmp_path):
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


def test_a_reason_publishes_in_spite_of_a_no_and_stays(run):
    opened(run, bundle_mb=0.001)
    before = contents(run / "bundles")[0]
    refused(run, "bundle, bytes")
    force(run, reason=" the disk was replaced ")
    current = (run / "bundles" / "current").resolve()
    verdict = verify(current, kind="bundle").config["verdict"]
    assert (verdict["verdict"], verdict["forced"]) == ("forced", "the disk was replaced")
    assert [c["what"] for c in verdict["checks"] if c["judgement"] == "refused"] == ["bundle, bytes"]
    after = contents(run / "bundles")[0]
    assert before.items() < after.items()
    opened_again = RunDirectory.open(run)
    assert opened_again.is_made(named("release", opened_again.settings))
    force(run, reason="again")  # up to date
    assert (run / "bundles" / "current").resolve() == current


def test_no_reason_is_no_reason(run):
    with pytest.raises(UsageError, match="Expected --force with the reason for releasing in spite of the gate, got no"):
        force(run, reason=" ")


def command(monkeypatch, *arguments):
    """The command line in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["recsys", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_line_ends_with_3_and_the_table_and_with_2_without_a_reason(run, monkeypatch, capsys):
    opened(run, bundle_mb=0.001)
    before = contents(run / "bundles")
    assert command(monkeypatch, "release", "--run", run) == 3
    told = capsys.readouterr()
    assert told.out == ""
    lines = [" ".join(line.split()) for line in told.err.splitlines()]
    assert "check against candidate reference ratio limit verdict" in lines
    assert any(line.startswith("bundle, bytes limit ") and line.endswith("– – ≤ 0.001 MB NO") for line in lines)
    assert lines[-1].startswith("recsys: Expected every check of the gate to pass, got no from 1 of ")
    assert command(monkeypatch, "release", "--run", run, "--force", "") == 2
    assert contents(run / "bundles") == before
    assert command(monkeypatch, "release", "--run", run, "--force", "a larger disk") == 0
    assert "forced: published" in capsys.readouterr().err


def resign(path, **verdict):
    """Give the published bundle another verdict, and a true manifest."""
    directory = (path / "bundles" / "current").resolve()
    manifest = read_manifest(directory, kind="bundle")
    config = dict(manifest.config) | ({"verdict": manifest.config["verdict"] | verdict} if verdict else {})
    if not verdict:
        config.pop("verdict")
    write_manifest(directory, kind="bundle", config=config, parents={**manifest.parents, "student": "another"})


def test_a_published_bundle_that_may_know_the_answers_is_no_measure(run):
    split = TimeSplit.load(run / "interactions")
    opened(run, slower=1e8)
    resign(run, window=[split.ranker_end + 1, split.end])
    assert refused(run, "it learned until .* it may know the answers") == [("quality", "published bundle")]
    resign(run)
    assert refused(run, "it does not say until when it learned") == [("quality", "published bundle")]


def test_a_published_bundle_that_learned_until_the_window_is_compared(run):
    opened(run, slower=1e8, published_share=0.95)
    resign(run, forced="")
    stages(run, "release")
    beside = [
        check for check in Gate.load(run / "gate").checks if check.against == "published bundle" and not check.unit
    ]
    assert len(beside) == 12
    assert {check.share.mean for check in beside if check.reference} == {1.0}  # the same models give the same lists


def test_a_published_bundle_that_is_not_whole_must_be_replaced_on_purpose(run):
    opened(run, slower=1e8)
    resign(run, forced="")
    users = (run / "bundles" / "current").resolve() / "users.json"
    users.write_text("[]")
    assert refused(run, r"cannot be compared: .*users\.json was altered") == [("quality", "published bundle")]
    force(run, reason="the old one lost a file")
