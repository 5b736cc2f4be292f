"""Words for everything there is to say."""

from typing import get_args

import pytest

from recsys.ranking.feature_list import FEATURES, TEXT_FEATURES, features
from recsys.ranking.reasons import (
    CAME_UP,
    DID,
    GROUPS,
    LINKED,
    OF_THE_USER,
    SOURCE_GROUPS,
    Group,
    newcomer,
    plain,
    sentence,
)
from recsys.retrieval.candidates import SOURCES
from recsys.schema import EVENTS


def test_every_group_source_and_event_has_words():
    assert set(GROUPS) == set(get_args(Group))
    assert set(CAME_UP) == set(SOURCE_GROUPS) == set(SOURCES)
    assert set(DID) == set(EVENTS)
    assert set(LINKED) < OF_THE_USER < set(GROUPS)


def test_every_feature_is_about_something_and_every_group_has_features(traits):
    assert {feature.group for feature in features(traits)} == set(GROUPS)
    about = {feature.name: feature.group for feature in FEATURES}
    assert about["relative_ease_fresh"] == about["score_cosine"] == "together"
    assert about["place_own"] == about["own_due"] == "again"
    assert about["score_popular"] == about["item_recent_0"] == "popular"
    assert about["user_gap"] == "activity"
    assert about["price_ratio"] == "price"
    assert {feature.group for feature in features(traits)[len(FEATURES) :]} == {"text"}


def test_an_ablation_leaves_out_what_owes_something_to_the_text():
    told = {"interest", "like_last", "like_last_3", "like_last_5"}
    told |= {f"{kind}_{source}" for kind in ("score", "relative", "place") for source in ("text", "text_neighbours")}
    assert told == TEXT_FEATURES


@pytest.mark.parametrize("group", LINKED)
def test_an_item_of_the_history_is_named_with_what_was_done_with_it(group):
    told = sentence(group, did="bought", title="{odd} title")
    assert told.startswith("Because you bought ")
    assert ("“{odd} title”" in told) is (group != "again")


@pytest.mark.parametrize("group", GROUPS)
def test_nobody_is_told_of_what_they_took_who_took_nothing(group):
    assert plain(group) == f"{GROUPS[group]} speaks for it."
    assert ("you took" in newcomer(group), "your" in newcomer(group), "You " in newcomer(group)) == (False,) * 3
