"""States held against the teacher's."""

import numpy as np
import pytest
import torch

from recsys.errors import ConfigError
from recsys.text.distill.hidden import Hidden
from recsys.text.distill.pupil import TransformerPupil
from recsys.text.distill.student import initial
from recsys.text.losses.hidden import hidden_loss

TEXTS = np.array([0, 3, 4])


def pupil_of(lesson, config, tmp_path):
    tower = initial(lesson.encoder.tower, config)
    return TransformerPupil.of(tower, lesson.tokens, layers=config.frozen_layers, path=tmp_path / "states.npy")


def teacher_states(lesson, layer):
    """By the model's own forward."""
    ids, mask = lesson.tokens.padded(TEXTS)
    # rows of the same length order as the pupil's: shortest texts first
    order = np.argsort(lesson.tokens.lengths[TEXTS], kind="stable")
    out = lesson.encoder.tower.transformer(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
    return torch.cat([out.hidden_states[layer + 1][i][mask[i]] for i in order])


def test_each_layer_is_held_against_the_one_it_was_copied_from(lesson_of, brief, tmp_path):
    config = brief(layers=2, hidden=1.0)
    lesson = lesson_of(config)
    pupil = pupil_of(lesson, config, tmp_path)
    hidden = Hidden.of(pupil, lesson, config)
    assert (hidden.layers, hidden.maps) == ((0, 2), ())
    reading = pupil.read(TEXTS)
    told = [teacher_states(lesson, layer) for layer in (0, 2)]
    expected = [hidden_loss(own, there, "mse").item() for own, there in zip(reading.states, told, strict=True)]
    assert expected[0] == pytest.approx(0, abs=1e-9)
    assert expected[1] > 0.01
    assert hidden.loss(TEXTS, reading).item() == pytest.approx(sum(expected) / 2, rel=1e-4)


def test_frozen_layers_are_not_compared(lesson_of, brief, tmp_path):
    config = brief(layers=2, frozen_layers=1, hidden=1.0)
    lesson = lesson_of(config)
    pupil = pupil_of(lesson, config, tmp_path)
    assert Hidden.of(pupil, lesson, config).layers == (2,)


def test_a_narrower_student_is_compared_through_maps_that_fit_and_learn(lesson_of, brief, tmp_path):
    config = brief(layers=2, width=16, hidden=1.0)
    lesson = lesson_of(config)
    pupil = pupil_of(lesson, config, tmp_path)
    hidden = Hidden.of(pupil, lesson, config)
    assert [tuple(m.shape) for m in hidden.maps] == [(32, 16)] * 2
    everything = np.arange(len(lesson.tokens))
    with torch.no_grad():
        reading = pupil.read(everything)
        best = hidden.loss(everything, reading)
        hidden.maps[1][:, ::2] += 0.1
        assert best < hidden.loss(everything, reading)
    hidden.loss(TEXTS, pupil.read(TEXTS)).backward()
    assert all(m.grad is not None and m.grad.abs().sum() > 0 for m in hidden.maps)


def test_nothing_to_compare(lesson_of, brief, tmp_path):
    config = brief(layers=2, frozen_layers=2, hidden=1.0)
    lesson = lesson_of(config)
    with pytest.raises(ConfigError, match=r"a student with layers that learn, got none; set distill.hidden = 0"):
        Hidden.of(pupil_of(lesson, config, tmp_path), lesson, config)
