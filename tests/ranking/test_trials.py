from pathlib import Path

import pytest

from recsys.errors import ArtifactError
from recsys.ranking.config import TreesConfig
from recsys.ranking.trials import Trial, Trials


def of(*values: float) -> Trials:
    tried = [Trial(trees=TreesConfig(leaves=n + 2), rounds=n + 1, ndcg=value) for n, value in enumerate(values)]
    return Trials(tried=tuple(tried))


def test_the_best_is_the_earliest_of_the_highest() -> None:
    assert of(0.1, 0.3, 0.2, 0.3).best.trees.leaves == 1 + 2


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    assert Trials.load(tmp_path) is None
    of(0.1, 0.3).save(tmp_path)
    assert Trials.load(tmp_path) == of(0.1, 0.3)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tuning.json").write_text('{"tried": [{"rounds": 3}]}')
    with pytest.raises(ArtifactError, match=r"tuning\.json is no table of trials: at tried\.0\.trees, field required"):
        Trials.load(tmp_path)
