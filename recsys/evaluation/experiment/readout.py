"""Everything that an experiment has shown so far, as values and as JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as File

from pydantic import TypeAdapter

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.compare import Estimate
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.equivalence import WIDE
from recsys.evaluation.experiment.arms import HOLDOUT, Control
from recsys.evaluation.experiment.assignment import Assignment
from recsys.evaluation.experiment.contrast import Contrast, contrasts
from recsys.evaluation.experiment.guardrails import Guardrail, guardrails
from recsys.evaluation.experiment.looks import Path, paths
from recsys.evaluation.experiment.means import Mean
from recsys.evaluation.experiment.seen import NotCompared, Seen
from recsys.evaluation.experiment.totals import Totals
from recsys.evaluation.off_policy.judging.judgement import write
from recsys.evaluation.off_policy.judging.refusals import MIN_USERS
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.schema import Instant

READOUT = "experiment.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What users of one arm got and gave.

    Attributes:
        name: as the log calls it.
        users: with one arm.
        answers: that they got.
        empty: answers without items.
        degraded: share of the answers that a part of the service was missing for.
        open: answers whose window is open: their rewards are not counted yet, nor they.
        waiting: users who have no other answers.
        by_user, by_request: rewards of closed answers, by users and by answers, each over users, with a 95 % interval;
            None where all windows are open.
        impressions: items of closed answers that were told to be seen; None where nothing tells of it.
    """

    name: str
    users: int
    answers: int
    empty: int
    degraded: float
    open: int
    waiting: int
    by_user: Estimate | None
    by_request: Estimate | None
    impressions: int | None

    @classmethod
    def of(cls, name: str, place: int, totals: Totals) -> "Arm":
        """Of the users whose arm has a place."""
        users = totals.arm_idx == place
        told = users & (totals.closed > 0)
        reward, closed, answers = totals.reward[told], totals.closed[told], int(totals.answers[users].sum())
        return cls(
            name=name,
            users=int(users.sum()),
            answers=answers,
            empty=int(totals.empty[users].sum()),
            degraded=float(totals.degraded[users].sum()) / max(answers, 1),
            open=int((totals.answers - totals.closed)[users].sum()),
            waiting=int((users & ~told).sum()),
            by_user=Mean.by_user(reward).interval(WIDE) if told.any() else None,
            by_request=Mean.of(reward, closed).interval(WIDE) if told.any() else None,
            impressions=None if totals.impressions is None else int(totals.impressions[users].sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Readout:
    """An experiment as of an instant.

    Attributes:
        as_of: until when the log is complete, exclusive.
        first: instant of the first answer that is compared.
        window_hours: how long after an answer an event counts.
        margin: the largest difference nobody would mind: relative of what is earned, see `Guardrail` for the others.
        control: whom the others are compared with, and why.
        arms: the control first, then by name.
        assignment: who got which arm.
        not_compared: answers that are left out.
        contrasts, guardrails, paths: of the other arms; empty where something in `refused` stands against them.
        refused: why arms are not compared.
    """

    as_of: Instant
    first: Instant
    window_hours: float
    margin: float
    control: Control
    arms: tuple[Arm, ...]
    assignment: Assignment
    not_compared: NotCompared
    contrasts: tuple[Contrast, ...]
    guardrails: tuple[Guardrail, ...]
    paths: tuple[Path, ...]
    refused: Refusals

    @classmethod
    def of(
        cls,
        log: PolicyLog,
        config: OffPolicyConfig,
        *,
        as_of: Instant | None = None,
        control: str | None = None,
    ) -> "Readout | Refusals":
        """From a log, or why it tells nothing of any arm.

        Where its arms can be counted but not be compared, there is a readout with the counts and `refused`.

        Args:
            log: as it was written.
            config: which answers, what earns, the shares of the arms, the margin.
            as_of: until when the log is complete; None takes the config's, or what was answered until its last answer,
                included.
            control: an arm; None takes the holdout, or the largest.
        """
        seen = Seen.of(log, config, as_of=as_of, control=control)
        if isinstance(seen, tuple):
            return seen
        chosen = Control.of(seen.users_of_arms if control else _like(seen), config.shares, control)
        if isinstance(chosen, Refusal):
            return (chosen,)
        totals = Totals.of(log, seen, config)
        return totals if isinstance(totals, tuple) else cls._of(seen, totals, chosen, config)

    @classmethod
    def _of(cls, seen: Seen, totals: Totals, control: Control, config: OffPolicyConfig) -> "Readout":
        order = [control.arm, *sorted(set(seen.names) - {control.arm})]
        arms = tuple(Arm.of(name, seen.names.index(name), totals) for name in order)
        whole = seen.assignment.refused()
        unfit = {HOLDOUT} if seen.ramp else set()
        fit = [arm.name for arm in arms if _complete(arm) >= MIN_USERS and arm.name not in unfit]
        compared = fit[1:] if not whole and fit[:1] == order[:1] else []
        return cls(
            as_of=seen.as_of,
            first=int(totals.first.min()),
            window_hours=config.window_hours,
            margin=config.margin,
            control=control,
            arms=arms,
            assignment=seen.assignment,
            not_compared=seen.not_compared,
            contrasts=contrasts(totals, seen.names, control=control.arm, arms=compared, margin=config.margin),
            guardrails=guardrails(totals, seen.names, control=control.arm, arms=compared, margin=config.margin),
            paths=paths(totals, seen.names, control=control.arm, arms=compared, planned=config.planned_users),
            refused=(*whole, *seen.ramp, *_few(arms)),
        )

    def to_json(self) -> str:
        """As text; equal readouts give equal text."""
        return TypeAdapter(Readout).dump_json(self, indent=1).decode() + "\n"

    def save(self, directory: File) -> None:
        """Write experiment.json, in one step."""
        write(directory / READOUT, self.to_json().encode())


def _like(seen: Seen) -> dict[str, int]:
    """Arm → its users, of arms that can be compared with each other; of all where that leaves no two."""
    users = seen.users_of_arms
    others = {arm: n for arm, n in users.items() if arm != HOLDOUT}
    return others if seen.ramp and len(others) > 1 else users


def _complete(arm: Arm) -> int:
    return arm.users - arm.waiting


def _few(arms: tuple[Arm, ...]) -> Iterator[Refusal]:
    for arm in arms:
        if _complete(arm) < MIN_USERS:
            yield Refusal(
                name="few-users",
                because=f"Arm {arm.name!r} has {_complete(arm)} users with a closed window, fewer than {MIN_USERS}: "
                "intervals over so few are too narrow.",
                cure="Let the experiment run on, or give the arm a larger share.",
            )
