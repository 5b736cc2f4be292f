"""The gate's table on the page."""

from recsys.evaluation.gate import Check, Gate
from recsys.evaluation.verdict import verdict

GOOD = Check(what="memory", against="limit", judgement="ok", candidate=2.0, unit="MB", limit=3.0, bound="most")
BAD = Check(what="quality", against="<b>it</b>", judgement="refused", note="cannot be compared")


def test_no_release_no_section():
    assert verdict(None) == ""


def test_a_passed_gate_shows_its_checks():
    page = verdict(Gate(checks=(GOOD,), window=(0, 1)))
    assert "The last release passed." in page
    assert "<td>memory</td><td>limit</td><td>2 MB</td><td>–</td><td>–</td><td>≤ 3 MB</td><td>ok</td>" in page
    assert "worse" not in page


def test_a_no_stands_out_and_what_comes_from_outside_is_text():
    page = verdict(Gate(checks=(GOOD, BAD), window=(0, 1)))
    assert "The last release was refused" in page
    assert '<span class="worse">NO: cannot be compared</span>' in page
    assert "&lt;b&gt;it&lt;/b&gt;" in page


def test_a_reason_is_told_where_it_was_needed():
    assert "in spite of the gate. The reason given: “1 &lt; 2”." in verdict(
        Gate(checks=(BAD,), window=(0, 1), forced="1 < 2")
    )
    assert "reason" not in verdict(Gate(checks=(GOOD,), window=(0, 1), forced="no need"))
