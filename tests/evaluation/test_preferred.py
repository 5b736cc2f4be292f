"""Preferences in words: only what both the interval and the sign test say is said, and of few users nothing."""

import json

import numpy as np
import pytest

from recsys.evaluation.interleave import InterleavedClicks, preference
from recsys.evaluation.interleaved_log import Contest
from recsys.evaluation.off_policy.judging.refusals import MIN_USERS
from recsys.evaluation.preferred import HEAD, preferred, preferred_section, table, to_json

FIRST, SECOND = "a1" * 32, "b2" * 32


def contest(arm: str, *, wins: int, losses: int, ties: int = 0) -> Contest:
    """A user each, with a list of two places of which one is clicked; those who tie click nothing."""
    n = wins + losses + ties
    clicked = np.zeros((n, 2), np.bool_)
    clicked[:wins, 0] = True
    clicked[wins : wins + losses, 1] = True
    clicks = InterleavedClicks(
        user_idx=np.arange(n, dtype=np.int32),
        indptr=np.arange(n + 1, dtype=np.int64) * 2,
        first=np.tile([1.0, 0.0], n),
        clicked=clicked.ravel(),
    )
    return Contest(arm=arm, way="team_draft", first=FIRST, second=SECOND, clicks=clicks)


BETTER, WORSE = contest("better", wins=70, losses=30, ties=20), contest("worse", wins=20, losses=60)
EVEN, FEW = contest("even", wins=31, losses=29), contest("few", wins=MIN_USERS - 1, losses=0)


def test_each_contest_is_told_by_its_users_and_corrected_for_the_others():
    better, few, worse, even = preferred([BETTER, FEW, WORSE, EVEN], samples=300)
    assert better.preference == preference(BETTER.clicks, samples=300)
    assert better.preference.outcome.mean == pytest.approx(40 / 120)
    by_p = sorted((each.preference.p_value, each.holm) for each in (better, worse, even))
    assert [p for _, p in by_p] == pytest.approx([by_p[0][0] * 3, by_p[1][0] * 2, by_p[2][0]])
    assert (few.preference, few.holm, few.users, few.answers) == (None, None, MIN_USERS - 1, MIN_USERS - 1)
    assert [each.name for each in few.refused] == ["few-users"]
    assert better.sentence == f"Arm better: users prefer a1a1a1a1a1a1 to b2b2b2b2b2b2 (p = {better.holm:.2g})."
    assert worse.sentence == f"Arm worse: users prefer b2b2b2b2b2b2 to a1a1a1a1a1a1 (p = {worse.holm:.2g})."
    assert even.sentence == (
        f"Arm even: it is not known whether users prefer a1a1a1a1a1a1 or b2b2b2b2b2b2 (p = {even.holm:.2g})."
    )
    assert few.sentence == (
        "Arm few: Interleaved lists went to 49 users, fewer than 50: an interval would be too narrow. "
        "Let the experiment run on, or give the arm a larger share."
    )


def test_lists_it_takes_follow_from_what_was_seen():
    (better,) = preferred([BETTER], samples=300)
    outcome = np.repeat([1.0, -1.0, 0.0], [70, 30, 20])
    assert better.takes == pytest.approx(
        (1.959964 + 0.841621) ** 2 * outcome.var(ddof=1) / outcome.mean() ** 2, rel=1e-5
    )
    (none,) = preferred([contest("none", wins=30, losses=30)], samples=300)
    assert none.takes is None
    assert table([none]).splitlines()[3].endswith(" -")


def test_where_many_are_compared_less_is_told_apart():
    slight = contest("slight", wins=62, losses=40)
    (alone,) = preferred([slight], samples=300)
    among = preferred([slight, *[EVEN] * 9], samples=300)[0]
    assert "users prefer a1" in alone.sentence
    assert "it is not known" in among.sentence


def test_terminal_and_page_have_a_row_each():
    found = preferred([BETTER, FEW], samples=300)
    lines = table(found).splitlines()
    assert lines[0] == "Interleaved lists"
    assert lines[3].split()[:6] == ["better", "team_draft", "a1a1a1a1a1a1", "b2b2b2b2b2b2", "120", "120"]
    assert "70 : 30" in lines[3]
    assert lines[4].split()[-5:] == ["-"] * 5
    assert lines[5:] == [each.sentence for each in found]
    page = preferred_section(found)
    assert page.count("<tr>") == 3
    assert all(f"<th>{name}</th>" in page.replace("&#x27;", "'") for name in HEAD)
    assert "70 : 30" in page
    assert (table([]), preferred_section([])) == ("", "")


def test_as_json_everything_is_there():
    found = preferred([BETTER, FEW], samples=300)
    told = json.loads(to_json(found))
    assert [each["arm"] for each in told] == ["better", "few"]
    assert told[0]["preference"]["wins"] == 70
    assert told[1]["refused"][0]["name"] == "few-users"
    assert to_json(preferred([BETTER, FEW], samples=300)) == to_json(found)
