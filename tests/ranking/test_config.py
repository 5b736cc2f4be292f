"""Rules that cannot be meant."""

import pytest
from pydantic import ValidationError

from recsys import settings
from recsys.errors import ConfigError
from recsys.ranking.config import RankingConfig

CAP = '{by="brand", most=1}'


def test_rules_are_settings_and_survive_json():
    chosen = settings.load(
        None,
        [
            'rules.boosts=[{by="category", value="tea", add=0.2}]',
            'rules.pins=[{item_id="22423", rank=1}]',
            'rules.caps=[{by="brand", most=3}]',
            'rules.quotas=[{by="cold", least=2}, {by="tag", value="new", least=1}]',
            "rules.diversity.strength=0.3",
            "rules.exposure.share=0.1",
        ],
    )
    assert (chosen.rules.pins[0].rank, chosen.rules.caps[0].by, chosen.rules.quotas[0].value) == (1, "brand", "")
    assert (chosen.rules.diversity.method, chosen.rules.diversity.depth) == ("mmr", 100)
    assert settings.validate(chosen.model_dump(mode="json")) == chosen


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ('rules.pins=[{item_id="a", rank=1}, {item_id="b", rank=1}]', "expected each rank in one pin, got 1 in two"),
        ('rules.pins=[{item_id="a", rank=1}, {item_id="a", rank=2}]', "expected each item in one pin, got 'a' in two"),
        ('rules.pins=[{item_id="a", rank=0}]', "Setting rules.pins.0.rank: Input should be greater than or equal to 1"),
        ('rules.quotas=[{by="cold", value="x", least=1}]', "expected a value with .*, none with cold, got 'x'"),
        ('rules.quotas=[{by="brand", least=1}]', "expected a value with category, brand and tag, .*got ''"),
        ('rules.caps=[{by="tag", most=1}]', "Setting rules.caps.0.by: Input should be 'category' or 'brand'"),
        ('rules.boosts=[{by="tag", value="x", add=inf}]', "Setting rules.boosts.0.add: Input should be a finite"),
        ("rules.diversity.strength=1.1", "Input should be less than or equal to 1, got 1.1"),
        ("rules.exposure.share=0", "Input should be greater than 0, got 0"),
        (
            "rules.diversity.streng=1",
            r"Unknown setting rules\.diversity\.streng; did you mean rules\.diversity\.strength",
        ),
        (f"rules.caps=[{', '.join([CAP] * 61)}]", "at most 60 boosts, caps and quotas .*, got 61"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(assignment, sentence):
    with pytest.raises(ConfigError, match=sentence):
        settings.load(None, [assignment])


def test_only_trees_are_tuned() -> None:
    with pytest.raises(
        ValidationError, match=r"expected ranking\.tuning\.trials = 0 with ranking\.kind = linear, got 5"
    ):
        RankingConfig.model_validate({"kind": "linear", "tuning": {"trials": 5}})
    assert RankingConfig.model_validate({"kind": "linear"}).tuning.trials == 0
