"""Settings are checked where they are read, not where they hurt."""

import pytest
from pydantic import ValidationError

from recsys.data.config import DataConfig, MappingConfig, SplitConfig
from recsys.schema import EVENT_WEIGHTS


def test_weights_left_out_keep_their_default() -> None:
    assert DataConfig(event_weights={"click": 0.9}).event_weights == EVENT_WEIGHTS | {"click": 0.9}
    assert DataConfig().event_weights == EVENT_WEIGHTS


@pytest.mark.parametrize("weight", [-1.0, float("inf"), float("nan")])
def test_weights_that_are_none_are_refused(weight: float) -> None:
    with pytest.raises(ValidationError, match="expected finite weights from 0 up"):
        DataConfig(event_weights={"click": weight})


def test_an_unknown_role_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="no event role 'purchas'; did you mean 'purchase'"):
        DataConfig(event_weights={"purchas": 1.0})
    with pytest.raises(ValidationError, match="no event role 'xyz'; known roles are impression"):
        MappingConfig(roles={"buy": "xyz"})


def test_an_unknown_zone_is_refused() -> None:
    assert MappingConfig(timezone="Europe/Berlin").timezone == "Europe/Berlin"
    with pytest.raises(ValidationError, match="expected an IANA time zone such as UTC or Europe/Berlin, got 'Mars'"):
        MappingConfig(timezone="Mars")


def test_cuts_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"expected encoder_end < ranker_end, got 0\.9 and 0\.8"):
        SplitConfig(encoder_end=0.9, ranker_end=0.8)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        DataConfig(text_char=3)  # type: ignore[call-arg]
