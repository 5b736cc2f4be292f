"""What a CSV is written in is seen from its beginning."""

from pathlib import Path

import pytest

from recsys.data.dialect import Dialect

TEA = "会员号{0}品名{0}介绍\n" + "".join(
    f"u{n}{{0}}{title}{{0}}{about}\n"
    for n, (title, about) in enumerate(
        [
            ("西湖龙井", "明前采摘的绿茶，香气清高，滋味鲜爽，适合用玻璃杯冲泡。"),
            ("青瓷茶壶", "手工制作的茶壶，容量三百毫升，壶嘴出水流畅，不烫手。"),
            ("普洱熟茶", "云南古树原料，陈放五年，汤色红浓，口感醇厚。"),
            ("竹制茶盘", "天然竹子制成，带有储水盒，清洗方便。"),
        ]
        * 5
    )
)


@pytest.mark.parametrize("encoding", ["utf8", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_it_is_read_back(tmp_path: Path, encoding: str, separator: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(TEA.format(separator).encode(encoding))
    found = Dialect.of(file)
    assert found.separator == separator
    assert file.read_bytes().decode(found.encoding).lstrip("\ufeff") == TEA.format(separator)
    if encoding == "utf8":
        assert found.encoding == "utf8"


@pytest.mark.parametrize("text", ["", "title\nred mug\nblue mug\n", "a", "\n\n"])
def test_where_nothing_tells_it_is_a_plain_csv(tmp_path: Path, text: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(text)
    assert Dialect.of(file) == Dialect()


def test_a_character_cut_by_the_end_of_the_look_is_no_other_encoding(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("recsys.data.dialect._BEGINNING", 40)
    file = tmp_path / "orders.csv"
    file.write_text(TEA.format(";"), encoding="utf8")
    assert Dialect.of(file) == Dialect(separator=";")
