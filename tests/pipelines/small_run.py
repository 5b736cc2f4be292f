"""A run small enough for a test: the toy encoder is student and teacher, and its stages need no torch."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest

from pipelines.river import run_stage
from pipelines.run_directory import RunDirectory
from recsys import settings
from recsys.artifacts import publish, sha256
from recsys.errors import GateError
from recsys.evaluation.gate import Gate
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel

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
    return resettled(path, gate=LENIENT | gate)


def resettled(path, **sections):
    """The run with other settings."""
    chosen = settings.validate(
        {
            "ranking": {"trees": {"trees": 20, "leaves": 7, "min_rows": 10}},
            "ablation": {"rankers": ["with_teacher"]},
            "evaluation": {"samples": 200},
            "threads": 1,
        }
        | sections
    )
    run = RunDirectory(path=path, source="shop", source_digest="0", until=None, settings=chosen)
    run.save()
    return run


def put(path, kind, write):
    with publish(path / kind, kind=kind) as work:
        write(work)


def put_student(path, shop, encoder, *, model=None):
    put(path, "student", lambda work: write_student(work, encoder, shop.interactions.day, model=model))


def write_student(work, encoder, day, *, model=None):
    shutil.copytree(encoder, work, dirs_exist_ok=True)
    if model is not None:
        onnx.save(model, work / "model.onnx")
    facts = json.loads((work / "encoder.json").read_text())
    facts |= {"layers": 1, "digest": sha256(work / "model.onnx")}
    (work / "encoder.json").write_text(json.dumps(facts))
    InterestModel.zero_shot(16, day).save(work)
    (work / "measured.json").write_text(json.dumps({"encoder_ms": {"student": 0.1, "teacher": 1.0}}))


def put_teacher(path, shop, vectors):
    put(path, "teacher", lambda work: write_teacher(work, vectors, shop.interactions.day))


def write_teacher(work, vectors, day):
    (work / "encoder.json").write_text('{"layers": 6}')
    (work / "history.json").write_text("[]")
    InterestModel.zero_shot(16, day).save(work)
    for name in ("vectors", "zero_shot"):
        (work / name).mkdir()
        vectors.save(work / name)


def stages(path, *names):
    for name in names:
        run_stage(name, path)


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


def noise(path, seed=5):
    """Vectors of the run's items that say nothing."""
    vectors = ItemVectors.load(path / "vectors")
    drawn = np.random.default_rng(seed).normal(size=vectors.vectors.shape).astype(np.float32)
    return replace(vectors, vectors=drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
