"""Small drawings."""

import re
import xml.etree.ElementTree as ET

import pytest

from recsys.evaluation.compare import Estimate
from recsys.evaluation.plots import band, bar, diagonal, histogram, line, scale, whisker
from recsys.evaluation.reliability import Bin
from recsys.evaluation.results import Curve


def test_scale_holds_zero_and_every_interval():
    low, high = scale([Estimate(mean=0.2, low=0.1, high=0.4, n=9), Estimate(mean=0.3, low=None, high=None, n=1)])
    assert low == 0
    assert high == pytest.approx(0.4 + 0.03 * 0.4)
    low, _ = scale([Estimate(mean=-0.2, low=-0.3, high=-0.1, n=9)])
    assert low == pytest.approx(-0.3 - 0.03 * 0.3)
    assert scale([]) == (0, 1)


def test_whisker_marks_zero_interval_and_mean():
    svg = whisker(Estimate(mean=0.5, low=0.25, high=0.75, n=9), (0.0, 1.0))
    assert re.findall(r'd="([^"]+)"', svg) == ["M0.00 0V10", "M25.00 5H75.00", "M50.00 5h0"]
    assert "H" not in "".join(re.findall(r'd="([^"]+)"', whisker(Estimate(mean=1, low=None, high=None, n=1), (0, 1))))


def test_bar_is_as_long_as_its_share():
    assert ET.fromstring(bar(0.25)).find("rect").attrib["width"] == "25.00"


def test_line_runs_from_first_to_last_step_and_low_to_high():
    svg = ET.fromstring(line(Curve(steps=(0, 50, 100), values=(3.0, 1.0, 2.0))))
    path = svg.findall("path")[1].attrib["d"]
    points = [tuple(map(float, p.split())) for p in re.split("[ML]", path)[1:]]
    assert points[0] == (52, 10)
    assert points[1] == ((52 + 332) / 2, 150 - 22)
    assert points[2] == (332, (10 + 128) / 2)
    assert [t.text for t in svg.findall("text")] == ["1.0000", "0", "3.00", "step 100"]


@pytest.mark.parametrize("values", [(2.0,), (2.0, 2.0)])
def test_flat_and_single_curves_draw(values):
    svg = line(Curve(steps=tuple(range(len(values))), values=values))
    ET.fromstring(svg)
    assert "nan" not in svg


def test_no_curve_no_drawing():
    assert line(Curve(steps=(), values=())) == ""


def test_a_reliability_diagram_is_square():
    bins = [
        Bin(interest=0.25, share=0.5, low=0.25, high=0.75, weight=0.5, n=9),
        Bin(interest=1.0, share=1.0, low=None, high=None, weight=0.5, n=9),
    ]
    svg = ET.fromstring(diagonal(bins))
    side = 150 - 10 - 22
    dots = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in svg.findall("circle")]
    assert dots == [(52 + side / 4, 10 + side / 2), (52 + side, 10)]
    paths = [p.attrib["d"] for p in svg.findall("path")]
    assert paths[1] == f"M52 128L{52 + side} 10"
    assert paths[2:] == [f"M{52 + side / 4:.1f} {128 - side / 4:.1f}V{128 - 3 * side / 4:.1f}"]


def test_a_histogram_has_a_bar_for_each_count_as_high_as_its_root():
    svg = ET.fromstring(histogram([0, 100, 400, 1_600], ["0", "", "<1", ""]))
    bars = [{name: float(bar.attrib[name]) for name in ("x", "y", "width", "height")} for bar in svg.findall("rect")]
    step, high = (340 - 52 - 8) / 4, 150 - 10 - 22
    assert [bar["height"] for bar in bars] == pytest.approx([high / 4, high / 2, high])
    assert [bar["x"] for bar in bars] == [52 + n * step + 1 for n in (1, 2, 3)]
    assert {bar["y"] + bar["height"] for bar in bars} == {128.0}
    assert [bar.find("title").text for bar in svg.findall("rect")] == ["100", "400", "1,600"]
    said = {
        text.text: float(text.attrib["x"]) for text in svg.findall("text") if text.attrib["text-anchor"] == "middle"
    }
    assert said == {"0": 52 + step / 2, "<1": 52 + 2.5 * step}
    assert "1,600" in [text.text for text in svg.findall("text")]


def test_one_of_many_is_seen_in_a_histogram():
    svg = ET.fromstring(histogram([1_000_000, 1], ["", ""]))
    assert float(svg.findall("rect")[1].attrib["height"]) == 1.5


def test_band_holds_every_interval_and_zero():
    looks = [Estimate(mean=0.5, low=None, high=None, n=100)]
    looks += [Estimate(mean=m, low=m - 1 / n, high=m + 1 / n, n=n) for n, m in ((1, 0.0), (3, 1.0), (5, 3.8))]
    svg = ET.fromstring(band(looks, said="users"))
    _, zero, around, middle = [path.attrib["d"] for path in svg.findall("path")]
    height = 150 - 22 - 10
    assert zero == f"M52.0 {128 - height / 5:.1f}H332"
    assert middle == f"M52.0 {128 - height / 5:.1f}L192.0 {128 - height * 2 / 5:.1f}L332.0 {128 - height * 4.8 / 5:.1f}"
    points = [tuple(map(float, p.split())) for p in re.split("[MLZ]", around) if p]
    assert points[0] == (52, 128)
    assert points[3] == (332, 10)
    assert points[-1] == (52, pytest.approx(128 - height * 2 / 5, abs=0.05))
    assert [t.text for t in svg.findall("text")] == ["-1.0000", "4.00", "1", "users 5"]


def test_band_of_looks_that_tell_nothing_is_empty():
    assert band([], said="users") == band([Estimate(mean=0.5, low=None, high=None, n=100)], said="users") == ""
    assert "users" not in band([Estimate(mean=0.5, low=0.0, high=1.0, n=100)], said="users")
