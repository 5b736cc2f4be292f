"""The ranker, and those beside it."""

import shutil

import pytest

from recsys.evaluation.results import TEXT_ALONE, WHOLE, Evaluation
from recsys.ranking.ranker import Ranker
from tests.pipelines.small_run import noise, put_teacher, resettled, stages


@pytest.mark.parametrize("rankers", [[], ["without_encoder"], ["with_teacher", "without_encoder"]])
def test_only_the_rankers_asked_for_are_trained_and_evaluated(evaluated, tmp_path, rankers):
    path = shutil.copytree(evaluated, tmp_path / "run")
    resettled(path, ablation={"rankers": rankers})
    stages(path, "train_ranker", "evaluate")
    assert sorted(p.name for p in (path / "ranker").iterdir() if p.is_dir()) == sorted(rankers)
    found = Evaluation.load(path / "evaluation")
    assert ("without the encoder" in found.methods) == ("without_encoder" in rankers)
    assert list(found.kept) == [*([WHOLE] if "with_teacher" in rankers else []), TEXT_ALONE]


def test_the_teachers_ranker_learns_from_the_teachers_vectors(evaluated, tmp_path, shop):
    """The teacher is another one than the student here: both rankers differ, and the served one does not notice."""
    path = shutil.copytree(evaluated, tmp_path / "run")
    before = (path / "ranker" / "ranker.txt").read_bytes()
    assert (path / "ranker" / "with_teacher" / "ranker.txt").read_bytes() == before  # the student itself
    put_teacher(path, shop, noise(path))
    stages(path, "train_ranker", "evaluate")
    assert (path / "ranker" / "ranker.txt").read_bytes() == before
    assert (path / "ranker" / "with_teacher" / "ranker.txt").read_bytes() != before
    assert Ranker.load(path / "ranker" / "with_teacher", threads=1).features
    kept = Evaluation.load(path / "evaluation").kept[TEXT_ALONE]["overall"]["ndcg@10"]
    assert kept.share.low > 1  # noise finds less
