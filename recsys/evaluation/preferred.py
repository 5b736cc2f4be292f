"""What the interleaved lists of a log say: which of two bundles users prefer, contest by contest."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from pydantic import TypeAdapter

from recsys.evaluation import markup
from recsys.evaluation.interleave import Preference, outcomes, preference
from recsys.evaluation.interleaved_log import Contest
from recsys.evaluation.multiplicity import holm
from recsys.evaluation.off_policy.judging.refusals import MIN_USERS
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.evaluation.sensitivity import Rewards, interleaved
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure

TITLE = "Interleaved lists"
_NAMED = ("arm", "how", "first", "second", "answers", "users")
_TOLD = ("outcome", "its clicks", "for : against", "p (Holm)", "it takes")
HEAD = (*_NAMED, *_TOLD)
LEVEL = 0.05
_NOTE = (
    "Outcome: 1 of a list where the first bundle's items get more clicks, -1 if the second's do, 0 else. Its clicks: "
    "the first bundle's share of all. Both with 95 % intervals over users. For : against counts users; p is of a sign "
    "test of them, corrected by Holm where contests are several. It takes: lists until a preference like this one is "
    "seen four times of five."
)
_DIGITS = 12
_NONE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """One contest.

    Attributes:
        arm, way, first, second: as `Contest` has them.
        answers: lists that were interleaved.
        users: who asked for them.
        preference: None where something in `refused` stands against it.
        holm: its p-value, corrected for the number of contests; None likewise.
        takes: lists until a preference like this one is seen with power .8 (`sensitivity`); None likewise, and where
            there is no preference at all.
        refused: why there is no preference.
    """

    arm: str
    way: str
    first: str
    second: str
    answers: int
    users: int
    preference: Preference | None
    holm: float | None
    takes: float | None
    refused: Refusals

    @property
    def sentence(self) -> str:
        """Which bundle is preferred, or that none is known to be."""
        if self.preference is None:
            return f"Arm {self.arm}: {' '.join(map(str, self.refused))}"
        first, second = self.first[:_DIGITS], self.second[:_DIGITS]
        outcome, p = self.preference.outcome, self.holm
        assert p is not None
        sure = outcome.low is not None and outcome.high is not None and not outcome.low <= 0 <= outcome.high
        if sure and p < LEVEL:
            better, worse = (first, second) if outcome.mean > 0 else (second, first)
            return f"Arm {self.arm}: users prefer {better} to {worse} (p = {p:.2g})."
        return f"Arm {self.arm}: it is not known whether users prefer {first} or {second} (p = {p:.2g})."


def preferred(contests: Sequence[Contest], *, samples: int = 2000, seed: int = 0) -> tuple[Preferred, ...]:
    """Of each contest, in the order given; of fewer than `MIN_USERS` users a refusal. Args: as for `preference`."""
    users = [len(np.unique(each.clicks.user_idx)) for each in contests]
    found = [
        preference(each.clicks, samples=samples, seed=seed) if n >= MIN_USERS else None
        for each, n in zip(contests, users, strict=True)
    ]
    corrected = iter(holm(np.array([each.p_value for each in found if each is not None], np.float64)).tolist())
    return tuple(
        Preferred(
            arm=contest.arm,
            way=contest.way,
            first=contest.first,
            second=contest.second,
            answers=len(contest.clicks),
            users=n,
            preference=told,
            holm=None if told is None else next(corrected),
            takes=None if told is None else _takes(contest),
            refused=(_few(n),) if told is None else (),
        )
        for contest, n, told in zip(contests, users, found, strict=True)
    )


def table(found: Sequence[Preferred]) -> str:
    """For the terminal; empty without a contest."""
    if not found:
        return ""
    return "\n".join([TITLE, aligned([HEAD, *map(_cells, found)]), *(each.sentence for each in found)])


def preferred_section(found: Sequence[Preferred]) -> str:
    """A titled section of a page; empty without a contest."""
    if not found:
        return ""
    said = "".join(f"<p>{escape(each.sentence)}</p>\n" for each in found)
    rows = ([escape(cell) for cell in _cells(each)] for each in found)
    return markup.section(TITLE, f'{said}{markup.table(HEAD, rows)}<p class="note">{escape(_NOTE)}</p>\n')


def to_json(found: Sequence[Preferred]) -> str:
    """As text; equal ones give equal text."""
    return TypeAdapter(tuple[Preferred, ...]).dump_json(tuple(found), indent=1).decode() + "\n"


def _cells(each: Preferred) -> list[str]:
    """In the order of `HEAD`."""
    names = [each.arm, each.way, each.first[:_DIGITS], each.second[:_DIGITS], f"{each.answers:,}", f"{each.users:,}"]
    told = each.preference
    if told is None:
        return [*names, *[_NONE] * len(_TOLD)]
    credit = _NONE if told.credit is None else figure(told.credit)
    takes = _NONE if each.takes is None else f"{each.takes:,.0f}"
    return [*names, figure(told.outcome), credit, f"{told.wins:,} : {told.losses:,}", f"{each.holm:.2g}", takes]


def _takes(contest: Contest) -> float | None:
    found = interleaved(Rewards(user_idx=contest.clicks.user_idx, reward=outcomes(contest.clicks))).requests
    return found if np.isfinite(found) else None


def _few(users: int) -> Refusal:
    return Refusal(
        name="few-users",
        because=f"Interleaved lists went to {users} users, fewer than {MIN_USERS}: an interval would be too narrow.",
        cure="Let the experiment run on, or give the arm a larger share.",
    )
