"""Markup goes, words stay."""

import polars as pl
import pytest

from recsys.data.cleaning import clean_text


def clean(text: str) -> str:
    return pl.DataFrame({"t": [text]}).select(clean_text(pl.col("t"))).item()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", ""),
        ("  a \t\n\x00 b  ", "a b"),
        ("A<br/>b <b class='x'>c</b>", "A b c"),
        ("a <!-- x > y --> b <!-- open .headerM {color:red;}", "a b"),
        ("a <style>p {x}</style> <SCRIPT>if (1 < 2) { }</SCRIPT > b", "a b"),
        ("a <img src='cut off", "a"),
        ("a .caption {font-family: Verdana; font-size: 10px;}ul.x {y: z;} b", "a b"),
        ("['One.', 'Two']", "One. Two"),
        ('"[""One"", \'Two\']"', "One Two"),
        ("['', 'Two']", "Two"),
        ("['cut off by a limit", "cut off by a limit"),
        ('"Ruler 12"" long"', 'Ruler 12" long'),
        ('it\\\'s \\"so\\"\\nthere', 'it\'s "so" there'),
        (
            "Epson&reg; 3&quot; T&uuml;rlen Tom&rsquo;s &amp; Co &#8212; 1&ndash;2 &lt;b",
            "Epson 3\" Turlen Tom's & Co 1-2 <b",
        ),
    ],
)
def test_leftovers_of_web_pages_go(raw: str, expected: str) -> None:
    assert clean(raw) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2 < 3 and 5 > 4, i <3 it",
        "AT&T, Q&A; R&D",
        "[new] kettle (1.7 l) {steel}",
        "Rule 12\" x 3'",
        "مرحبا بالعالم",
        "שלום",
        "می\u200cخواهم",
        "👩\u200d👩\u200d👧 family 🪁",
        "日本語のテキスト",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert clean(text) == text


def test_a_hundred_thousand_characters_are_no_trouble() -> None:
    assert len(clean("<b>a</b> {" * 10_000)) == len(" a {" * 10_000) - 1
    assert clean("<" * 100_000) == "<" * 100_000


def test_null_stays_null() -> None:
    assert pl.DataFrame({"t": [None]}, schema={"t": pl.String}).select(clean_text(pl.col("t"))).item() is None
