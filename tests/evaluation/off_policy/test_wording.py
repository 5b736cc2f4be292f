"""Instants and shares read as people write them."""

from datetime import UTC, datetime

import pytest

from recsys.evaluation.off_policy.wording import of, time
from recsys.schema import instant_of


@pytest.mark.parametrize("instant", [0, 1, 1_790_000_000_123_456, -5])
def test_a_time_is_what_the_settings_read(instant):
    assert instant_of(datetime.fromisoformat(time(instant))) == instant


def test_no_calendar_has_it():
    assert time(2**62) == f"{2**62} µs"


def test_a_part_of_a_whole():
    assert of(99_500, 100_000, "rows") == "99,500 of 100,000 rows (99.5 %)"
    assert instant_of(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400_000_000
