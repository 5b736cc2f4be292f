"""Going on from another run's teacher."""

import json

import pytest

from pipelines import forgetting
from pipelines.river import run_stage
from pipelines.run_directory import RunDirectory
from pipelines.source import locate
from recsys.artifacts import read_manifest
from recsys.data.synthetic import make_world
from recsys.errors import ArtifactError, TrainingError
from recsys.evaluation.forgetting import load
from recsys.settings import validate
from tests.tiny import write_base


def test_from_nothing():
    assert forgetting.verified("") is None


def test_from_what_is_no_teacher(tmp_path):
    with pytest.raises(ArtifactError, match=r"Expected a teacher at .*, found no manifest.json; run the stage that"):
        forgetting.verified(str(tmp_path))


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(shop, base, folder of runs)."""
    folder = tmp_path_factory.mktemp("update")
    make_world(n_users=120, n_items=48, seed=1).write(folder / "shop")
    (folder / "base").mkdir()
    return folder / "shop", write_base(folder / "base"), folder


def taught(places, name, *, until, **continual):
    shop, base, folder = places
    settings = validate(
        {
            "encoder": {"base": str(base), "max_tokens": 16},
            "finetune": {
                "head_steps": 6,
                "max_steps": 6,
                "evaluate_every": 3,
                "users_per_step": 32,
                "threads": 1,
                "continual": {"steps": 6} | continual,
            },
        }
    )
    source, digest = locate(str(shop))
    opened = RunDirectory(path=folder / name, source=source, source_digest=digest, until=until, settings=settings)
    opened.save()
    for stage in ("prepare", "finetune"):
        run_stage(stage, opened.path)
    return opened.path / "teacher"


@pytest.mark.slow
@pytest.mark.ray
def test_a_run_goes_on_from_the_teacher_of_another_and_says_what_it_kept(places):
    old = taught(places, "old", until="0.7")
    (window,) = json.loads((old / "windows.json").read_text())
    assert load(old) == {}
    new = taught(places, "new", until=None, start=str(old))
    assert json.loads((new / "windows.json").read_text())[0] == window
    changes = load(new)
    assert [changes["old"].start, changes["old"].end] == window
    assert changes["new"].start >= window[1]
    assert changes["old"].before.n > 5
    assert read_manifest(new, kind="teacher").parents[str(old)] == read_manifest(old, kind="teacher").digest
    assert {look["phase"] for look in json.loads((new / "history.json").read_text())} == {"layers"}
    with pytest.raises(TrainingError, match="Expected a log that goes on after"):
        taught(places, "same", until="0.7", start=str(old))
