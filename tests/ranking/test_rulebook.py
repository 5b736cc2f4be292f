"""Who the rules are about, and what they are called."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.errors import ArtifactError
from recsys.ranking.prices import Prices
from recsys.ranking.rulebook import Rulebook
from tests.ranking.stock import book, catalog_of, state_of

RULES = {
    "boosts": [
        {"by": "category", "value": "tea", "add": 0.5},
        {"by": "tag", "value": "old", "add": -0.25},
    ],
    "pins": [{"item_id": "i02", "rank": 3}, {"item_id": "gone", "rank": 1}],
    "caps": [{"by": "category", "most": 2}, {"by": "brand", "most": 1}],
    "quotas": [{"by": "cold", "least": 1}, {"by": "brand", "value": "x", "least": 1}],
}
CATEGORIES = ["tea", "cup", "tea", None]
BRANDS = ["x", None, "", "x"]
TAGS = [["old", "new"], ["old"], [], None]


@pytest.fixture
def rules():
    return book(RULES, CATEGORIES, brands=BRANDS, tags=TAGS, taken=[0, 1])


def test_rules_are_looked_up_item_by_item(rules):
    assert rules.added.tolist() == [0.5 - 0.25, -0.25, 0.5, 0]
    assert rules.boosted.tolist() == [[True, False, True, False], [True, True, False, False]]
    assert rules.quotas.tolist() == [[False, False, True, True], [True, False, False, True]]
    category, brand = rules.groups
    assert category[0] == category[2] != category[1] >= 0 > category[3]
    assert brand[0] == brand[3] >= 0
    assert brand[1] == brand[2] == -1
    assert rules.pins == {3: 2}


def test_bits_have_names(rules):
    assert rules.names == (
        "pinned",
        "diversity",
        "held back: in many lists",
        "explored",
        "boosted: category tea",
        "lowered: tag old",
        "quota: cold items",
        "quota: brand x",
        "over the cap: category",
        "over the cap: brand",
    )
    assert [rules.quota_bit(0), rules.quota_bit(1)] == [1 << 6, 1 << 7]
    assert [rules.cap_bit(0), rules.cap_bit(1)] == [1 << 8, 1 << 9]
    assert rules.flags(np.array([3, 0, 1], np.int32)).tolist() == [0, 1 << 4 | 1 << 5, 1 << 5]
    priced = rules.priced(Prices(per_item=np.array([0, 0, 0, 2.0]), reached=0.1))
    assert priced.flags(np.array([3, 0], np.int32)).tolist() == [1 << 2, 1 << 4 | 1 << 5]
    assert priced.lift(np.array([3, 0], np.int32)).tolist() == [-2, 0.25]


def test_without_rules_there_is_nothing_to_do():
    assert book({}, CATEGORIES).idle
    assert book({"boosts": [{"by": "category", "value": "toys", "add": 1}]}, CATEGORIES).idle  # nobody is a toy
    for rules in (
        {"boosts": RULES["boosts"]},
        {"pins": RULES["pins"]},
        {"caps": RULES["caps"]},
        {"quotas": RULES["quotas"]},
        {"diversity": {"strength": 0.1}},
    ):
        assert not book(rules, CATEGORIES).idle
    assert not book({}, CATEGORIES).priced(Prices(per_item=np.zeros(4), reached=0)).idle


def test_what_this_catalogue_does_not_let_work_is_a_doubt():
    rules = {
        "boosts": [{"by": "category", "value": "teas", "add": 1}, {"by": "tag", "value": "zzz", "add": 1}],
        "quotas": [{"by": "brand", "value": "X", "least": 1}, {"by": "cold", "least": 1}],
        "pins": RULES["pins"],
        "caps": RULES["caps"],
        "exposure": {"share": 0.5, "length": 3},
    }
    assert book(rules, CATEGORIES, tags=TAGS).doubts == (
        "rules.boosts: no item has the category 'teas', it moves nothing; did you mean 'tea'?",
        "rules.boosts: no item has the tag 'zzz', it moves nothing.",
        "rules.quotas: no item has the brand 'X', it moves nothing.",
        "rules.caps: no item has a brand, it limits nothing.",
        "rules.pins: the catalogue has no item 'gone', rank 1 is filled by score.",
        "rules.exposure: 4 items in a share of 0.5 of lists each cannot fill lists of 3; expected at least 0.75.",
    )
    assert book(RULES | {"pins": []}, CATEGORIES, brands=BRANDS, tags=TAGS).doubts == ()


def test_prices_that_do_not_keep_the_limit_are_a_doubt():
    rules = book({"exposure": {"share": 0.25, "length": 1}}, CATEGORIES)
    assert rules.priced(Prices(per_item=np.zeros(4), reached=0.25)).doubts == ()
    (doubt,) = rules.priced(Prices(per_item=np.zeros(4), reached=0.5)).doubts
    assert doubt.startswith("rules.exposure: an item is still in a share of 0.5 of the lists, expected at most 0.25;")


def test_prices_are_kept_and_the_rest_is_looked_up_again(rules, tmp_path):
    catalog = catalog_of(CATEGORIES, brands=BRANDS, tags=TAGS)
    known = {"config": rules.config, "catalog": catalog, "items": state_of(catalog, [0, 1])}
    rules.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert Rulebook.load(tmp_path, **known).prices is None
    priced = rules.priced(Prices(per_item=np.array([0, 0.5, 0, 0]), reached=0.5))
    priced.save(tmp_path)
    loaded = Rulebook.load(tmp_path, **known)
    assert loaded.prices.per_item.tolist() == [0, 0.5, 0, 0]
    assert loaded.prices.reached == 0.5
    assert loaded.added.tolist() == rules.added.tolist()
    smaller = catalog_of(CATEGORIES[:3])
    with pytest.raises(ArtifactError, match=r"Expected 3 prices in .*prices\.npy, one an item, got float64 \(4,\)"):
        Rulebook.load(tmp_path, config=rules.config, catalog=smaller, items=state_of(smaller))


def test_another_diversity_leaves_the_rest(rules):
    other = rules.diversified("dpp", 0.75)
    assert (other.config.diversity.method, other.config.diversity.strength) == ("dpp", 0.75)
    assert replace(other, config=rules.config) == rules or other.pins == rules.pins
    assert other.config.caps == rules.config.caps
