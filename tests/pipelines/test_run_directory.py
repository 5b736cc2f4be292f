import json
from dataclasses import replace

import pytest

from pipelines.run_directory import RunDirectory, home
from pipelines.stages import STAGES, Stage, named
from recsys import settings
from recsys.artifacts import publish, read_manifest
from recsys.errors import ArtifactError, UsageError

FIRST = Stage(name="first", makes=("a", "b"), reads=(), sections=("split",))
SECOND = Stage(name="second", makes=("c",), reads=("a",), sections=("seed",))


def opened(path, *assignments, source_digest="0"):
    run = RunDirectory(
        path=path, source="shop", source_digest=source_digest, until=None, settings=settings.load(None, assignments)
    )
    run.save()
    return run


def make(run, stage, text="x"):
    with run.make(stage) as out:
        for directory in out.values():
            (directory / "file.txt").write_text(text)


def test_a_run_directory_reads_back_what_was_saved(tmp_path):
    run = opened(tmp_path, "seed=4")
    assert RunDirectory.open(tmp_path) == run


def test_a_stage_is_made_once_and_again_when_its_settings_or_source_change(tmp_path):
    run = opened(tmp_path)
    assert not run.is_made(FIRST)
    make(run, FIRST)
    assert run.is_made(FIRST)
    assert opened(tmp_path, "seed=9").is_made(FIRST)  # the seed does not shape it
    assert not opened(tmp_path, "split.instants=5").is_made(FIRST)
    assert not opened(tmp_path, source_digest="1").is_made(FIRST)


def test_a_stage_is_made_again_when_what_it_reads_has_changed(tmp_path):
    run = opened(tmp_path)
    make(run, FIRST)
    make(run, SECOND)
    assert run.is_made(SECOND)
    make(run, FIRST, text="other")
    assert not run.is_made(SECOND)


def test_a_stage_whose_block_fails_publishes_nothing_it_makes(tmp_path):
    run = opened(tmp_path)

    def interrupted():
        with run.make(FIRST) as out:
            (out["a"] / "file.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json"]


def test_reading_before_making_says_which_stage_is_missing(tmp_path):
    with pytest.raises(ArtifactError, match=r"Expected a a at .*, found no manifest.json"):
        opened(tmp_path).parents(SECOND)


def test_an_altered_file_is_refused(tmp_path):
    run = opened(tmp_path)
    make(run, FIRST)
    (tmp_path / "a" / "file.txt").write_text("y")
    with pytest.raises(ArtifactError, match=r"file.txt was altered"):
        run.read("a")


@pytest.mark.parametrize("content", ["", "{}", '{"source": 1}', json.dumps({"settings": {}})])
def test_a_broken_run_file_is_a_usage_error(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UsageError, match=r"run.json cannot be read .*; start anew with `recsys run`"):
        RunDirectory.open(tmp_path)


def test_a_missing_run_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"found no run.json; start with `recsys run`"):
        RunDirectory.open(tmp_path / "none")


def test_every_section_a_stage_names_exists():
    names = set(settings.Settings.model_fields)
    assert {section for stage in STAGES for section in stage.sections} <= names


def test_teachers_from_elsewhere_are_parents_of_a_student(tmp_path):
    other, cross = tmp_path / "other", tmp_path / "cross"
    for directory, kind in ((other, "teacher"), (cross, "cross_encoder")):
        with publish(directory, kind=kind, config={}, parents={}) as work:
            (work / "file.txt").write_text("x")
    stage = Stage(name="third", makes=("c",), reads=(), sections=("distill",))
    alone = opened(tmp_path / "run")
    assert alone.parents(stage) == {}
    run = opened(tmp_path / "run", f'distill.teachers=["{other}"]', f"distill.cross.directory={cross}")
    assert run.parents(stage) == {
        str(other): read_manifest(other, kind="teacher").digest,
        str(cross): read_manifest(cross, kind="cross_encoder").digest,
    }


def left(*paths):
    for path in paths:
        path.mkdir(parents=True)
        (path / "half").write_text("half")


def test_what_a_killed_process_has_left_of_a_stage_goes_and_what_it_can_go_on_from_stays(tmp_path):
    run = opened(tmp_path)
    begun, other = run.work(FIRST), run.work(FIRST).with_name("first-0123456789ab")
    rubbish = [tmp_path / ".a-abcdefgh", tmp_path / ".b-abcdefgh-old"]
    others = [tmp_path / ".c-abcdefgh", tmp_path / ".work" / "second-0123456789ab"]
    left(begun, other, *rubbish, *others)
    run.tidy(FIRST)
    assert not any(path.exists() for path in (other, *rubbish))
    assert all(path.exists() for path in (begun, *others))
    run.tidy(SECOND)  # what it reads is not there: what it has begun may fit yet
    assert not others[0].exists()
    assert others[1].exists()
    make(run, FIRST)
    left(other)
    run.tidy(FIRST)
    assert other.exists()  # nothing is made anew
    run.tidy(SECOND)
    assert not others[1].exists()


def test_what_a_killed_release_has_left_goes(tmp_path):
    run = opened(tmp_path)
    release = named("release", run.settings)
    for name in release.reads:
        with publish(run / name, kind=name) as work:
            (work / "file").write_text(name)
    rubbish = [".gate-abcdefgh", "bundles/.bundle-abcdefgh", ".work/release-abcdefgh"]
    left(*(tmp_path / name for name in (*rubbish, "bundles/.other-abcdefgh")))
    run.tidy(release)
    assert [name for name in rubbish if (tmp_path / name).exists()] == []
    assert (tmp_path / "bundles/.other-abcdefgh").exists()


def test_a_floor_is_kept_and_shapes_the_split_alone(tmp_path):
    run = opened(tmp_path)
    make(run, FIRST)
    raised = replace(run, floor=(1, 2, 3))
    raised.save()
    assert RunDirectory.open(tmp_path) == raised
    assert not raised.is_made(FIRST)
    make(run, FIRST)
    make(raised, SECOND)
    assert run.is_made(SECOND)


def test_the_lock_of_a_night_is_that_of_all_nights(tmp_path):
    assert home(tmp_path / "run") == (tmp_path / "run").resolve()
    night = tmp_path / "nights" / "one"
    night.mkdir(parents=True)
    (night / "bundles").symlink_to("../../bundles")
    assert home(night) == tmp_path.resolve()
