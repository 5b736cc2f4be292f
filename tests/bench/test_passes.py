"""The passes are all timed, and their sum is told by the item."""

import pytest

from tests.bench import passes


def test_figures_of_a_small_catalogue(monkeypatch):
    monkeypatch.setattr(passes, "milliseconds", lambda work: (work(), 0.5)[1])
    told = passes.figures(5000)
    assert told.pop("items") == 5000
    assert told.pop("ns an item") == pytest.approx(1e6 * 0.5 * 6 / 5000)
    assert set(told.values()) == {0.5}
    assert len(told) == 6


def test_time_is_that_of_the_processor():
    assert passes.milliseconds(lambda: sum(range(200_000))) > 0
