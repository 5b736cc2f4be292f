import pytest
from pydantic import ValidationError

from recsys.ranking.config import RankingConfig


def test_only_trees_are_tuned() -> None:
    with pytest.raises(
        ValidationError, match=r"expected ranking\.tuning\.trials = 0 with ranking\.kind = linear, got 5"
    ):
        RankingConfig.model_validate({"kind": "linear", "tuning": {"trials": 5}})
    assert RankingConfig.model_validate({"kind": "linear"}).tuning.trials == 0
