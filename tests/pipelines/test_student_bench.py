"""Variants of one teacher: trained in processes of their own, kept, compared, timed, and drawn in the report."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from pipelines import student_bench, students
from pipelines.river import run_stage
from pipelines.run_directory import RunDirectory
from pipelines.source import locate
from recsys.artifacts import publish, read_manifest
from recsys.data.synthetic import make_world
from recsys.errors import ArtifactError, UsageError
from recsys.evaluation.variants import Variants
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.onnx import OnnxEncoder
from recsys.settings import validate
from recsys.text.encoder import TransformerEncoder
from tests.evaluation.test_variants import make
from tests.tiny import write_base


def test_the_table_tells_shares_and_stars_the_front():
    head, teacher, served, dear, quick = student_bench.cells(make(), against="teacher")
    assert head[:4] == ["variant", "nDCG@10", "- teacher (paired)", "of teacher"]
    assert [row[0] for row in (teacher, served, dear, quick)] == ["teacher *", "served *", "dear", "quick *"]
    assert teacher[2:4] == ["", ""]
    assert served[1:] == [
        "0.1900 [0.1800, 0.2000]",
        "-0.0100 [-0.0200, 0.0000]",
        "95.0% [76.0%, 118.8%]",
        "1.00",
        "2.00",
        "1000",
        "20.0",
        "about served",
    ]


def test_json_has_what_the_table_has():
    rows = json.loads(json.dumps(student_bench.values(make())))
    assert [row["front"] for row in rows] == [True, True, False, True]
    assert rows[1]["kept"]["share"]["mean"] == pytest.approx(0.95)
    assert (rows[1]["p50_ms"], rows[1]["threads"], rows[1]["changes"]) == (1.0, 2, ["distill.layers=2"])


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A run with a teacher: a random BERT as it is."""
    folder = tmp_path_factory.mktemp("variants")
    make_world(n_users=120, n_items=48, seed=1).write(folder / "shop")
    (folder / "base").mkdir()
    settings = validate({"distill": {"layers": 2, "max_steps": 3, "tokens_per_step": 300, "threads": 1}, "threads": 1})
    source, digest = locate(str(folder / "shop"))
    run = RunDirectory(path=folder / "run", source=source, source_digest=digest, until=None, settings=settings)
    run.save()
    run_stage("prepare", run.path)
    encoder = TransformerEncoder.of_base(write_base(folder / "base"), max_tokens=16, pooling="mean")
    with publish(run / "teacher", kind="teacher") as out:
        encoder.save(out)
        InterestModel.zero_shot(encoder.dim, 1).save(out)
    return run


def bench(opened, command, *more):
    arguments = ["-m", "pipelines", "bench", command, "--run", str(opened.path), "--rounds", "1", "--json", *more]
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)
    return done, json.loads(done.stdout) if done.stdout else None


def test_a_run_without_a_teacher(opened, tmp_path):
    bare = replace(opened, path=tmp_path)
    bare.save()
    order = student_bench.Order(run=tmp_path, assignments=[], rounds=1)
    for call in (
        lambda: student_bench.student(order, [], form="table"),
        lambda: student_bench.prune(order, ["0"], form="table"),
    ):
        with pytest.raises(ArtifactError, match=r"Expected a teacher at .*, found no manifest.json; run the"):
            call()


def test_a_setting_that_makes_no_student(opened):
    order = student_bench.Order(run=opened.path, assignments=["finetune.tune=all"], rounds=1)
    with pytest.raises(
        UsageError, match=r"Expected --set with a setting of distill or compress, .* got finetune.tune=al"
    ):
        student_bench.prune(order, ["0"], form="table")


@pytest.mark.slow
def test_the_curve_from_one_command_and_the_second_time_nothing_is_trained(opened):
    done, rows = bench(opened, "prune", "--amounts", "0,.4")
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in rows] == ["teacher", "whole", "structured 40%", "magnitude 40%"]
    assert rows[1]["kept"] is None
    sizes = {row["name"]: row["megabytes"] for row in rows}
    assert sizes["structured 40%"] < sizes["magnitude 40%"] == pytest.approx(sizes["whole"], rel=0.05)
    for row in rows:
        assert min(row["p50_ms"], row["p99_ms"], row["texts_per_second"]) > 0
        if row["kept"]:
            assert row["kept"]["difference"]["mean"] == pytest.approx(row["ndcg"]["mean"] - rows[1]["ndcg"]["mean"])
    assert done.stderr.count("/3] ") == 3
    again, same = bench(opened, "prune", "--amounts", "0,.4")
    assert "/3] " not in again.stderr
    assert [row["ndcg"] for row in same] == [row["ndcg"] for row in rows]


@pytest.mark.slow
def test_variants_of_one_training_share_it_and_the_report_finds_them(opened):
    unknown, _ = bench(opened, "student", "--variants", "1-layers-fp32,narow")
    assert unknown.returncode == 2
    assert "Unknown variant 'narow'; did you mean narrow?" in unknown.stderr
    done, rows = bench(opened, "student", "--variants", "1-layers-int8,1-layers-fp32,teacher-fp32")
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in rows] == ["teacher", "teacher-fp32", "1-layers-fp32", "1-layers-int8"]
    assert "[2/2] 1-layers-fp32, 1-layers-int8" in done.stderr
    by_name = {row["name"]: row for row in rows}
    assert by_name["teacher-fp32"]["kept"]["difference"]["mean"] == pytest.approx(0, abs=1e-3)
    assert by_name["1-layers-int8"]["megabytes"] < by_name["1-layers-fp32"]["megabytes"]
    assert [row["layers"] for row in rows] == [3, 3, 1, 1]
    found = Variants.load(opened / "variants")
    assert [row.name for row in found.rows] == list(by_name)
    assert read_manifest(opened / "variants", kind="variants").parents == students.parents(opened)
    served = OnnxEncoder.load(next((opened / "trials").iterdir()))
    assert served.encode(["red oven"]).shape == (1, 32)


@pytest.mark.slow
def test_a_failed_training_is_named_and_the_others_are_told(opened):
    done, rows = bench(opened, "prune", "--amounts", "0", "--set", "distill.layers=9")
    assert done.returncode == 1
    assert "Expected at most 3 layers" in done.stderr
    assert "1 variants failed: whole; see above." in done.stderr
    assert [row["name"] for row in rows] == ["teacher"]
