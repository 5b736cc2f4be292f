"""A small run, evaluated and released once for all tests of stages, and a first night."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import costs
from pipelines.cycle import cycle
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.onnx import OnnxEncoder
from tests.pipelines.small_nights import Worker, hands_of, ordered
from tests.pipelines.small_run import opened, put, put_student, put_teacher, stages


@pytest.fixture(scope="session")
def memory_is_told():
    """Memory is not measured: the processes take longer than all else here; test_costs has one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "resident", lambda directory: 100.0)
        yield


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def released(evaluated, memory_is_told, tmp_path_factory):
    """The same with a bundle published."""
    path = tmp_path_factory.mktemp("released") / "run"
    shutil.copytree(evaluated, path)
    opened(path, student_share=0.9, pipeline_share=0.95, segment_share=0.85, not_below="popularity")
    stages(path, "release")
    return path


@pytest.fixture
def run(released, memory_is_told, tmp_path):
    """A copy to work on."""
    return Path(shutil.copytree(released, tmp_path / "run", symlinks=True))


@pytest.fixture(scope="session")
def made(toy_encoder, memory_is_told, tmp_path_factory):
    """(folder, outcome, stages made) of a first night."""
    folder, worker = tmp_path_factory.mktemp("nights"), Worker(toy_encoder)
    return folder, cycle(ordered(folder), hands_of(worker)), worker.made


@pytest.fixture
def worker(toy_encoder):
    return Worker(toy_encoder)


@pytest.fixture
def hands(worker, memory_is_told):
    return hands_of(worker)


@pytest.fixture
def first(made, tmp_path):
    """The outcome of a first night, in a copy of its own to go on from."""
    shutil.copytree(made[0], tmp_path, symlinks=True, dirs_exist_ok=True)
    return replace(made[1], night=tmp_path / "cycle" / "nights" / made[1].night.name)


@pytest.fixture
def asked(tmp_path):
    return ordered(tmp_path)
