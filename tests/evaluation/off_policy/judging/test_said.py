"""What a judgement says in words: never a figure that the log does not support."""

from dataclasses import replace

from recsys.evaluation.compare import Estimate
from recsys.evaluation.equivalence import Verdict
from recsys.evaluation.off_policy.judging.judgement import Against, Judged
from recsys.evaluation.off_policy.judging.said import relative, sentence, table
from recsys.evaluation.refusal import Refusal
from tests.evaluation.off_policy.judging.test_judge import ALIKE, BAD, GOOD, PLAYED, found, luce, of, target

FEW = Refusal(name="few-users", because="The log has 9 users, fewer than 50.", cure="Log 4 days more.")
FAR = Refusal(name="one-user", because="One user has 40 % of the weight.", cure="See who it is.")


def against(p: float, direction: str = "better", *, alone: float | None = None) -> Against:
    """`p` by Holm's way; `alone` without it, else half as much."""
    figure = Estimate(mean=0.03, low=0.01, high=0.05, n=900)
    verdict = Verdict(direction=direction, equivalent=False, sentence="B is better by 3.0 % (1.0 to 5.0).")
    return Against(
        difference=figure,
        relative=figure,
        narrow=figure,
        p_value=p / 2 if alone is None else alone,
        adjusted=p,
        detectable=0.02,
        verdict=verdict,
    )


def judged(**more: object) -> Judged:
    estimate = Estimate(mean=0.2, low=0.1, high=0.3, n=900)
    common = {"source": "b", "support": {}, "refused": (), "estimates": {"snips": estimate, "cascade": estimate}}
    return Judged(**common | {"headline": "snips"} | more)


def test_better_by():
    assert sentence("B", judged(against=against(0.001)), "log") == "B is better by 3.0 % (1.0 to 5.0)."


def test_among_many_it_may_be_luck():
    told = sentence("B", judged(against=against(0.2)), "log")
    assert told.endswith("Among so many policies one may stand out like this by luck (p = 0.2 after Holm).")
    assert "luck" not in sentence("B", judged(against=against(0.2, "unclear")), "log")


def test_luck_goes_by_the_level_and_by_how_many_there_are():
    assert "luck" in sentence("B", judged(against=against(0.03)), "log", level=0.99)
    assert "luck" not in sentence("B", judged(against=against(0.15)), "log", level=0.8)
    assert "luck" not in sentence("B", judged(against=against(0.06, alone=0.06)), "log")


def test_what_it_rests_on_is_said():
    told = sentence("B", judged(headline="cascade", against=against(0.001)), "log")
    assert told.endswith("This holds if a row's reward depends on its item and those above it.")


def test_the_base_and_one_whose_base_says_nothing():
    assert sentence("B", judged(), "B") == "B earns 0.2000 [0.1000, 0.3000] a list; the others are compared to it."
    assert sentence("B", judged(), "A").endswith("a list; nothing can be said of A.")


def test_why_nothing_can_be_said():
    told = sentence("B", judged(headline=None, refused=(FEW, FAR)), "log")
    assert told == f"B cannot be answered: {FEW} {FAR}"


def test_the_table_has_no_figure_of_what_is_refused():
    far = target(PLAYED, luce(0.05, times=-3))
    got = table(found({"good": of(GOOD), "far": far}, modelled=True))
    lines = got.splitlines()
    log, good, gone = (next(line for line in lines if line.startswith(name)) for name in ("log", "good", "far"))
    assert all(each in log for each in ("as it was", "4,000"))
    assert all(each in good for each in ("doubly robust", " of 4,000", " %"))
    assert gone.split() == ["far", "–", "refused", "–", "–", "–", "–"]
    assert all(line.rstrip().endswith("–") for line in lines if line.startswith(("SNIPS", "cascade-DR", "direct")))
    assert "far cannot be answered: The log weighs as much as" in got


def test_beside_a_base_that_earned_nothing_there_is_no_fraction():
    nothing = Estimate(mean=float("nan"), low=None, high=None, n=900)
    assert relative(nothing) == "–"


def test_the_table_counts_who_is_left_out():
    got = found({"bad": of(BAD), "same": of(ALIKE)}, modelled=True)
    assert "left out" not in table(got)
    some = replace(got, card=replace(got.card, unknown=500, unused=500))
    assert table(some).endswith("Of 5,000 answers 1,000 are left out.")
