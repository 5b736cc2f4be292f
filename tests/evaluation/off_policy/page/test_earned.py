"""What lists earn, for people: every figure that the log supports, and a reason instead of every other."""

import re
from dataclasses import replace

import pytest

from recsys.evaluation.compare import Estimate
from recsys.evaluation.off_policy.estimators.estimator import ESTIMATORS
from recsys.evaluation.off_policy.judging.judgement import LOG
from recsys.evaluation.off_policy.page.earned import earned, estimators, parts
from tests.evaluation.off_policy.small_judgement import ANSWERED, BY_ROWS, JUDGEMENT, REFUSED

LATE = "–|trained-on-log"


def rows(html: str) -> dict[str, list[str]]:
    """First word of a row → its cells, what stands small in brackets after a bar."""
    found = re.findall("<tr>(<td>.*?)</tr>", html)
    cells = [[_text(cell) for cell in re.findall("<td>(.*?)</td>", row)] for row in found]
    return {first.split("|")[0]: rest for first, *rest in cells}


def _text(cell: str) -> str:
    return re.sub("<.*?>", "", cell.replace("<small>", "|"))


def test_a_policy_stands_with_all_that_is_said_of_it():
    got = rows(earned(JUDGEMENT))
    assert list(got) == ["log", "new", "odd", "far", "late"]
    assert got["log"] == ["1.2500|[1.2000, 1.3000]", *["–"] * 6, "4,000"]
    assert got["new"] == [
        "1.50|[1.4500, 1.55]",
        "+0.0625|[0.0125, 0.1125]",
        "+3.1 % [1.2, 5.0]",
        "0.013",
        "0.037",
        "2.1 %",
        "[1.4510, 1.55]",
        "3,000|of 4,000",
    ]
    assert got["odd"][1:6] == ["-0.5000|[-0.5500, -0.4500]", "-37.8 % [-57.4, -14.7]", "–", "–", "–"]
    assert "<small>by SNIPS</small>" in earned(JUDGEMENT)
    assert "<small>by cascade-DR, holds if a row&#x27;s reward depends on its item and those above it" in earned(
        JUDGEMENT
    )


def test_who_is_refused_has_reasons_and_no_figure():
    got = rows(earned(JUDGEMENT))
    assert got["far"] == ["–|little-overlap, one-user", *["–"] * 7]
    assert got["late"] == ["–|trained-on-log", *["–"] * 7]
    assert re.findall('class="ours">(.*?)<', earned(JUDGEMENT)) == ["new", "odd"]
    assert earned(JUDGEMENT).count("<svg") == 3, "the log and both that have a headline"


def test_better_and_worse_have_colours_and_unclear_has_none():
    said = earned(JUDGEMENT)
    assert '<span class="better">+0.0625<' in said
    assert '<span class="worse">-0.5000<' in said
    unclear = replace(ANSWERED.against.verdict, direction="unclear")
    policy = replace(ANSWERED, against=replace(ANSWERED.against, verdict=unclear))
    assert '<span class="">+0.0625<' in earned(replace(JUDGEMENT, policies={"new": policy}))


def test_the_base_is_compared_to_nothing():
    base = replace(JUDGEMENT, base="new", policies={"new": replace(ANSWERED, against=None)})
    assert rows(earned(base))["new"][1:6] == ["–"] * 5
    assert "<th>beside new</th>" in earned(base)


@pytest.mark.parametrize(("always", "said"), [(None, "–"), (Estimate(mean=1, low=0.5, high=1.25, n=9), "[0.5000")])
def test_the_interval_of_who_looks_all_the_time(always, said):
    policy = replace(JUDGEMENT, policies={"new": replace(ANSWERED, always=always)})
    assert rows(earned(policy))["new"][6].startswith(said)


def test_every_estimator_has_a_figure_or_a_reason():
    got = rows(estimators(JUDGEMENT))
    assert list(got) == [each.label for each in ESTIMATORS]
    assert got["doubly robust"] == ["–|no reward model", "–|little-overlap", "–|little-overlap, one-user", LATE]
    assert got["SNIPS"] == ["1.50|[1.4500, 1.55]", "–|little-overlap", "–|little-overlap, one-user", LATE]
    assert got["cascade-DR"] == ["–|no reward model", "0.8000|[0.7500, 0.8500]", "–|little-overlap", LATE]
    assert got["independent IPS"] == [*["–|probabilities not known"] * 3, LATE]
    assert got["direct method"] == ["–|no reward model", "0.7000|[0.6500, 0.7500]", "–|nothing to stand beside", LATE]


def test_estimators_that_the_log_supports_are_drawn_and_the_verdicts_own_is_marked():
    said = estimators(JUDGEMENT)
    assert said.count("<svg") == len(ANSWERED.estimates) + len(BY_ROWS.estimates)
    assert re.findall('<span class="ours">(?:<span class="">)?(.*?)<', said) == [
        "SNIPS",
        "cascade-DR",
        "1.50",
        "0.8000",
    ]
    assert "<h3>far</h3>" not in said


def test_what_an_estimator_takes_for_granted_stands_beside_it():
    assert "direct method<small>weighs nothing, asks a reward model; holds if the reward model is right<" in estimators(
        JUDGEMENT
    )
    assert "<td>SNIPS<small>weighs whole lists</small></td>" in estimators(JUDGEMENT)


def test_parts_stand_beside_the_logs_own():
    assert rows(parts(JUDGEMENT)) == {
        "first half": [
            "1.2100|[1.1600, 1.2600]",
            "1.4100|[1.3600, 1.4600]",
            "0.8200|[0.7700, 0.8700]",
            "–|little-overlap, one-user",
            LATE,
        ],
        "second half": [
            "1.2200|[1.1700, 1.2700]",
            "–|one-user",
            "0.8300|[0.7800, 0.8800]",
            "–|little-overlap, one-user",
            LATE,
        ],
    }
    assert f"<th>part</th><th>{LOG}</th><th>new</th>" in parts(JUDGEMENT)


def test_a_part_that_nothing_is_known_of():
    policy = replace(JUDGEMENT, policies={"new": replace(ANSWERED, segments={})})
    assert rows(parts(policy))["first half"][1] == "–|probabilities not known"
    assert parts(replace(JUDGEMENT, segments={})) == ""


def test_names_are_text():
    evil = replace(
        JUDGEMENT, policies={"<i>": ANSWERED, "<u>": REFUSED}, segments={"<s>": JUDGEMENT.logged}, base="<i>"
    )
    for said in (earned(evil), estimators(evil), parts(evil)):
        assert not re.search("<[ius]>", said)
