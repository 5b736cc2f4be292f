"""When an experiment ran, and whether it had its users all that time.

Users of the holdout are asked nothing about: they are in the log before an experiment begins, while a ramp lets others
in, and after it has ended. Beside arms that had their users for a part of that time they would seem to earn more.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.experiment.arms import DEFAULT, HOLDOUT
from recsys.evaluation.off_policy.log.labels import Labels
from recsys.evaluation.off_policy.wording import of, percent, time
from recsys.evaluation.refusal import Refusal
from recsys.schema import BoolArray, Instant, LongArray

MAX_JOINED = 0.01
"""Share of the users of arms who may have been in no experiment for a part of the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Of the users of arms that treat, which are neither the holdout nor `DEFAULT`.

    Attributes:
        users: all of them.
        joined: who were answered outside the experiment while it ran: before a ramp took them, or after it let them go.
        whole: from when on none of them was; None where none ever was.
    """

    users: int
    joined: int
    whole: Instant | None

    @classmethod
    def of(cls, user: Labels, arm: Labels, at: LongArray) -> "Exposure":
        """Of the answers while it ran, by rising time; each of a user."""
        inside = treated(arm)
        outside = _named(arm, DEFAULT)
        those = np.unique(user.codes[inside])
        theirs = outside & np.isin(user.codes, those)
        return cls(
            users=len(those),
            joined=len(np.unique(user.codes[theirs])),
            whole=int(at[theirs].max()) + 1 if theirs.any() else None,
        )

    def refused(self) -> Iterator[Refusal]:
        """What speaks against a comparison with the holdout; arms among themselves are alike in it."""
        if self.whole is None or self.joined <= MAX_JOINED * self.users:
            return
        yield Refusal(
            name="ramp",
            because=f"{of(self.joined, self.users, 'users')} of arms were in no experiment for a part of the time, "
            f"more than {percent(MAX_JOINED)}: a ramp let them in, or its traffic was changed.",
            cure=f"Users of the {HOLDOUT} were there all the time, so they earned for longer: give "
            f"since={time(self.whole)}, from when on the arms had their users, or compare the arms among themselves.",
        )


def running(arm: Labels, at: LongArray, named: BoolArray) -> BoolArray:
    """Bool (n,): the answers between the first and the last of an arm that treats; all where no arm does.

    Args:
        arm: of each answer.
        at: int64 (n,), rising instants.
        named: bool (n,), the answers that count.
    """
    those = at[treated(arm) & named]
    return (at >= those[0]) & (at <= those[-1]) if len(those) else np.ones(len(at), np.bool_)


def treated(arm: Labels) -> BoolArray:
    """Bool (n,): the answers of arms that treat."""
    return (arm.codes >= 0) & ~_named(arm, HOLDOUT) & ~_named(arm, DEFAULT)


def _named(arm: Labels, name: str) -> BoolArray:
    place = arm.names.index_of(name)
    return np.asarray(arm.codes == (-2 if place is None else place), np.bool_)
