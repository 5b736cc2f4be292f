"""The answers of an experiment that can be compared: of users, in arms, one arm each."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.arms import HOLDOUT, compared
from recsys.evaluation.experiment.assignment import Assignment, changes, first_rows
from recsys.evaluation.experiment.exposure import Exposure, running
from recsys.evaluation.off_policy.log import bad_log
from recsys.evaluation.off_policy.log.answers import Answers
from recsys.evaluation.off_policy.log.labels import Labels
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.schema import BoolArray, Instant, IntArray, LongArray, instant_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """How many answers are of nobody who is compared; each is counted once, for the first reason that holds.

    Attributes:
        repeated: their request_id was answered again later; the last answer is the one that a client has.
        without_user: the request told a history and no user, and a user is who is compared.
        outside: of no arm that is compared, such as of users who are in no experiment, or given when it did not run.
        crossed: of users who were seen in several arms.
    """

    repeated: int
    without_user: int
    outside: int
    crossed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """n answers of u users.

    Attributes:
        answers: those that are compared, by rising time.
        names: of the arms.
        arm_idx: int32 (n,), place of its arm in `names`.
        user_idx: int32 (n,), place of its user in `users`.
        users: str (u,).
        assignment: who got which arm.
        exposure: whether the arms had their users all the time.
        not_compared: the answers that are left out.
        as_of: until when the log is complete, exclusive.
    """

    answers: Answers
    names: tuple[str, ...]
    arm_idx: IntArray
    user_idx: IntArray
    users: pl.Series
    assignment: Assignment
    exposure: Exposure
    not_compared: NotCompared
    as_of: Instant

    @classmethod
    def of(
        cls, log: PolicyLog, config: OffPolicyConfig, *, as_of: Instant | None = None, control: str | None = None
    ) -> "Seen | Refusals":
        """From a log, or why it has no two arms to compare.

        Args:
            log: as it was written.
            config: which answers, and the arms' shares.
            as_of: until when the log is complete; None takes the config's, or what was answered until its last answer,
                included.
            control: an arm that is to be compared, whatever it is called.
        """
        since, until, complete = (
            None if end is None else instant_of(end) for end in (config.since, config.until, config.as_of)
        )
        as_of = complete if as_of is None else as_of
        ends = [end for end in (until, as_of) if end is not None]
        answers = Answers.read(log, since=since, until=min(ends, default=None))
        refused = _empty() if not len(answers) else bad_log.of_answers(answers)
        if refused:
            return refused
        again = ~answers.heads["request_id"].is_last_distinct().to_numpy()
        user, arm = Labels.of(answers.heads["user_id"]), Labels.of(answers.heads["arm"])
        named = ~again & (user.codes >= 0)
        ran = named & running(arm, answers.heads["at"].to_numpy(), named)
        present = set(arm.names.gather(np.unique(arm.codes[ran & (arm.codes >= 0)])).to_list())
        refused = (
            *bad_log.of_repeated(int(again.sum()), len(answers)),
            *_no_users(named, len(answers)),
            *(_one_arm(present) if named.any() else ()),
        )
        if refused:
            return refused
        kept = compared(present, asked=control, shares=config.shares)
        chosen = arm.names.is_in(list(kept)).to_numpy()
        inside = ran & np.where(arm.codes >= 0, chosen[arm.codes], False)
        split = _Split(answers=answers, again=again, named=named, ran=ran, inside=inside)
        found = cls._of(split, (user, arm), config, as_of)
        return found if len(found.users) else found.assignment.refused()

    @classmethod
    def _of(
        cls, split: "_Split", labels: "tuple[Labels, Labels]", config: OffPolicyConfig, as_of: Instant | None
    ) -> "Seen":
        rows = np.flatnonzero(split.inside)
        user, arm = labels[0].codes[rows], labels[1].codes[rows]
        arms, arm_idx = np.unique(arm, return_inverse=True)
        names = tuple(labels[1].names.gather(arms).to_list())
        at = split.answers.heads["at"].to_numpy()
        moved = changes(user, arm)
        crossed = np.isin(user, user[moved])
        once, ran = rows[~crossed], np.flatnonzero(split.ran)
        users, user_idx = np.unique(user[~crossed], return_inverse=True)
        return cls(
            answers=split.answers.take(once),
            names=names,
            arm_idx=arm_idx[~crossed].astype(np.int32),
            user_idx=user_idx.astype(np.int32),
            users=labels[0].names.gather(users),
            assignment=Assignment.of(user, arm_idx.astype(np.int32), at[rows], names=names, shares=config.shares),
            exposure=Exposure.of(labels[0].take(ran), labels[1].take(ran), at[ran]),
            not_compared=NotCompared(
                repeated=int(split.again.sum()),
                without_user=int((~split.again & ~split.named).sum()),
                outside=int((split.named & ~split.inside).sum()),
                crossed=int(crossed.sum()),
            ),
            as_of=int(at[-1]) + 1 if as_of is None else as_of,
        )

    @property
    def first_row(self) -> LongArray:
        """int64 (u,), the first answer of each user."""
        return first_rows(self.user_idx)

    @property
    def users_of_arms(self) -> dict[str, int]:
        """Arm → its users, of arms that have any."""
        counts = np.bincount(self.arm_idx[self.first_row], minlength=len(self.names)).tolist()
        return {name: n for name, n in zip(self.names, counts, strict=True) if n}

    @property
    def ramp(self) -> Refusals:
        """What speaks against a comparison with the holdout, if there is one."""
        return tuple(self.exposure.refused()) if HOLDOUT in self.names else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    """All answers, and which of them, bool (n,), were given again, are of a user, in time, and of a compared arm."""

    answers: Answers
    again: BoolArray
    named: BoolArray
    ran: BoolArray
    inside: BoolArray


def _empty() -> Refusals:
    cure = "Give the folder that recsys serve --log writes to, and a since and until with answers between them."
    return (Refusal(name="empty-log", because="There is nothing to compare in the log: it has no answers.", cure=cure),)


def _no_users(named: BoolArray, n: int) -> Refusals:
    if named.any():
        return ()
    return (
        Refusal(
            name="no-users",
            because=f"None of {n:,} answers is of a user: requests told a history.",
            cure="Arms are compared by their users, who alone are independent: send user_id with requests, and log "
            "again.",
        ),
    )


def _one_arm(present: set[str]) -> Refusals:
    if len(present) > 1:
        return ()
    told = f"all have arm {next(iter(present))!r}" if present else "none has an arm"
    return (
        Refusal(
            name="one-arm",
            because=f"There are no two arms to compare: of the answers to users while an arm ran {told}.",
            cure="PUT /v1/experiment with two arms or more, or with a holdout, and log again.",
        ),
    )
