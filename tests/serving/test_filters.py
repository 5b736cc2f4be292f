import polars as pl
import pytest

from recsys.data.catalog import Catalog
from serving.filters import Shelves
from serving.schemas import Filters

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "category": ["toys", "toys", "garden", None],
        "brand": ["Alder", "Birch", None, "Birch"],
        "tags": [["red", "new"], ["red"], [], None],
        "price": [1.0, 2.0, 3.0, None],
    }
)


@pytest.fixture(scope="module")
def shelves() -> Shelves:
    return Shelves.of(Catalog.of(ITEMS, text_chars=100))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "abcd"),
        ({"category": {}}, "abcd"),
        ({"category": {"any": ["toys"]}}, "ab"),
        ({"category": {"any": ["toys", "garden"]}}, "abc"),
        ({"category": {"any": ["no such"]}}, ""),
        ({"category": {"any": []}}, ""),
        ({"category": {"none": ["toys"]}}, "cd"),
        ({"category": {"none": ["no such"]}}, "abcd"),
        ({"brand": {"any": ["Birch"]}}, "bd"),
        ({"tags": {"any": ["red"]}}, "ab"),
        ({"tags": {"any": ["red"], "none": ["new"]}}, "b"),
        ({"tags": {"none": ["red"]}}, "cd"),
        ({"price": {"min": 2.0}}, "bc"),
        ({"price": {"max": 2.0}}, "ab"),
        ({"price": {"min": 2.0, "max": 2.0}}, "b"),
        ({"item_ids": {"allow": ["a", "d", "zzz"]}}, "ad"),
        ({"item_ids": {"deny": ["a", "zzz"]}}, "bcd"),
        ({"item_ids": {"allow": ["a", "b"], "deny": ["a"]}}, "b"),
        ({"item_ids": {"allow": []}}, ""),
        ({"category": {"any": ["toys"]}, "price": {"max": 1.5}, "brand": {"none": ["Birch"]}}, "a"),
    ],
)
def test_all_conditions_must_be_met(shelves: Shelves, filters: dict, expected: str) -> None:
    mask = shelves.allowed(Filters.model_validate(filters))
    assert mask is not None
    assert "".join(name for name, ok in zip("abcd", mask, strict=True) if ok) == expected


def test_no_filters_are_no_mask(shelves: Shelves) -> None:
    assert shelves.allowed(None) is None
