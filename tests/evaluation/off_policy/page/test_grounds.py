"""What the figures rest on, for people."""

import re
from dataclasses import fields, replace

from recsys.evaluation.off_policy.log.left_out import LeftOut
from recsys.evaluation.off_policy.log.rewards import EventCounts
from recsys.evaluation.off_policy.page.grounds import BECAME, LEFT_OUT, grounds
from tests.evaluation.off_policy.page.test_earned import rows
from tests.evaluation.off_policy.small_judgement import JUDGEMENT


def test_every_count_is_told():
    got = rows(grounds(JUDGEMENT))
    counts = [int(cells[0].replace(",", "")) for cells in got.values()]
    assert counts == [11, 12, 13, 17, 19, 31, 37, 5_052, 41, 43, 47, 53, 59, 61]
    assert got["of arms that never explore, such as a holdout"] == ["13"]
    assert got["after the window"] == ["59"]


def test_every_reason_has_words():
    assert set(LEFT_OUT) == {field.name for field in fields(LeftOut)}
    assert set(BECAME) == {field.name for field in fields(EventCounts)}


def test_the_facts():
    said = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", grounds(JUDGEMENT)))
    assert said == {
        "log": "logs/may",
        "answers": "4,000",
        "users": "400 (a request without a user counts as one)",
        "rows": "12,000 places of their lists",
        "time": "2026-09-21T14:13:20Z to 2026-09-21T14:14:20Z, the first and the last answer",
        "arms": "a 2,500, b 1,500",
        "rewards": "click 1, purchase 10 × its value",
        "window": "an event counts until 24 hours after its answer",
        "intervals": "90 %, of 2,000 draws of users that all policies share",
        "margin": "2 %: the largest relative difference that nobody would mind",
        "compared to": "log",
        "new is": "bundles/new",
        "odd is": "odd.parquet",
        "far is": "far.parquet",
        "late is": "late.parquet",
    }


def test_names_are_text():
    card = replace(JUDGEMENT.card, directory="<i>", arms={"<u>": 1}, rewards={"<s>": 1.0})
    evil = replace(JUDGEMENT, card=card, base="<b>", policies={"<p>": JUDGEMENT.policies["late"]})
    assert not re.search("<[iusbp]>", grounds(evil))
