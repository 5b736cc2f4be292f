"""Who got which arm, and whether chance alone decided it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.experiment.arms import DEFAULT
from recsys.evaluation.off_policy.judging.refusals import of_shares
from recsys.evaluation.off_policy.wording import of, percent, time
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.evaluation.sample_ratio import SampleRatio
from recsys.schema import BoolArray, IntArray, LongArray

MAX_CROSSED = 0.01
"""Share of users who may be seen in several arms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Of the users of the arms that are compared.

    Attributes:
        users: all of them.
        crossed: seen in several arms; they are left out.
        changed: when one of them was last seen in another arm than before; None where nobody crossed.
        left: answers after that.
        ratio: of their first arms to the shares; None where fewer than two arms have one.
        ramped: whether some came from no experiment.
    """

    users: int
    crossed: int
    changed: int | None
    left: int
    ratio: SampleRatio | None
    ramped: bool

    @classmethod
    def of(
        cls,
        user_idx: IntArray,
        arm_idx: IntArray,
        at: LongArray,
        *,
        names: tuple[str, ...],
        shares: Mapping[str, float],
    ) -> "Assignment":
        """From answers by rising time.

        Args:
            user_idx: int32 (n,), whose, a code from 0.
            arm_idx: int32 (n,), place of the arm in `names`.
            at: int64 (n,), instants.
            names: of the arms.
            shares: arm → the share of users it was meant to have.
        """
        moved = changes(user_idx, arm_idx)
        last = int(at[moved].max()) if moved.any() else None
        began = np.array([name == DEFAULT for name in names])[arm_idx[first_rows(user_idx)]]
        whose = np.unique(user_idx[moved])
        first_user = user_idx[first_rows(user_idx)]
        return cls(
            users=len(first_user),
            crossed=len(whose),
            changed=last,
            left=0 if last is None else int((at >= last).sum()),
            ratio=_ratio(user_idx, arm_idx, names, shares),
            ramped=bool((began & np.isin(first_user, whose)).any()),
        )

    @property
    def sentence(self) -> str:
        """The numbers, for people."""
        told = "No shares given, so the users of the arms are tested against nothing."
        if self.ratio is not None:
            told = self.ratio.sentence
        left = f" {of(self.crossed, self.users, 'users')} were seen in several arms and are left out."
        return told + (left if self.crossed else "")

    def refused(self) -> Refusals:
        """What speaks against a comparison."""
        if self.ratio is None:
            return tuple(self._crossed())
        users = dict(zip(self.ratio.arms, self.ratio.users, strict=True))
        shares = dict(zip(self.ratio.arms, self.ratio.shares, strict=True))
        return (*of_shares(users, shares), *self._crossed())

    def _crossed(self) -> Iterator[Refusal]:
        if self.changed is None or self.crossed <= MAX_CROSSED * self.users:
            return
        since = f"since={time(self.changed)}, which leaves {self.left:,} answers"
        ramp = f", or since= the end of the ramp, for {DEFAULT} is who waits for it" if self.ramped else ""
        yield Refusal(
            name="crossed-arms",
            because=f"{of(self.crossed, self.users, 'users')} were seen in several arms, more than "
            f"{percent(MAX_CROSSED)}.",
            cure="Which arm made them what they are is not known: give a since and until within one experiment whose "
            f"salt, shares and holdout stay (nobody changed any more {since}){ramp}, or look for a user_id that "
            "several people share.",
        )


def first_rows(user_idx: IntArray) -> LongArray:
    """int64 (users,), the first row of each user that has any, by rising code."""
    return np.unique(user_idx, return_index=True)[1].astype(np.int64)


def changes(user_idx: IntArray, arm_idx: IntArray) -> BoolArray:
    """Bool (n,): the answers whose arm is another than the one before of the same user.

    >>> changes(np.array([0, 1, 0, 1, 0]), np.array([0, 1, 0, 0, 1])).tolist()
    [False, False, False, True, True]
    """
    order = np.argsort(user_idx, kind="stable")
    whose, which = user_idx[order], arm_idx[order]
    out = np.zeros(len(order), np.bool_)
    out[order[1:]] = (whose[1:] == whose[:-1]) & (which[1:] != which[:-1])
    return out


def _ratio(
    user_idx: IntArray, arm_idx: IntArray, names: tuple[str, ...], shares: Mapping[str, float]
) -> SampleRatio | None:
    """Of the answers whose arm has a share; arms that nobody saw count, too."""
    if len(shares) < 2:
        return None
    place = np.array([list(shares).index(name) if name in shares else -1 for name in names], np.int32)[arm_idx]
    meant = place >= 0
    return SampleRatio.of(user_idx[meant], place[meant], shares) if meant.any() else None
