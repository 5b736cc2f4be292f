"""MIND's two files as the plain form."""

from pathlib import Path

import pytest

from recsys.data.config import MappingConfig
from recsys.data.formats import read_directory
from recsys.data.quality import sift
from recsys.errors import SchemaError

NEWS = (
    'N1\tlifestyle\tlifestyleroyals\tThe "Brands" Queen Wears\tShop the notebooks.\thttps://x\t[]\t[]\n'
    "N2\tsports\tgolf\tA Hole in One\t\thttps://y\t[]\t[]\n"
)
BEHAVIORS = (
    "7\tU1\t11/9/2019 9:05:58 AM\tN2 N1\tN1-1 N2-0\n"
    "8\tU1\t11/11/2019 12:05:58 PM\tN2 N1\tN2-1\n"
    "9\tU2\t11/11/2019 1:05:58 PM\t\tN1 N2\n"
)


def write(folder: Path, behaviors: str = BEHAVIORS) -> Path:
    (folder / "news.tsv").write_text(NEWS)
    (folder / "behaviors.tsv").write_text(behaviors)
    return folder


def test_each_item_shown_is_an_impression_and_each_taken_a_click_too(tmp_path: Path) -> None:
    raw = read_directory(write(tmp_path))
    assert raw.events.select("user_id", "item_id", "event", "request_id").rows() == [
        ("U1", "N1", "impression", "7"),
        ("U1", "N1", "click", "7"),
        ("U1", "N2", "impression", "7"),
        ("U1", "N2", "impression", "8"),
        ("U1", "N2", "click", "8"),
    ]
    assert raw.items.rows(named=True)[0] == {
        "item_id": "N1",
        "title": 'The "Brands" Queen Wears',
        "description": "Shop the notebooks.",
        "category": "lifestyle",
        "tags": ["lifestyleroyals"],
    }


def test_what_has_no_time_or_no_answer_is_counted(tmp_path: Path) -> None:
    # U1's history of two stands in both of its rows and counts once; row 9 does not tell what was clicked
    raw = read_directory(write(tmp_path))
    assert raw.filtered == {"clicked at no known time": 2, "not told whether clicked": 2}


@pytest.mark.parametrize(("zone", "hour"), [(None, 9), ("America/New_York", 14)])
def test_times_are_utc_unless_the_mapping_names_a_zone(tmp_path: Path, zone: str | None, hour: int) -> None:
    log = sift(read_directory(write(tmp_path), MappingConfig(timezone=zone)))
    assert log.rejects.is_empty()
    assert str(log.events["timestamp"][0]) == f"2019-11-09 {hour:02}:05:58+00:00"


def test_a_time_of_another_form_is_set_aside(tmp_path: Path) -> None:
    log = sift(read_directory(write(tmp_path, BEHAVIORS.replace("11/9/2019 9:05:58 AM", "yesterday"))))
    assert log.rejects.select("table", "column").unique().rows() == [("events", "timestamp")]
    assert len(log.rejects) == 3


def test_missing_news_are_said_so(tmp_path: Path) -> None:
    (write(tmp_path) / "news.tsv").unlink()
    with pytest.raises(SchemaError, match=r"news\.tsv cannot be read as tsv: No such file"):
        read_directory(tmp_path)
