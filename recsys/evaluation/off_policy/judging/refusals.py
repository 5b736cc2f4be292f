"""When a log, good in itself, does not tell what a policy would have earned: each reason with its number and its cure.

The limits are the house's, not settings: who could move them would, where the answer is not liked.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from recsys.evaluation.off_policy.judging.overlap import Overlap
from recsys.evaluation.off_policy.log.pace import Pace
from recsys.evaluation.off_policy.wording import of, percent, time
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.evaluation.sample_ratio import REFUSED, p_value
from recsys.schema import Instant, LongArray

MAX_UNSUPPORTED = 0.01
"""Share of a policy's choices on what the log could not show."""

MAX_OFF = 3.0
"""Standard errors, users as clusters, that the mean weight may lie from 1."""

MIN_EFFECTIVE = 100
"""Effective sample size, in answers."""

MIN_EFFECTIVE_SHARE = 0.01
"""Effective sample size ÷ answers."""

MIN_USERS = 50
MAX_LARGEST_USER = 0.1
"""Share of all weight on one user."""


def of_policy(policy: str, overlap: Overlap, pace: Pace) -> Refusals:
    """What speaks against an estimate that is made with these weights.

    Args:
        policy: its name, for people.
        overlap: of the weights that the estimator uses.
        pace: of the log.
    """
    return (
        *_no_support(policy, overlap),
        *_few_users(overlap, pace),
        *_off(policy, overlap),
        *_little(policy, overlap, pace),
        *_one_user(policy, overlap, pace),
    )


def _no_support(policy: str, overlap: Overlap) -> Iterator[Refusal]:
    share = overlap.unsupported
    if share is not None and share > MAX_UNSUPPORTED:
        yield Refusal(
            name="no-support",
            because=f"{percent(share)} of what {policy} would show was no candidate when the log was drawn, more than "
            f"{percent(MAX_UNSUPPORTED)}.",
            cure="No length of this log tells of it: name its bundle as an arm of the experiment, so that lists are "
            "drawn from its candidates, too, and log again.",
        )


def _few_users(overlap: Overlap, pace: Pace) -> Iterator[Refusal]:
    if overlap.users < MIN_USERS:
        yield Refusal(
            name="few-users",
            because=f"The log has {overlap.users} users, fewer than {MIN_USERS}: intervals over so few are too narrow.",
            cure=f"If users come as they did: {pace.longer(MIN_USERS / overlap.users)}.",
        )


def _off(policy: str, overlap: Overlap) -> Iterator[Refusal]:
    away = overlap.off
    if away is not None and abs(away) > MAX_OFF:
        yield Refusal(
            name="mean-weight",
            because=f"{policy}: the mean weight is {overlap.mean:.3g}, {_errors(away)} from 1, more than {MAX_OFF:g}.",
            cure=f"{_LOW if overlap.mean < 1 else _HIGH}; more of this log does not help.",
        )


_LOW = (
    "It shows what the log could not, or propensities or its probabilities are wrong: check that they are of the same "
    "requests and candidates, and name its bundle as an arm, so that lists are drawn from its candidates, too"
)
_HIGH = (
    "Propensities or its probabilities are wrong, such as probabilities of a place taken for those of an item: check "
    "that both are given the items above, and sum to at most 1 over the candidates"
)


def _errors(away: float) -> str:
    return f"{abs(away):.1f} standard errors (users as clusters)" if np.isfinite(away) else "with no error at all"


def _little(policy: str, overlap: Overlap, pace: Pace) -> Iterator[Refusal]:
    """Too few answers count: more of them help, unless too small a share counts, which more exploration helps."""
    effective, n = overlap.effective, overlap.requests
    share = effective / n
    if effective >= MIN_EFFECTIVE and share >= MIN_EFFECTIVE_SHARE:
        return
    told = f"The log weighs as much as {effective:.3g} answers of {policy} (effective sample size, of {n:,} logged)"
    if effective <= 0:
        cure = "Not one of its lists was shown: name this policy as an arm of the experiment, and log again"
    elif share >= MIN_EFFECTIVE_SHARE:
        cure = _sentence(pace.longer(MIN_EFFECTIVE / effective))
    else:
        bolder = _sentence(pace.bolder(share, MIN_EFFECTIVE_SHARE))
        cure = f"{bolder}, and then {pace.of(MIN_EFFECTIVE / MIN_EFFECTIVE_SHARE)}"
    few = effective < MIN_EFFECTIVE
    least = f"fewer than {MIN_EFFECTIVE}" if few else f"less than {percent(MIN_EFFECTIVE_SHARE)} of them"
    yield Refusal(name="little-overlap", because=f"{told}, {least}.", cure=f"{cure}.")


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _one_user(policy: str, overlap: Overlap, pace: Pace) -> Iterator[Refusal]:
    share = overlap.largest_user
    if share > MAX_LARGEST_USER:
        yield Refusal(
            name="one-user",
            because=f"One user has {percent(share)} of the weight of {policy}, more than {percent(MAX_LARGEST_USER)}.",
            cure=f"See who it is (a test account, a shared device), or log {pace.longer(share / MAX_LARGEST_USER)}.",
        )


def of_training(policy: str, *, trained_until: Instant, at: LongArray, pace: Pace) -> Refusals:
    """Whether a policy learnt from the answers it is judged by, and was not cross-fitted.

    Args:
        policy: its name, for people.
        trained_until: the end of the events that its bundle knows, exclusive.
        at: int64 (n,), rising instants of the answers that are evaluated.
        pace: of the log.
    """
    known = int(np.searchsorted(at, trained_until))
    if not known:
        return ()
    left = len(at) - known
    fresh = (
        f"give since={time(trained_until)}, which leaves {left:,} answers"
        if left
        else (f"log {pace.of(MIN_EFFECTIVE / MIN_EFFECTIVE_SHARE)} after {time(trained_until)}")
    )
    return (
        Refusal(
            name="trained-on-log",
            because=f"{policy} was trained on events until {time(trained_until)}, later than "
            f"{of(known, len(at), 'answers')} it is judged by.",
            cure=f"It would be praised for what it remembers: {fresh}, or judge a bundle that ends by "
            f"{time(int(at[0]))}.",
        ),
    )


def of_shares(users: Mapping[str, int], shares: Mapping[str, float]) -> Refusals:
    """Whether arms have the users that they were meant to have (`sample_ratio`).

    Args:
        users: arm → its users in the log.
        shares: arm → the share it was meant to have, in any unit; arms not named, or one alone, are not tested.
    """
    arms = [arm for arm in shares if shares[arm] > 0]
    seen = np.array([users.get(arm, 0) for arm in arms], np.float64)
    if len(arms) < 2 or not seen.sum():
        return ()
    wanted = np.array([shares[arm] for arm in arms])
    wanted = wanted / wanted.sum()
    p = p_value(seen, wanted)
    if p is None or p >= REFUSED:
        return ()
    worst = int(np.argmax(np.abs(seen / seen.sum() - wanted)))
    return (
        Refusal(
            name="sample-ratio",
            because=f"Arm {arms[worst]!r} has {of(int(seen[worst]), int(seen.sum()), 'users')} instead of "
            f"{percent(float(wanted[worst]))} (p = {p:.2g}, less than {REFUSED:g}).",
            cure="Who is in an arm depends on more than chance, so its users are others: look for answers that one arm "
            "loses (errors, degraded, bots filtered), or give the shares that the experiment had, and log again.",
        ),
    )
