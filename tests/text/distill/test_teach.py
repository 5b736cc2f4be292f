"""Any tower can be taught."""

import pytest
import torch

from recsys.errors import TrainingError
from recsys.text.distill.student import initial
from recsys.text.distill.teach import teach
from tests.tiny import silent


def test_a_narrow_student_learns_too(lesson_of, brief):
    config = brief(width=16, hidden=0.1, rate=3e-3)
    lesson, losses = lesson_of(config), []
    student = teach(
        initial(lesson.encoder.tower, config), lesson, config=config, progress=lambda *a: losses.append(a[2]["loss"])
    )
    assert student.encoder.dim == lesson.encoder.dim
    assert student.encoder.tower.width == 16
    assert sum(losses[-5:]) < sum(losses[:5]) / 1.5


def test_progress_names_the_parts(lesson_of, brief):
    config, seen = brief(max_steps=2, labels=0.1, hidden=0.1), []
    lesson = lesson_of(config)
    teach(initial(lesson.encoder.tower, config), lesson, config=config, progress=lambda *a: seen.append(a))
    assert [(done, total) for done, total, _ in seen] == [(1, 2), (2, 2)]
    parts = seen[0][2]
    assert set(parts) == {"loss", "vectors", "scores", "hidden", "labels"}
    assert parts["loss"] == pytest.approx(sum(value for name, value in parts.items() if name != "loss"), rel=1e-5)


def test_what_is_frozen_stays(lesson_of, brief):
    config = brief(max_steps=3, frozen_layers=1)
    lesson = lesson_of(config)
    tower = initial(lesson.encoder.tower, config)
    before = {name: value.clone() for name, value in tower.transformer.state_dict().items()}
    teach(tower, lesson, config=config, progress=silent)
    moved = {name for name, value in tower.transformer.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("encoder.layer.1.") for name in moved)


def test_a_loss_that_is_no_number_names_the_step(lesson_of, brief):
    config = brief(rate=1e30, max_steps=5)
    lesson = lesson_of(config)
    with pytest.raises(
        TrainingError, match=r"finite loss and gradient at step 1, got vectors nan, scores nan; lower distill.rate"
    ):
        teach(initial(lesson.encoder.tower, config), lesson, config=config, progress=silent)


def interrupted(after):
    def progress(done, *_):
        if done == after:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("changes", [{"hidden": 0.1, "frozen_layers": 1}, {"labels": 0.1}])
def test_an_interrupted_training_ends_bit_equal(lesson_of, brief, tmp_path, monkeypatch, changes):
    monkeypatch.setattr("recsys.text.distill.teach._EVERY", 5)
    config = brief(max_steps=12, **changes)
    lesson, steps = lesson_of(config), []

    def taught(workdir, progress):
        tower = initial(lesson.encoder.tower, config)
        return teach(tower, lesson, config=config, progress=progress, workdir=workdir).encoder.encode(
            lesson.corpus.texts
        )

    whole = taught(None, silent)
    with pytest.raises(KeyboardInterrupt):
        taught(tmp_path / "work", interrupted(after=8))
    again = taught(tmp_path / "work", lambda done, *_: steps.append(done))
    assert steps == list(range(6, 13))
    assert again.tobytes() == whole.tobytes()


def test_a_checkpoint_of_other_settings_is_not_read(lesson_of, brief, tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.text.distill.teach._EVERY", 2)
    steps = []
    for rate in (1e-3, 2e-3):
        config = brief(max_steps=3, rate=rate)
        lesson = lesson_of(config)
        tower = initial(lesson.encoder.tower, config)
        teach(tower, lesson, config=config, progress=lambda done, *_: steps.append(done), workdir=tmp_path)
    assert steps == [1, 2, 3, 1, 2, 3]
