"""Settings of the evaluation room."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from recsys.evaluation.config import EvaluationConfig, GateConfig, OffPolicyConfig


@pytest.mark.parametrize("setting", [{"lengths": ()}, {"lengths": (0,)}, {"samples": 10}, {"new_user_span": 2.0}])
def test_senseless_settings_are_refused(setting):
    with pytest.raises(ValidationError):
        EvaluationConfig(**setting)


@pytest.mark.parametrize("setting", [{"student_share": 1.1}, {"segment_share": -0.1}, {"slower": 0}, {"repeats": 9}])
def test_senseless_limits_are_refused(setting):
    with pytest.raises(ValidationError):
        GateConfig(**setting)


@pytest.mark.parametrize("config", [EvaluationConfig, GateConfig, OffPolicyConfig])
def test_every_setting_has_a_sentence(config):
    for name, field in config.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"rewards": {"clik": 1}}, "no event role 'clik'; did you mean 'click'"),
        ({"rewards": {}}, "at least 1 item"),
        ({"rewards": {"click": -1}}, "greater than 0"),
        ({"rewards": {"click": float("inf")}}, "finite number"),
        ({"by_value": ("purchase",)}, "expected roles that rewards has, got 'purchase'; give it a reward, too"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "expected since before until"),
        ({"window_hours": 0}, "greater than 0"),
        ({"shares": {"a": 0}}, "greater than 0"),
        ({"planned_users": 199}, "greater than or equal to 200"),
    ],
)
def test_senseless_settings_of_a_policy_log_are_refused(setting, words):
    with pytest.raises(ValidationError, match=words):
        OffPolicyConfig(**setting)


def test_a_time_without_a_zone_is_utc():
    config = OffPolicyConfig(since="2026-01-01T00:00:00", until="2026-01-01T02:00:00+01:00")
    assert (config.since, config.until) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC))
