"""Policies judged by the log that a service wrote: what their lists would have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from pipelines.ab_arms import Arms
from pipelines.ab_target import target_of
from pipelines.console import err, progress
from recsys import settings
from recsys.data.policy_log import PolicyLog
from recsys.errors import GateError, UsageError
from recsys.evaluation.markup import page
from recsys.evaluation.off_policy.judging.judge import Evidence, Policy, judge
from recsys.evaluation.off_policy.judging.judgement import FILE, LOG, Judgement, Unanswered
from recsys.evaluation.off_policy.judging.learned import learned
from recsys.evaluation.off_policy.judging.refusals import MIN_USERS
from recsys.evaluation.off_policy.judging.said import reasons, table
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.page.report import render, render_unanswered, save
from recsys.schema import BoolArray
from recsys.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a log.

    Attributes:
        log: its directory.
        policies: NAME=BUNDLE_OR_PARQUET, as given.
        base: the policy that the others are compared to.
        out: where the report goes.
    """

    log: Path
    policies: Sequence[str]
    base: str
    out: Path

    def sources(self) -> dict[str, Path]:
        """Name → bundle or file.

        Raises:
            UsageError: one that is no such pair, a name twice or taken, nothing there, or a base that is none of them.
        """
        found: dict[str, Path] = {}
        for text in self.policies:
            name, equals, path = text.partition("=")
            if not (name and equals and path):
                raise UsageError(f"Expected --policy NAME=BUNDLE_OR_PARQUET, got {text!r}; put a name before the path.")
            if not name.isprintable():
                raise UsageError(f"--policy {text!r}: expected a name of printable characters; choose another.")
            if name in found or name == LOG:
                why = "is the log's own" if name == LOG else "is given twice"
                raise UsageError(f"--policy {text}: the name {name!r} {why}; choose another.")
            if not Path(path).exists():
                raise UsageError(f"--policy {text}: found nothing at {path}; give a bundle's folder or a Parquet file.")
            found[name] = Path(path)
        if self.base not in {LOG, *found}:
            names = ", ".join([LOG, *found])
            raise UsageError(
                f"Expected --base as one of {names}, got {self.base!r}; it is what others are compared to."
            )
        return found

    def make_out(self) -> None:
        """Make the folder of the report.

        Raises:
            UsageError: none can be there.
        """
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--out {self.out}: expected a folder, got: {error.strerror}; give another.") from error


def ab(question: Question, *, config: Path | None, assignments: Sequence[str], form: Literal["json", "table"]) -> None:
    """Read out the log's arms, judge the policies, write both into `out`, and print them as tables or JSON.

    Raises:
        UsageError: a question that cannot be understood.
        ArtifactError: no log there, or a bundle or file that is none.
        GateError: the log does not tell what one of the policies would have earned, or nothing at all.
    """
    chosen = settings.load(config, assignments)
    sources = question.sources()
    log = PolicyLog.load(question.log)
    question.make_out()
    err.print(f"reading {question.log}", markup=False)
    arms = Arms.of(log, chosen.off_policy, seed=chosen.seed)
    arms.save(question.out)
    if not sources:
        _arms_alone(question, arms, form)
        return
    logged = Logged.of(log, chosen.off_policy)
    if isinstance(logged, tuple):
        said = f"{question.log} cannot be evaluated, whoever is judged by it"
        _unanswered(question, Unanswered(said=said, refused=logged), form, sections=arms.sections)
    found = _judged(question, sources, log, logged, chosen)
    found.save(question.out)
    _print(found.to_json() if form == "json" else "\n\n".join(filter(None, (table(found), arms.table))))
    _page(question, render(found, sections=arms.sections))
    if not found.answered:
        names = ", ".join(name for name, each in found.policies.items() if each.headline is None)
        raise GateError(f"This log does not tell what {names} would have earned; the reasons and cures stand above.")


def _arms_alone(question: Question, arms: Arms, form: Literal["json", "table"]) -> None:
    """Without a policy the arms are all there is to say something of."""
    if isinstance(arms.readout, tuple) and arms.refused:
        _unanswered(question, Unanswered(said=f"{question.log} tells of no experiment", refused=arms.refused), form)
    (question.out / FILE).unlink(missing_ok=True)  # of policies that were judged before
    _print(arms.to_json() if form == "json" else arms.table)
    _page(question, page(f"The arms of {question.log}", "".join(arms.sections)))
    if arms.refused:
        raise GateError(f"The arms of {question.log} are not compared: {reasons(arms.refused)}")


def _unanswered(
    question: Question, found: Unanswered, form: Literal["json", "table"], *, sections: Sequence[str] = ()
) -> NoReturn:
    found.save(question.out)
    if form == "json":
        _print(found.to_json())
    _page(question, render_unanswered(found, question.log, sections=sections))
    raise GateError(f"{found.said}: {reasons(found.refused)}")


def _print(text: str | bytes) -> None:
    print((text.decode() if isinstance(text, bytes) else text).removesuffix("\n"))


def _page(question: Question, text: str) -> None:
    err.print(f"report: {save(question.out, text)}", markup=False)


def _judged(
    question: Question, sources: Mapping[str, Path], log: PolicyLog, logged: Logged, chosen: Settings
) -> Judgement:
    config, seed = chosen.off_policy, chosen.seed
    some = _drawn(logged, config.most_answers, seed)
    judged = logged if some.all() else logged.take(np.flatnonzero(some))
    worths = None
    if len(np.unique(judged.user_idx)) >= MIN_USERS:
        err.print(f"learning rewards from {len(judged.reward):,} rows", markup=False)
        worths = learned(judged, seed=seed, threads=chosen.threads)
    policies = {}
    for name, source in sources.items():
        err.print(f"asking {name} about {len(judged):,} answers", markup=False)
        target = target_of(source, log, judged, worths, config, seed=seed)
        policies[name] = Policy(source=str(source), target=target)
    evidence = Evidence(logged=judged, worths=worths, directory=str(question.log), unused=int((~some).sum()))
    with progress("policies") as show:
        return judge(evidence, policies, config=config, base=question.base, seed=seed, progress=show)


def _drawn(logged: Logged, most: int, seed: int) -> BoolArray:
    """Bool (n,): all answers of users drawn at random until they have `most`; all where they are no more.

    Whoever reaches it is there, too: leaving that user out would leave out those who ask often, and might leave nobody.
    """
    user_idx = logged.user_idx
    if not most or len(logged) <= most:
        return np.ones(len(logged), np.bool_)
    asked = np.bincount(user_idx)
    order = np.random.default_rng(seed).permutation(len(asked))
    drawn = np.zeros(len(asked), np.bool_)
    drawn[order[: 1 + np.searchsorted(np.cumsum(asked[order]), most)]] = True
    return drawn[user_idx]
