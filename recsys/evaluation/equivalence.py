"""Better, worse, as good, or not to be told: what an interval says, in a sentence.

Superiority is a 95 % interval on one side of 0. Equivalence is not its absence: two one-sided tests (TOST; Schuirmann
1987, doi:10.1007/BF01068419) must both be rejected, at .05 each,

    t_low = (d + margin) ÷ e,   t_high = (margin - d) ÷ e,   p = max(P(T > t_low), P(T > t_high))

which is to say that the 90 % interval lies within ± margin. The margin is the largest difference nobody would mind, set
beforehand. A difference can be surely there and surely smaller than anybody minds; then both are said.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from recsys.evaluation.compare import Estimate

WIDE, NARROW = 0.95, 0.90
"""Levels of the intervals of superiority and of equivalence."""

_UNCLEAR = "Not to be told apart, and a difference of {limit} cannot be excluded"
Direction: TypeAlias = Literal["better", "worse", "unclear"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What can be said of B against A.

    Attributes:
        direction: where the 95 % interval lies.
        equivalent: the 90 % interval lies within the margin.
        sentence: both, for people.
    """

    direction: Direction
    equivalent: bool
    sentence: str


def tost(difference: float, error: float, *, margin: float, freedom: float = float("inf")) -> float:
    """The p-value of equivalence: small where a difference as large as the margin is excluded on both sides.

    Args:
        difference: estimated.
        error: its standard error.
        margin: the largest difference nobody would mind, > 0, in the difference's unit.
        freedom: degrees of freedom of the error, users - 1 for paired ones; infinite is the normal curve.
    """
    from scipy import stats  # here, so that whoever only reads the result stays light

    low, high = (difference + margin) / error, (margin - difference) / error
    return float(max(stats.t.sf(low, freedom), stats.t.sf(high, freedom)))


def verdict(name: str, wide: Estimate, narrow: Estimate, *, margin: float, level: float = WIDE) -> Verdict:
    """What the intervals of a relative difference to the other policy say.

    Args:
        name: of the policy that is judged.
        wide: relative difference with its interval, as fractions (.031 is 3.1 %).
        narrow: the same with the interval of equivalence, of level 2 level - 1.
        margin: the largest relative difference nobody would mind, > 0.
        level: of the wide interval.

    >>> from dataclasses import replace
    >>> wide = Estimate(mean=0.031, low=0.012, high=0.05, n=900)
    >>> verdict("B", wide, replace(wide, low=0.015, high=0.047), margin=0.02).sentence
    'B is better by 3.1 % (1.2 to 5.0).'
    """
    if wide.low is None or wide.high is None or narrow.low is None or narrow.high is None:
        why = "one user" if wide.n == 1 else "an interval cannot be given"
        return Verdict(direction="unclear", equivalent=False, sentence=f"Nothing can be told of {name}: {why}.")
    equivalent = -margin < narrow.low and narrow.high < margin
    limit = f"{100 * margin:g} %"
    if wide.low <= 0 <= wide.high:
        shown = narrow if equivalent else wide
        mean, low, high = _percentages(shown)
        within = f"{100 * (2 * level - 1):.4g} %: "
        told = f"{name} {'+' if wide.mean > 0 else ''}{mean} % ({within if equivalent else ''}{low} to {high})"
        said = f"No difference of {limit} or more" if equivalent else _UNCLEAR.format(limit=limit)
        return Verdict(direction="unclear", equivalent=equivalent, sentence=f"{said}: {told}.")
    direction: Direction = "better" if wide.low > 0 else "worse"
    mean, *bounds = (figure.lstrip("-") for figure in _percentages(wide))
    low, high = bounds if direction == "better" else bounds[::-1]
    known = f"; a difference of {limit} or more is excluded" if equivalent else ""
    said = f"{name} is {direction} by {mean} % ({low} to {high}){known}."
    return Verdict(direction=direction, equivalent=equivalent, sentence=said)


def _percentages(figure: Estimate) -> list[str]:
    """Mean and bounds, with as many decimals as tell the bounds apart."""
    low, high = figure.low or 0.0, figure.high or 0.0
    width = high - low
    decimals = 1 if width >= 0.005 else 2 if width >= 0.0005 else 3
    return [f"{100 * value:.{decimals}f}" for value in (figure.mean, low, high)]
