"""What is claimed, and what is not."""

from dataclasses import replace

import pytest

from recsys.evaluation.compare import Difference
from recsys.evaluation.wording import ablation, headline


def with_difference(evaluation, other, low, high, segment="overall"):
    d = Difference(mean=(low + high) / 2, low=low, high=high, n=500, differing=500)
    parts = dict(evaluation.differences[other])
    parts[segment] = {**parts[segment], "ndcg@10": d}
    return replace(evaluation, differences={**evaluation.differences, other: parts})


def test_headline_names_the_best_baseline(evaluation):
    assert headline(evaluation) == (
        "recsys reaches nDCG@10 0.3000 [0.2900, 0.3100] over 500 users of toy shop, better than the best of 2 "
        "baselines, EASE (0.2000): difference +0.1000 [0.0800, 0.1200]."
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.02, "better than"), (-0.01, 0.02, "not to be told apart from"), (-0.02, -0.01, "worse than")],
)
def test_headline_claims_what_the_interval_allows(evaluation, low, high, verdict):
    assert f", {verdict} the best of 2 baselines" in headline(with_difference(evaluation, "EASE", low, high))


def test_headline_of_few_users_warns(evaluation):
    small = evaluation.methods["recsys"]
    overall = {name: replace(e, n=12) for name, e in small.scores["overall"].items()}
    few = replace(evaluation, methods={**evaluation.methods, "recsys": replace(small, scores={"overall": overall})})
    assert headline(few).endswith("Only 12 users: read the intervals, not the means.")
    assert "Only" not in headline(evaluation)


def test_headline_without_and_with_one_baseline(evaluation):
    ours = evaluation.methods["recsys"]
    alone = replace(evaluation, methods={"recsys": ours})
    assert headline(alone).endswith("over 500 users of toy shop.")
    one = replace(evaluation, methods={"recsys": ours, "EASE": evaluation.methods["EASE"]})
    assert "better than the baseline, EASE" in headline(one)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.01, 0.02, "helps"), (-0.01, 0.02, "adds nothing that this log can show"), (-0.02, -0.01, "does harm")],
)
def test_ablation_says_where_a_part_adds_nothing(evaluation, low, high, verdict):
    said = ablation(with_difference(evaluation, "recsys without text", low, high), "recsys without text")
    assert said.startswith("What is left out in “recsys without text” is worth nDCG@10 ")
    assert said.endswith(f"]: it {verdict}.")


def test_ablation_names_segments_with_another_answer(evaluation):
    other = with_difference(evaluation, "recsys without text", 0.03, 0.05, segment="cold items")
    said = ablation(other, "recsys without text")
    assert said.endswith("can show. But by segment: cold items +0.0400 [0.0300, 0.0500].")
