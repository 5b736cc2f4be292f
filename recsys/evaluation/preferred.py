"""Contests of two rankings in words: who is preferred, how sure that is, and how many lists it takes to see it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from recsys.evaluation.compare import Estimate
from recsys.evaluation.interleave import Preference, outcomes, preference
from recsys.evaluation.interleaved_log import Contest
from recsys.evaluation.markup import section, table
from recsys.evaluation.off_policy.refusals import MIN_USERS
from recsys.evaluation.sensitivity import Rewards, interleaved
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import bounds

TITLE = "Interleaved lists"
HEAD = ("arm", "way", "first", "second", "lists", "users", "outcome", "p (signs)", "lists it takes")
_NOTE = (
    "A list is of two rankings, and a click speaks for the one that gave the item. Its outcome is 1 where the first "
    "has more clicks, −1 where the second has. Brackets hold 95 % intervals over users; p is of users for and against. "
    "The last column: lists until a preference like this one is seen four times of five."
)
_DIGEST = 12
"""Characters of a digest that people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """A contest and how it ended.

    Attributes:
        contest: the two rankings and what was clicked.
        preference: None with too few users.
        users: how many there are.
        lists: until a preference like this one is seen with power .8; infinite where there is none.
    """

    contest: Contest
    preference: Preference | None
    users: int
    lists: float

    @classmethod
    def of(cls, contest: Contest, *, samples: int, seed: int = 0) -> "Preferred":
        """With an interval of so many draws of users."""
        clicks = contest.clicks
        users = len(np.unique(clicks.user_idx))
        if users < MIN_USERS:
            return cls(contest=contest, preference=None, users=users, lists=math.inf)
        found = preference(clicks, samples=samples, seed=seed)
        needed = interleaved(Rewards(user_idx=clicks.user_idx, reward=outcomes(clicks)))
        return cls(contest=contest, preference=found, users=users, lists=needed.requests)

    @property
    def sentence(self) -> str:
        """Who is preferred, or that it cannot be told."""
        one, other = self.contest.first[:_DIGEST], self.contest.second[:_DIGEST]
        where = f"In arm {self.contest.arm} ({self.contest.way})"
        if self.preference is None:
            return f"{where} nothing can be told of {one} and {other}: {self.users} users, fewer than {MIN_USERS}."
        outcome = self.preference.outcome
        if outcome.low is None or outcome.high is None or outcome.low <= 0 <= outcome.high:
            return f"{where} {one} and {other} are not to be told apart: outcome {_figure(outcome)}."
        better, worse = (one, other) if outcome.mean > 0 else (other, one)
        return f"{where} users prefer {better} to {worse}: outcome {_figure(outcome)}, above 0 for {one}."

    @property
    def cells(self) -> list[str]:
        """One for each of `HEAD`."""
        contest, found = self.contest, self.preference
        named = [contest.arm, contest.way, contest.first[:_DIGEST], contest.second[:_DIGEST]]
        counts = [f"{len(contest.clicks):,}", f"{self.users:,}"]
        if found is None:
            return [*named, *counts, "–", "–", "–"]
        takes = f"{self.lists:,.0f}" if math.isfinite(self.lists) else "–"
        return [*named, *counts, _figure(found.outcome), f"{found.p_value:.2g}", takes]


def preferred_table(found: Sequence[Preferred]) -> str:
    """For the terminal; empty without a contest."""
    if not found:
        return ""
    return "\n".join([aligned([list(HEAD), *(each.cells for each in found)]), *(each.sentence for each in found)])


def preferred_section(found: Sequence[Preferred]) -> str:
    """For the page; empty without a contest."""
    if not found:
        return ""
    said = "".join(f"<p>{escape(each.sentence)}</p>" for each in found)
    rows = [[escape(cell) for cell in each.cells] for each in found]
    return section(TITLE, f'{said}{table(HEAD, rows)}<p class="note">{_NOTE}</p>')


def _figure(outcome: Estimate) -> str:
    return f"{outcome.mean:+.4f} {bounds(outcome)}"
