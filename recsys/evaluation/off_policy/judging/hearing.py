"""What a log says of policies that did not write it: every estimator that it supports, beside each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from recsys.evaluation.clusters import totals
from recsys.evaluation.compare import Estimate
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.estimators.estimator import Estimator, Weighing
from recsys.evaluation.off_policy.estimators.terms import Terms
from recsys.evaluation.off_policy.intervals.bootstrap import Bootstrap, Column
from recsys.evaluation.off_policy.intervals.sequence import ConfidenceSequence
from recsys.evaluation.off_policy.judging.case import Case, headline, supported
from recsys.evaluation.off_policy.judging.judgement import LOG, Judged, Support
from recsys.evaluation.off_policy.judging.refusals import of_training
from recsys.evaluation.off_policy.judging.target import Target, whole
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.refusal import Refusals
from recsys.schema import BoolArray, DoubleArray, Progress


def key(policy: str, estimator: str = "", part: str = "") -> str:
    """What a column of the bootstrap is called."""
    return "\t".join((policy, estimator, part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Policies before a log that knows all of them.

    Attributes:
        logged: n requests, of which every policy's probabilities are known.
        targets: policy → what it would have done with them.
        worths: what a reward model says of them; None without one.
        parts: part → bool (n,), its requests.
        config: level and draws.
        base: what the others are compared to: one of the policies, or `LOG`.
        seed: of the draws.
    """

    logged: Logged
    targets: Mapping[str, Target]
    worths: Worths | None
    parts: Mapping[str, BoolArray]
    config: OffPolicyConfig
    base: str = LOG
    seed: int = 0

    def case(self, name: str) -> Case:
        """One policy beside the log."""
        return Case.of(name, self.logged, self.targets[name], self.worths)

    def look(self, name: str, source: str) -> "Looked":
        """How far the log speaks of a policy; nothing that was earned decides what is estimated."""
        case, pace = self.case(name), self.logged.pace
        support = case.support(pace)
        until = self.targets[name].trained_until
        refused = _wrong(support)
        if until is not None:
            refused += of_training(name, trained_until=until, at=self.logged.at, pace=pace)
        head = None if refused else headline(case, support)
        within = {} if head is None else case.within(head.weighing, pace, self.parts)
        return Looked(
            source=source,
            support=support,
            refused=refused,
            estimators=() if refused else tuple(supported(case, support)),
            headline=head,
            inside=np.ones(len(self.logged), np.bool_) if head is None else case.told(head.weighing),
            parts=within,
            always=None if head is None else self._always(case.terms(head)),
        )

    def resample(self, looked: Mapping[str, "Looked"], progress: Progress) -> Bootstrap:
        """Every estimate that the log supports, all on the same draws of users."""
        columns = self._columns(looked, progress)
        return Bootstrap.of(self.logged.user_idx, columns, samples=self.config.samples, seed=self.seed)

    def pairs(self, looked: Mapping[str, "Looked"]) -> dict[str, tuple[str, str]]:
        """Policy → what its column and the base's are called, of the requests that the headlines of both can use.

        None of the base itself, and none where it or the policy has no headline.
        """
        base = looked.get(self.base)
        heads = {name: found.headline.name for name, found in looked.items() if found.headline is not None}
        if self.base != LOG and self.base not in heads:
            return {}
        other = ("", "") if base is None else (self.base, heads[self.base])
        found = {}
        for name, head in heads.items():
            part = "" if self._together(looked, name).all() else f"beside {name}"
            found[name] = (key(name, head, part), key(*other, part))
        return {name: pair for name, pair in found.items() if name != self.base}

    def _together(self, looked: Mapping[str, "Looked"], name: str) -> BoolArray:
        """Bool (n,): the requests that a policy's headline and the base's can use."""
        base = looked.get(self.base)
        return looked[name].inside if base is None else looked[name].inside & base.inside

    def _columns(self, looked: Mapping[str, "Looked"], progress: Progress) -> Iterator[Column]:
        n, earned = len(self.logged), self._earned()
        yield self._column(key(""), earned, np.ones(n, np.bool_))
        for part, inside in self.parts.items():
            yield self._column(key("", part=part), earned, inside)
        for done, (name, found) in enumerate(looked.items()):
            case = self.case(name)
            for estimator in found.estimators:
                terms = case.terms(estimator)
                yield self._column(key(name, estimator.name), terms, case.told(estimator.weighing))
                if found.headline is not None and estimator.name == found.headline.name:
                    for part in found.told:
                        yield self._column(key(name, estimator.name, part), terms, self.parts[part] & found.inside)
            yield from self._beside(looked, name)
            progress(done + 1, len(looked), {})

    def _earned(self) -> Terms:
        """Of the log's own lists."""
        reward = np.append(0.0, np.cumsum(self.logged.reward))
        return Terms.mean(np.diff(reward[self.logged.indptr]))

    def _beside(self, looked: Mapping[str, "Looked"], name: str) -> Iterator[Column]:
        """A policy and the base, where a headline cannot use all requests: those may be better ones, or worse."""
        own, other = self.pairs(looked).get(name, ("", ""))
        head, base = looked[name].headline, looked.get(self.base)
        if head is None or own in {"", key(name, head.name)}:
            return
        together = self._together(looked, name)
        yield self._column(own, self.case(name).terms(head), together)
        by = None if base is None else base.headline
        yield self._column(other, self._earned() if by is None else self.case(self.base).terms(by), together)

    def _column(self, name: str, terms: Terms, inside: BoolArray) -> Column:
        """Of the requests inside, and of as many users as these are of."""
        value, weight = (np.where(inside, each, 0.0) for each in (terms.value, terms.weight))
        users = int(np.count_nonzero(np.bincount(self.logged.user_idx[inside])))
        return Column(name=name, value=value, weight=weight, users=users)

    def _always(self, terms: Terms) -> Estimate | None:
        """The interval of the last look of somebody who looks all the time, by the plan that was made before."""
        user_idx = self.logged.user_idx
        value, weight = totals(user_idx, terms.value), totals(user_idx, terms.weight)
        users = len(value)
        sequence = ConfidenceSequence(planned=self.config.planned_users, level=self.config.level)
        found = sequence.of(value, weight, np.array([users], np.int64))[0]
        return None if found.low is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How far a log speaks of a policy.

    Attributes:
        source: the bundle or file it is.
        support: kind of weights → how far.
        refused: what stands against every estimate.
        estimators: those that the log supports.
        headline: the one that a verdict may rest on; None without any.
        inside: bool (n,), the requests that it can use; all without one.
        parts: part → how far the log speaks of it there, by the headline's weights.
        always: the headline's interval for who looks again and again; None where it cannot be told.
    """

    source: str
    support: Mapping[Weighing, Support]
    refused: Refusals
    estimators: tuple[Estimator, ...]
    headline: Estimator | None
    inside: BoolArray
    parts: Mapping[str, Support]
    always: Estimate | None

    @property
    def told(self) -> list[str]:
        """Parts with an estimate."""
        return [part for part, support in self.parts.items() if not support.refused]

    def judged(self, name: str, boot: Bootstrap, level: float) -> Judged:
        """With the estimates; nothing is said yet of how it compares."""
        estimates = {each.name: boot.value(key(name, each.name)).interval(level) for each in self.estimators}
        segments: dict[str, Estimate | Refusals] = {}
        for part, support in self.parts.items():
            head = "" if self.headline is None else self.headline.name
            told = not support.refused
            segments[part] = boot.value(key(name, head, part)).interval(level) if told else support.refused
        return Judged(
            source=self.source,
            support=self.support,
            refused=self.refused,
            estimates=estimates,
            headline=None if self.headline is None else self.headline.name,
            always=self.always,
            segments=segments,
        )


def _wrong(support: Mapping[Weighing, Support]) -> Refusals:
    """Weights of which there are enough, but whose mean says that probabilities are wrong.

    Others made of the same probabilities may hide it in their smaller errors; they are no better.
    """
    alone = [each.refused for each in support.values() if [refusal.name for refusal in each.refused] == ["mean-weight"]]
    return alone[0] if alone else ()


def known(logged: Logged, target: Target) -> BoolArray:
    """Bool (n,): requests whose probabilities a policy knows, in all their rows."""
    found = whole(target.probability, logged.indptr)
    return found if target.value is None else found & ~np.isnan(target.value)


def take(logged: Logged, target: Target, keep: BoolArray) -> Target:
    """Of some of the log's requests, bool (n,)."""
    rows = np.repeat(keep, np.diff(logged.indptr))
    return replace(
        target,
        probability=target.probability[rows],
        outside=target.outside[keep],
        value=_some(target.value, keep),
        marginal=None if target.marginal is None else target.marginal.take(np.flatnonzero(rows)),
        pseudo=_some(target.pseudo, keep),
    )


def _some(values: DoubleArray | None, keep: BoolArray) -> DoubleArray | None:
    return None if values is None else values[keep]
