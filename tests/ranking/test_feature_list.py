from recsys.ranking.feature_list import FEATURE_NAMES, FEATURES, directions
from recsys.ranking.pair_features import BELIEVED
from recsys.retrieval.candidates import SOURCES


def test_only_features_that_can_speak_one_way_have_a_direction() -> None:
    signs = dict(zip(FEATURE_NAMES, directions(FEATURE_NAMES), strict=True))
    held = {name: sign for name, sign in signs.items() if sign}
    expected = {"interest": 1, "item_liked": 1}
    for source in SOURCES:
        if source not in ("disliked", "own", "text_neighbours", "lexical"):
            expected |= {f"score_{source}": 1, f"relative_{source}": 1, f"place_{source}": -1}
    assert held == expected
    assert all(feature.scope != "user" for feature in FEATURES if feature.monotone)
    assert BELIEVED.issubset(SOURCES)


def test_a_task_heads_feature_may_speak_either_way() -> None:
    assert directions(["mood_joy", "interest", "place_als"]) == [0, 1, -1]
