"""Amazon's reviews of 2023 as the plain form."""

import gzip
import json
from pathlib import Path

import pytest

from recsys.data.formats import read_directory
from recsys.data.quality import sift
from recsys.errors import SchemaError

META = [
    {
        "parent_asin": "B1",
        "title": "Kettle",
        "main_category": "Home",
        "categories": ["Kitchen", "Kettles"],
        "features": ["red", "steel"],
        "description": ["Boils."],
        "store": "Acme",
        "price": 12.5,
        "average_rating": 4.8,
        "rating_number": 900,
        "details": {"Weight": "1 kg"},
    },
    {
        "parent_asin": "B2",
        "title": "Cup",
        "main_category": "Home",
        "categories": [],
        "features": [],
        "description": [],
        "store": None,
        "price": "from 3.00",
        "details": {"Colour": ["blue"]},
    },
]
REVIEWS = [
    {"rating": 5.0, "title": "!", "text": "x", "asin": "B9", "parent_asin": "B1", "user_id": "u", "timestamp": 10**12},
    {"rating": 1.0, "title": "?", "text": "y", "asin": "B2", "parent_asin": "B2", "user_id": "v", "timestamp": 10**12},
]


def lines(rows: list) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_reviews_are_ratings_of_parents(tmp_path: Path) -> None:
    (tmp_path / "meta_Home.jsonl").write_text(lines(META))
    (tmp_path / "Home.jsonl").write_text(lines(REVIEWS))
    raw = read_directory(tmp_path)
    assert raw.items.rows() == [
        ("B1", "Kettle", "red steel Boils.", "Kettles", "Acme", ["Kitchen", "Kettles"], 12.5),
        ("B2", "Cup", None, "Home", None, [], None),
    ]
    assert raw.events.rows() == [("u", "B1", "rating", 10**12, 5.0), ("v", "B2", "rating", 10**12, 1.0)]
    log = sift(raw)
    assert log.rejects.is_empty()
    assert log.events["timestamp"][0].year == 2001


def test_categories_are_read_together_packed_or_not(tmp_path: Path) -> None:
    for name, meta in (("Home", META), ("Office", META[1:])):
        with gzip.open(tmp_path / f"meta_{name}.jsonl.gz", "wt") as file:
            file.write(lines(meta))
        (tmp_path / f"{name}.jsonl").write_text(lines(REVIEWS))
    raw = read_directory(tmp_path)
    assert raw.items["item_id"].to_list() == ["B1", "B2"]
    assert len(raw.events) == 4


def test_items_without_reviews_are_said_so(tmp_path: Path) -> None:
    (tmp_path / "meta_Home.jsonl").write_text(lines(META))
    with pytest.raises(SchemaError, match=r"Expected Home\.jsonl beside .*meta_Home\.jsonl, found none; bring"):
        read_directory(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "meta_Home.jsonl").write_text(lines(META))
    (tmp_path / "Home.jsonl").write_text("{bad\n")
    with pytest.raises(SchemaError, match=r"Home\.jsonl cannot be read as jsonl"):
        read_directory(tmp_path)
