"""Settings of the evaluation room."""

import pytest
from pydantic import ValidationError

from recsys.evaluation.config import EvaluationConfig


@pytest.mark.parametrize("setting", [{"lengths": ()}, {"lengths": (0,)}, {"samples": 10}, {"new_user_span": 2.0}])
def test_senseless_settings_are_refused(setting):
    with pytest.raises(ValidationError):
        EvaluationConfig(**setting)


def test_every_setting_has_a_sentence():
    for name, field in EvaluationConfig.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
