"""The chart: where circles stand, how large they are, and what the line joins."""

import re
import xml.etree.ElementTree as ET

import pytest

from recsys.evaluation import pareto
from tests.evaluation.test_variants import make


def circles(found):
    svg = ET.fromstring(pareto.chart(found))
    return {c.find("title").text.split(":")[0]: c.attrib for c in svg.iter("circle")}


def test_circles_are_quality_over_the_logarithm_of_time():
    at = {name: (float(c["cx"]), float(c["cy"])) for name, c in circles(make()).items()}
    # 0.1, 1 and 8 ms; .10, .19 and .20
    assert at["served"][0] - at["quick"][0] == pytest.approx((at["teacher"][0] - at["quick"][0]) / 1.9031, abs=0.1)
    assert at["quick"][1] - at["served"][1] == pytest.approx((at["quick"][1] - at["teacher"][1]) * 0.9, abs=0.2)
    assert all(pareto.LEFT < x < pareto.WIDTH - pareto.RIGHT for x, _ in at.values())
    assert all(pareto.TOP < y < pareto.HEIGHT - pareto.BOTTOM for _, y in at.values())


def test_areas_are_sizes_and_the_served_one_is_filled():
    found = circles(make())
    radius = {name: float(c["r"]) for name, c in found.items()}
    assert (radius["teacher"] / radius["served"]) ** 2 == pytest.approx(90 / 20, rel=0.05)
    assert [name for name, c in found.items() if c["fill"] != "none"] == ["served"]


def test_the_line_joins_the_front():
    found = circles(make())
    path = re.search(r'class="front" d="([^"]+)"', pareto.chart(make()))[1]
    points = [tuple(point.split()) for point in re.split("[ML]", path)[1:]]
    assert points == [(found[name]["cx"], found[name]["cy"]) for name in ("quick", "served", "teacher")]


def test_one_encoder_alone_is_drawn():
    alone = pareto.chart(make({"teacher": (8.0, 0.2, 90)}))
    ET.fromstring(alone)
    assert "nan" not in alone


def test_the_table_tells_all_and_escapes(evaluation):
    text = pareto.variants(make(FIGURES_OF_A_STRANGER))
    assert "<script" not in text
    assert "95.0%" in pareto.variants(make())
    assert "2 threads" in text
    assert pareto.variants(None) == ""


FIGURES_OF_A_STRANGER = {"teacher": (8.0, 0.2, 90), "<script>": (1.0, 0.19, 20)}
