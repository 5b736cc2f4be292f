"""How fast a log grows and how much it explores: what turns "too little" into days and rates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

from recsys.schema import DAY, LongArray

RATES = {"epsilon_greedy": "epsilon", "plackett_luce": "temperature"}
"""Policy → what says how much it explores."""

_HOUR, _MINUTE = DAY // 24, DAY // 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a log is like.

    Attributes:
        answers: of the log that are evaluated.
        span: microseconds from the first to the last of them, and one mean distance more; 0 where they are of one
            instant.
        length: mean number of items of those that have any.
        policy: the one that drew them all; None where they are several.
        rate: its epsilon or temperature; None where they are several, or it has none.
    """

    answers: int
    span: float
    length: float
    policy: str | None = None
    rate: float | None = None

    def share(self, answers: int) -> "Pace":
        """Of a part of the log that has so many of its answers, over all its time."""
        return replace(self, answers=answers)

    def longer(self, times: float) -> str:
        """Logging that makes the log so many times as long, above 1, in words."""
        if not self.span:
            return f"a log {times:.3g} times as long"
        return f"about {span(self.span * (times - 1))} more of logging like this one ({span(self.span)} so far)"

    def of(self, answers: float) -> str:
        """Logging of so many answers, in words."""
        some = f"{answers:,.0f} answers"
        return f"{some}, {span(self.span / self.answers * answers)} at the pace of this log" if self.span else some

    def bolder(self, share: float, wanted: float) -> str:
        """How much exploration would bring the effective share of answers from one value to another, in words.

        For a list of L places of which a judged policy would fill each with one item, not the one that is usual:

            epsilon_greedy   share ∝ epsilon^L                     → epsilon · (wanted / share)^(1/L)
            plackett_luce    log share ∝ -1 / temperature          → temperature · log share / log wanted

        Rules of thumb, to be checked by the next log: the first asks too little where the policy agrees with the usual
        items at some places, the second where many items are nearly as good as the best.

        Args:
            share: effective sample size ÷ answers, in (0, wanted).
            wanted: in (share, 1).
        """
        if self.rate is None or self.policy is None or share <= 0:
            return "more exploration (a larger epsilon, a higher temperature), or this policy as an arm of its own"
        name = RATES[self.policy]
        if name == "epsilon":
            needed = self.rate * (wanted / share) ** (1 / max(self.length, 1.0))
        else:
            needed = self.rate * log(share) / log(wanted)
        if name == "epsilon" and needed > 1:
            return (
                f"more than {name} 1 can give (now {self.rate:g}): shorter lists, or this policy as an arm of its own"
            )
        return f"{name} about {needed:.2g} (now {self.rate:g})"


def rate(policies: Sequence[str | None], params: Sequence[str | None]) -> tuple[str | None, float | None]:
    """The one policy of a log and its rate, of the different pairs that answers have; None where they are several.

    >>> rate(["epsilon_greedy"], ['{"epsilon":0.1}']), rate(["plackett_luce"] * 2, ["{}", "[]"])
    (('epsilon_greedy', 0.1), ('plackett_luce', None))
    """
    if len(set(policies)) != 1 or policies[0] not in RATES:
        return None, None
    name = policies[0]
    try:
        found = {json.loads(each or "")[RATES[name]] for each in params}
    except (json.JSONDecodeError, KeyError, TypeError):
        return name, None
    value = found.pop()
    known = not found and isinstance(value, int | float) and 0 < value < 1e9
    return name, float(value) if known else None


def mean_span(at: LongArray) -> float:
    """Mean microseconds between answers, of their rising instants (n,); 0 where there is but one."""
    return float(at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else 0.0


def span(micros: float) -> str:
    """A time in words, rounded up.

    >>> span(11.2 * DAY), span(1.5 * DAY), span(90 * DAY // 1440), span(1)
    ('12 days', '36 hours', '2 hours', '1 minute')
    """
    for unit, name, least in ((DAY, "day", 2), (_HOUR, "hour", 1), (_MINUTE, "minute", 0)):
        if micros > least * unit or name == "minute":
            n = max(1, -int(-micros // unit))
            return f"{n:,} {name}{'s' if n > 1 else ''}"
    raise AssertionError
