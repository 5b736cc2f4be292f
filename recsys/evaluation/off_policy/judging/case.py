"""One policy that is judged: its lists beside those of the log, and how far the log speaks of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from recsys.evaluation.off_policy.estimators.estimator import ESTIMATORS, HEADLINES, Estimator, Weighing
from recsys.evaluation.off_policy.estimators.slates import Fitted, Slates
from recsys.evaluation.off_policy.estimators.terms import Terms
from recsys.evaluation.off_policy.judging.judgement import Support
from recsys.evaluation.off_policy.judging.overlap import Overlap
from recsys.evaluation.off_policy.judging.refusals import of_policy
from recsys.evaluation.off_policy.judging.target import Target, whole
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.log.pace import Pace
from recsys.schema import BoolArray, DoubleArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A log and a policy.

    Attributes:
        name: of the policy.
        slates: of n requests, all of them known; without marginals and pseudo-inverse weights.
        target: what the policy would have done with them.
        places: int64, requests whose marginal probabilities are known; empty without any.
        slots: int64, those whose pseudo-inverse weights are known.
    """

    name: str
    slates: Slates
    target: Target
    places: LongArray
    slots: LongArray

    @classmethod
    def of(cls, name: str, logged: Logged, target: Target, worths: Worths | None) -> "Case":
        """Beside a log whose every request the policy's probabilities are known of."""
        value = None if worths is None else target.value
        slates = Slates(
            user_idx=logged.user_idx,
            indptr=logged.indptr,
            reward=logged.reward,
            logged=logged.propensity,
            target=target.probability,
            model=None if worths is None or value is None else Fitted(predicted=worths.predicted, value=value),
        )
        nowhere = np.zeros(0, np.int64)
        return cls(
            name=name,
            slates=slates,
            target=target,
            places=nowhere if target.marginal is None else np.flatnonzero(whole(target.marginal.target, slates.indptr)),
            slots=nowhere if target.pseudo is None else np.flatnonzero(~np.isnan(target.pseudo)),
        )

    @property
    def estimators(self) -> tuple[Estimator, ...]:
        """Those whose parts are there."""
        weighed = {"list", "rows", "nothing"} | ({"places"} if len(self.places) else set())
        weighed |= {"slots"} if len(self.slots) else set()
        return tuple(
            each
            for each in ESTIMATORS
            if each.weighing in weighed and (self.slates.model is not None or not each.modelled)
        )

    def support(self, pace: Pace) -> dict[Weighing, Support]:
        """How far the log speaks of the policy, by each kind of weights that its estimators use."""
        kinds = dict.fromkeys(each.weighing for each in self.estimators if each.weighing != "nothing")
        every = {"": np.ones(len(self.slates), np.bool_)}
        return {kind: self.within(kind, pace, every)[""] for kind in kinds}

    def within(self, kind: Weighing, pace: Pace, parts: Mapping[str, BoolArray]) -> dict[str, Support]:
        """The same in parts, bool (n,) each; parts of which nothing is known are left out."""
        which, slates = self._of(kind)
        weights, outside = _weights(slates, kind), self.target.outside
        found = {}
        for name, part in parts.items():
            inside = np.flatnonzero(part if which is None else part[which])
            if len(inside):
                away = (outside if which is None else outside[which])[inside]
                overlap = Overlap.of(weights[inside], slates.user_idx[inside], away)
                refused = of_policy(self.name, overlap, pace.share(len(inside)))
                found[name] = Support(overlap=overlap, refused=refused)
        return found

    def told(self, kind: Weighing) -> BoolArray:
        """Bool (n,): the requests that estimators of a kind of weights can use."""
        which, _ = self._of(kind)
        told = np.full(len(self.slates), which is None)
        told[which if which is not None else []] = True
        return told

    def terms(self, estimator: Estimator) -> Terms:
        """Of all n requests; those that the estimator's parts are not known of have no weight."""
        which, slates = self._of(estimator.weighing)
        found = estimator.of(slates)
        if which is None:
            return found
        value, weight = np.zeros((2, len(self.slates)))
        value[which], weight[which] = found.value, found.weight
        return Terms(value=value, weight=weight)

    def _of(self, kind: Weighing) -> tuple[LongArray | None, Slates]:
        """The requests that an estimator can use, None for all of them, and what it needs to know of them."""
        if kind == "places" and self.target.marginal is not None:
            which = self.places
            rows = _rows(self.slates, which)
            return which, replace(self.slates.take(which), marginal=self.target.marginal.take(rows))
        if kind == "slots" and self.target.pseudo is not None:
            return self.slots, replace(self.slates.take(self.slots), pseudo=self.target.pseudo[self.slots])
        return None, self.slates


def headline(case: Case, support: dict[Weighing, Support]) -> Estimator | None:
    """What a verdict may rest on: the first of `HEADLINES` that is there and nothing stands against."""
    there = {each.name: each for each in case.estimators}
    fit = (there[name] for name in HEADLINES if name in there and not support[there[name].weighing].refused)
    return next(fit, None)


def supported(case: Case, support: dict[Weighing, Support]) -> Iterator[Estimator]:
    """Estimators that nothing stands against; one that weighs nothing is told beside another only."""
    some = [each for each in case.estimators if each.weighing != "nothing" and not support[each.weighing].refused]
    yield from some
    if some:
        yield from (each for each in case.estimators if each.weighing == "nothing")


def _rows(slates: Slates, which: LongArray) -> LongArray:
    mark = np.zeros(len(slates), np.bool_)
    mark[which] = True
    return np.flatnonzero(np.repeat(mark, np.diff(slates.indptr)))


def _weights(slates: Slates, kind: Weighing) -> DoubleArray:
    """float64 (n,): what each request counts for; of rows, their mean."""
    if kind == "list":
        return slates.weights()
    if kind == "slots" and slates.pseudo is not None:
        return slates.pseudo
    if kind == "places" and slates.marginal is not None:
        return _mean(slates, slates.marginal.target / slates.marginal.logged)
    return _mean(slates, slates.cumulative_weights())


def _mean(slates: Slates, weights: DoubleArray) -> DoubleArray:
    sizes = np.diff(slates.indptr)
    return np.divide(slates.total(weights), sizes, out=np.ones(len(slates)), where=sizes > 0)
