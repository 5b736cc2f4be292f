"""What the gate asks, and what it makes of the answers."""

from dataclasses import replace

import pytest

from recsys.errors import GateError
from recsys.evaluation.checks import Cost, of_costs, of_evaluation, of_published, of_teacher_costs
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.config import GateConfig
from recsys.evaluation.results import TEXT_ALONE, WHOLE, EncoderScore, Measured

CONFIG = GateConfig(not_below="")


def kept(share, *, certain=True):
    """One metric of which a share is left, of 0.2."""
    loss = 0.2 * (share - 1)
    return Comparison(
        ours=0.2 * share,
        other=0.2,
        share=Estimate(mean=share, low=share - 0.01, high=share + 0.01, n=90),
        difference=Difference(mean=loss, low=loss - 0.01, high=-0.0001 if certain else 0.01, n=90, differing=90),
    )


def verdicts(checks):
    return {check.what: check.judgement for check in checks}


def of_recall(share, segment="overall", subject=WHOLE, **more):
    return of_published({subject: {segment: {"recall@20": kept(share, **more)}}}, CONFIG)


@pytest.mark.parametrize(
    ("share", "certain", "judgement"),
    [(0.94, True, "refused"), (0.94, False, "uncertain"), (0.95, True, "ok"), (1.2, False, "ok")],
)
def test_a_loss_is_refused_where_it_is_large_and_certain(share, certain, judgement):
    (check,) = of_recall(share, certain=certain)
    assert check.judgement == judgement
    assert (check.what, check.against, check.limit) == ("recall@20, whole pipeline", "published bundle", 0.95)
    assert (check.candidate, check.reference) == (0.2 * share, 0.2)


def test_every_subject_metric_and_segment_of_items_has_a_row_of_its_own():
    segments = {
        name: {"ndcg@10": kept(1.0), "recall@20": kept(1.0)}
        for name in ("overall", "warm items", "cold items", "new users", "established users")
    }
    checks = of_published({WHOLE: segments, TEXT_ALONE: segments}, CONFIG)
    assert len(checks) == 2 * 2 * 3
    assert "nDCG@10, text alone, cold items" in verdicts(checks)


@pytest.mark.parametrize("segment", ["cold items", "warm items"])
def test_a_worse_segment_is_refused_by_its_own_share(segment):
    assert of_recall(0.84, segment)[0].judgement == "refused"
    assert of_recall(0.86, segment)[0].judgement == "ok"
    assert of_recall(0.84, segment)[0].limit == 0.85


def test_nothing_to_lose_is_no_loss():
    nothing = replace(kept(1.0), share=None)
    (check,) = of_published({WHOLE: {"overall": {"recall@20": nothing}}}, CONFIG)
    assert check.judgement == "ok"


def test_the_student_may_lose_more_by_text_alone_than_the_whole_pipeline(evaluation):
    rows = {"overall": {"ndcg@10": kept(0.93)}}
    found = of_evaluation(replace(evaluation, kept={WHOLE: rows, TEXT_ALONE: rows}), CONFIG)
    assert verdicts(found) == {"nDCG@10, whole pipeline": "refused", "nDCG@10, text alone": "ok"}
    assert {check.against for check in found} == {"teacher"}


def test_what_the_evaluation_did_not_compare_is_told(evaluation):
    found = of_evaluation(replace(evaluation, kept={}), CONFIG)
    assert verdicts(found) == {"quality, whole pipeline": "not judged", "quality, text alone": "not judged"}


@pytest.mark.parametrize(
    ("low", "high", "judgement"), [(-0.02, -0.01, "refused"), (-0.02, 0.01, "uncertain"), (0.01, 0.02, "ok")]
)
def test_lists_may_not_be_certainly_worse_than_a_simple_methods(evaluation, low, high, judgement):
    mean = (low + high) / 2
    loss = Difference(mean=mean, low=low, high=high, n=500, differing=500)
    ours = evaluation.methods["recsys"].scores["overall"]["ndcg@10"]
    scores = {"ndcg@10": replace(ours, mean=ours.mean - mean), "recall@20": ours}
    changed = replace(
        evaluation,
        kept={},
        methods=evaluation.methods | {"EASE": replace(evaluation.methods["EASE"], scores={"overall": scores})},
        differences=evaluation.differences | {"EASE": {"overall": {"ndcg@10": loss, "recall@20": loss}}},
    )
    check = of_evaluation(changed, GateConfig(not_below="EASE"))[-1]
    assert (check.against, check.judgement, check.limit) == ("EASE", judgement, 1.0)


def test_an_unknown_baseline_is_named(evaluation):
    with pytest.raises(GateError, match=r"gate.not_below: expected one of popularity, EASE, .*got 'Ease'; nothing was"):
        of_evaluation(evaluation, GateConfig(not_below="Ease"))


def cost(candidate, reference=None, **more):
    (check,) = of_costs(
        [Cost(what="one text", unit="ms", candidate=candidate, reference=reference, times=1.25, **more)], "other"
    )
    return check


def test_costs_are_refused_from_just_above_their_limits():
    assert cost(5.0, 4.0).judgement == "ok"  # 1.25 times
    assert cost(5.01, 4.0).judgement == "refused"
    assert cost(5.0, most=5.0).judgement == "ok"
    assert cost(5.01, most=5.0).judgement == "refused"
    assert cost(5.0).judgement == "not judged"


def test_a_cost_beside_another_and_under_a_limit_has_two_rows():
    both = of_costs([Cost(what="t", unit="ms", candidate=3, reference=2, times=2, most=2.5, clock=True)], "other")
    assert [(c.against, c.bound, c.judgement) for c in both] == [("other", "times", "ok"), ("limit", "most", "refused")]
    assert all(check.clock for check in both)


def test_a_student_larger_or_slower_than_its_teacher(evaluation):
    def encoder(size):
        return EncoderScore(layers=2, size=size, scores={})

    changed = replace(
        evaluation,
        encoders={"teacher": encoder(100), "student": encoder(126)},
        measured=Measured(encoder_ms={"teacher": 4.0, "student": 5.1}),
    )
    found = of_teacher_costs(changed, CONFIG)
    assert verdicts(found) == {"encoder, weights": "refused", "one text, median": "refused"}
    assert [check.clock for check in found] == [False, True]
    assert of_teacher_costs(replace(evaluation, encoders={}, measured=Measured()), CONFIG) == []
