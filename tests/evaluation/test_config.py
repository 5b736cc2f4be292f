"""Settings of the evaluation room."""

import pytest
from pydantic import ValidationError

from recsys.evaluation.config import EvaluationConfig, GateConfig


@pytest.mark.parametrize("setting", [{"lengths": ()}, {"lengths": (0,)}, {"samples": 10}, {"new_user_span": 2.0}])
def test_senseless_settings_are_refused(setting):
    with pytest.raises(ValidationError):
        EvaluationConfig(**setting)


@pytest.mark.parametrize("setting", [{"student_share": 1.1}, {"segment_share": -0.1}, {"slower": 0}, {"repeats": 9}])
def test_senseless_limits_are_refused(setting):
    with pytest.raises(ValidationError):
        GateConfig(**setting)


@pytest.mark.parametrize("config", [EvaluationConfig, GateConfig])
def test_every_setting_has_a_sentence(config):
    for name, field in config.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
