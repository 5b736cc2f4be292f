"""Pieces of HTML."""

from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.markup import cell, page, section, table
from recsys.evaluation.style import STYLE


def test_the_title_of_a_page_is_text_and_its_body_html():
    got = page("<i> & co", "<p>b</p>")
    assert got.startswith("<!doctype html>\n")
    assert "<title>&lt;i&gt; &amp; co</title>" in got
    assert got.endswith("<body><h1>&lt;i&gt; &amp; co</h1>\n<p>b</p></body></html>\n")
    assert "<style>\n" + STYLE + "\n</style>" in got


def test_a_section_without_a_body_is_nothing():
    assert section("a", "") == ""
    assert section("a & b", "<p>c</p>") == "<section><h2>a &amp; b</h2>\n<p>c</p></section>\n"


def test_the_head_is_text_and_cells_are_html():
    assert "<th>&lt;i&gt;</th>" in table(["<i>"], [["<b>1</b>"]])
    assert "<td><b>1</b></td>" in table(["<i>"], [["<b>1</b>"]])


def test_differences_have_a_sign_and_a_colour():
    assert cell(None) == "–"
    assert (
        cell(Estimate(mean=0.2, low=0.1, high=0.3, n=9))
        == '<span class="">0.2000</span><small>[0.1000, 0.3000]</small>'
    )
    assert cell(Difference(mean=0.2, low=0.1, high=0.3, n=9, differing=9)).startswith('<span class="better">+0.2000')
    assert cell(Difference(mean=-0.2, low=-0.3, high=-0.1, n=9, differing=9)).startswith('<span class="worse">-0.2000')
