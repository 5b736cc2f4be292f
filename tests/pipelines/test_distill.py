"""Stage distill: what is served is what `compress` says, measured beside what it came from."""

import json

import pytest

from pipelines import distill
from pipelines.stages import named
from recsys import artifacts
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.retrieval.interest import InterestModel
from recsys.text.encoder import TransformerEncoder
from tests.pipelines.small_run import put, resettled
from tests.tiny import write_base

pytestmark = pytest.mark.slow
SMALL = {"layers": 2, "max_steps": 0, "frozen_layers": 0, "threads": 1}


@pytest.fixture(scope="module")
def made(shop, tmp_path_factory):
    """Makes the student under some settings of what is served."""
    path = tmp_path_factory.mktemp("run")
    encoder = TransformerEncoder.of_base(write_base(path / "base"), max_tokens=16, pooling="mean")
    split = TimeSplit.of(shop.interactions, SplitConfig())

    def log(work):
        shop.interactions.save(work)
        split.save(work)

    def teacher(work):
        encoder.save(work)
        InterestModel.zero_shot(encoder.dim, shop.interactions.day).save(work)

    put(path, "catalog", shop.catalog.save)
    put(path, "interactions", log)
    put(path, "teacher", teacher)

    def make(**compress):
        opened = resettled(path, distill=SMALL, compress=compress)
        distill.run(opened, named("distill", opened.settings))
        return path / "student", artifacts.verify(path / "student", kind="student")

    return make


def test_an_int8_student_is_measured_beside_teacher_and_fp32(made, capsys):
    student, manifest = made(precision="int8-static", dim=16)
    settings = json.loads((student / "encoder.json").read_text())
    assert (settings["precision"], settings["dim"], settings["layers"]) == ("int8-static", 16, 2)
    assert InterestModel.load(student).dim == 16
    measured = json.loads((student / "measured.json").read_text())
    quantities = {"ndcg", "recall", "megabytes", "encoder_ms", "single_p99_ms", "texts_per_second"}
    assert set(measured) == quantities
    assert all(set(values) == {"teacher", "student fp32", "student"} for values in measured.values())
    assert measured["megabytes"]["student"] == (student / "model.onnx").stat().st_size / 1e6
    assert measured["megabytes"]["student"] < measured["megabytes"]["student fp32"] < measured["megabytes"]["teacher"]
    assert manifest.config["compress"]["precision"] == "int8-static"
    told = capsys.readouterr().err
    assert [line.split(":")[0].strip() for line in told.splitlines() if "texts/s" in line] == list(measured["ndcg"])


def test_clock_readings_are_in_no_digest_and_settings_are(made):
    (_, first), (student, second) = made(), made()
    measured = json.loads((student / "measured.json").read_text())
    assert first.files["measured.json"] != second.files["measured.json"]
    assert set(measured["ndcg"]) == {"teacher", "student"}
    assert first.digest == second.digest != made(dim=16)[1].digest
