"""Contests in words: who is preferred is said where it can be, and nothing where it cannot."""

import html.parser

import numpy as np
import pytest

from recsys.evaluation.interleave import InterleavedClicks, preference
from recsys.evaluation.interleaved_log import Contest
from recsys.evaluation.preferred import HEAD, Preferred, preferred_section, preferred_table

ONE, OTHER = "a" * 64, "b" * 64


def contest(users: int, chance: float, *, arm: str = "both", seed: int = 0) -> Contest:
    """Two lists of two a user, one item of each ranking; the first's is clicked with this chance, else the second's."""
    n = 2 * users
    wins = np.random.default_rng(seed).random(n) < chance
    clicks = InterleavedClicks(
        user_idx=np.repeat(np.arange(users), 2).astype(np.int32),
        indptr=np.arange(0, 2 * n + 1, 2).astype(np.int64),
        first=np.tile([1.0, 0.0], n),
        clicked=np.stack([wins, ~wins], axis=1).ravel(),
    )
    return Contest(arm=arm, way="team_draft", first=ONE, second=OTHER, clicks=clicks)


def ended(users: int, chance: float, **more) -> Preferred:
    return Preferred.of(contest(users, chance, **more), samples=400)


@pytest.mark.parametrize(("chance", "winner", "loser"), [(0.8, ONE, OTHER), (0.2, OTHER, ONE)])
def test_who_is_preferred(chance, winner, loser):
    found = ended(200, chance)
    assert found.sentence.startswith(f"In arm both (team_draft) users prefer {winner[:12]} to {loser[:12]}: outcome ")
    assert found.sentence.endswith(f"above 0 for {ONE[:12]}.")
    assert found.preference == preference(found.contest.clicks, samples=400)


def test_lists_it_takes_follow_from_what_was_seen():
    found = ended(200, 0.8)
    outcome = 2 * found.contest.clicks.clicked[::2] - 1.0
    by_user = outcome.reshape(200, 2).mean(axis=1)
    variance = by_user.var(ddof=1) / 200 * 400
    assert found.lists == pytest.approx((1.959964 + 0.841621) ** 2 * variance / outcome.mean() ** 2, rel=1e-4)


def test_rankings_that_are_alike_are_not_told_apart():
    found = ended(200, 0.5)
    assert "are not to be told apart: outcome " in found.sentence


def test_few_users_tell_nothing_and_fifty_do():
    few, enough = ended(49, 0.9), ended(50, 0.9)
    assert few.sentence.endswith(f"nothing can be told of {ONE[:12]} and {OTHER[:12]}: 49 users, fewer than 50.")
    assert few.preference is None
    assert few.cells[-3:] == ["–", "–", "–"]
    assert "users prefer" in enough.sentence


def test_everybody_is_of_one_mind():
    assert "not to be told apart: outcome +1.0000 [none: all alike]" in ended(60, 1.0).sentence


def test_table_and_page_have_a_row_for_each():
    found = [ended(200, 0.8), ended(20, 0.8, arm="<b>")]
    lines = preferred_table(found).splitlines()
    assert lines[0].split("  ")[0] == "arm"
    assert len(lines) == 2 + 2 + 2
    assert all(len(each.cells) == len(HEAD) for each in found)
    page = preferred_section(found)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    html.parser.HTMLParser().feed(page)
    assert page.count("<tr>") == 3


def test_without_contests_there_is_nothing():
    assert preferred_table([]) == preferred_section([]) == ""
