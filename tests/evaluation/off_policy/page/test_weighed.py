"""How far a log speaks of each policy, for people."""

import re
from dataclasses import replace

from recsys.evaluation.off_policy.estimators.estimator import ESTIMATORS
from recsys.evaluation.off_policy.judging.judgement import Support
from recsys.evaluation.off_policy.judging.overlap import EDGES
from recsys.evaluation.off_policy.page.weighed import TICKS, WEIGHED, weighed
from recsys.evaluation.refusal import Refusal
from tests.evaluation.off_policy.page.test_earned import rows
from tests.evaluation.off_policy.small_judgement import ANSWERED, JUDGEMENT, OVERLAP


def test_every_figure_of_the_weights():
    (told,) = weighed(replace(JUDGEMENT, policies={"odd": JUDGEMENT.policies["odd"]})).split("<h3>odd</h3>")[1:]
    assert rows(told) == {
        "answers": ["4,000|400 users", "4,000|400 users"],
        "effective sample size": ["8.0|0.2 %", "3,000.0|75 %"],
        "mean weight, standard error": ["1.01|one user", "1.01|± 0.02"],
        "weight of 0": ["97.5 %", "25 %"],
        "weight from 0.56 to 1.78": ["0 %", "50 %"],
        "50 % of weights are at most": ["0.5", "0.5"],
        "90 % of weights are at most": ["2", "2"],
        "99 % of weights are at most": ["4", "4"],
        "99.9 % of weights are at most": ["8", "8"],
        "largest weight": ["9.25", "9.25"],
        "largest share of one user": ["1.25 %", "1.25 %"],
        "share on what was no candidate": ["not known", "0.25 %"],
        "refused for": ["little-overlap", "–"],
    }
    assert "<th>weights of</th><th>whole lists</th><th>rows and those above</th>" in told


def test_a_drawing_and_a_bar_for_each_kind_of_weights():
    said = weighed(JUDGEMENT)
    assert re.findall("<h3>(.*?)</h3>", said) == [
        each for name in ("new", "odd", "far") for each in (name, "whole lists", "rows and those above")
    ]
    assert re.findall('<rect y="1.5" width="(.*?)"', said) == ["75.00", "75.00", "0.20", "75.00", "0.20", "0.20"]
    assert said.count("<title>3,900</title>") == 3, "lists that odd and far never show"


def test_the_bin_around_1_has_the_tick_1():
    assert len(TICKS) == len(EDGES) + 2 == len(OVERLAP.histogram)
    for n, tick in list(enumerate(TICKS))[2:-1]:
        low, high = EDGES[n - 2 : n]
        assert tick == "" or low < float(tick) < high
    assert TICKS[0] == "0"


def test_a_pseudo_inverse_that_weighs_nothing_in_all():
    support = {"slots": Support(overlap=replace(OVERLAP, mean=0.0, effective=0.0), refused=())}
    said = weighed(replace(JUDGEMENT, policies={"new": replace(ANSWERED, support=support)}))
    assert 'width="0.00"' in said
    assert "items at each place, by a pseudo-inverse" in said


def test_nothing_is_said_where_there_are_no_weights():
    assert weighed(replace(JUDGEMENT, policies={"late": JUDGEMENT.policies["late"]})) == ""


def test_all_that_estimators_weigh_has_a_name():
    assert {each.weighing for each in ESTIMATORS} == set(WEIGHED)


def test_names_are_text():
    refused = (Refusal(name="<u>", because="", cure=""),)
    policy = replace(ANSWERED, support={"list": Support(overlap=OVERLAP, refused=refused)})
    assert not re.search("<[iu]>", weighed(replace(JUDGEMENT, policies={"<i>": policy})))
