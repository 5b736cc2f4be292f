"""From a log and policies to what can be said of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.equivalence import verdict
from recsys.evaluation.multiplicity import holm
from recsys.evaluation.off_policy.intervals.bootstrap import Bootstrap
from recsys.evaluation.off_policy.judging.hearing import Hearing, key, known, take
from recsys.evaluation.off_policy.judging.judgement import LOG, Against, Judged, Judgement, LogCard
from recsys.evaluation.off_policy.judging.parts import parts
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.wording import of
from recsys.evaluation.power import detectable
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.schema import BoolArray, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One that is to be judged.

    Attributes:
        source: the bundle or file it is.
        target: what it would have done with the log's requests, or why that cannot be told.
    """

    source: str
    target: Target | Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What policies are judged by.

    Attributes:
        logged: all requests of the log that may be judged.
        worths: what a reward model says of them; None without one.
        directory: of the log, for people.
        unused: answers that were left out by lot.
    """

    logged: Logged
    worths: Worths | None
    directory: str = ""
    unused: int = 0


def judge(
    evidence: Evidence,
    policies: Mapping[str, Policy],
    *,
    config: OffPolicyConfig,
    base: str = LOG,
    seed: int = 0,
    progress: Progress = lambda _done, _total, _metrics: None,
) -> Judgement:
    """Every policy by every estimator that the log supports, and the policies beside the base.

    Args:
        evidence: the log.
        policies: name → policy.
        config: level, draws and margin.
        base: what the others are compared to: one of the policies, or `LOG`.
        seed: of the draws.
        progress: policies that are estimated.
    """
    targets, refused = _told(evidence.logged, policies)
    keep = np.ones(len(evidence.logged), np.bool_)
    for target in targets.values():
        keep &= known(evidence.logged, target)
    if targets and not keep.any():
        refused |= {name: _nothing_shared(evidence.logged, target) for name, target in targets.items()}
        targets, keep = {}, np.ones(len(evidence.logged), np.bool_)
    hearing = replace(_hearing(evidence, targets, keep, config, seed), base=base)
    looked = {name: hearing.look(name, policies[name].source) for name in targets}
    boot = hearing.resample(looked, progress)
    judged = {name: found.judged(name, boot, config.level) for name, found in looked.items()}
    judged |= {name: Judged(source=policies[name].source, support={}, refused=why) for name, why in refused.items()}
    return Judgement(
        card=_card(evidence, hearing.logged, config),
        logged=boot.value(key("")).interval(config.level),
        base=base,
        margin=config.margin,
        level=config.level,
        samples=config.samples,
        policies=_compared({name: judged[name] for name in policies}, boot, hearing.pairs(looked), config),
        segments={part: boot.value(key("", part=part)).interval(config.level) for part in hearing.parts},
    )


def _told(logged: Logged, policies: Mapping[str, Policy]) -> tuple[dict[str, Target], dict[str, Refusals]]:
    """Policies of which some request is known, and why it is none of the others."""
    targets, refused = {}, {}
    for name, policy in policies.items():
        if isinstance(policy.target, tuple):
            refused[name] = policy.target
        elif known(logged, policy.target).any():
            targets[name] = policy.target
        else:
            refused[name] = _nothing(logged)
    return targets, refused


def _nothing(logged: Logged) -> Refusals:
    return (
        Refusal(
            name="nothing-known",
            because=f"Its probabilities are known of {of(0, len(logged), 'answers')}.",
            cure="Requests must name a user, and where lists are drawn from the candidates of several arms, the "
            "candidates must be logged: set log.candidates=1 and log again.",
        ),
    )


def _nothing_shared(logged: Logged, target: Target) -> Refusals:
    """Of a policy that is known of some answers, where no answer is one that all policies are known of."""
    some = int(known(logged, target).sum())
    return (
        Refusal(
            name="nothing-shared",
            because=f"Its probabilities are known of {of(some, len(logged), 'answers')}, and none of these is one that "
            "those of all policies are known of.",
            cure="Policies are compared by the same answers: give probabilities of the same ones, or judge each alone.",
        ),
    )


def _hearing(
    evidence: Evidence, targets: Mapping[str, Target], keep: BoolArray, config: OffPolicyConfig, seed: int
) -> Hearing:
    logged, worths = evidence.logged, evidence.worths
    if not keep.all():
        rows = np.repeat(keep, np.diff(logged.indptr))
        worths = None if worths is None else replace(worths, predicted=worths.predicted[rows])
        targets = {name: take(logged, target, keep) for name, target in targets.items()}
        logged = logged.take(np.flatnonzero(keep))
    return Hearing(logged=logged, targets=targets, worths=worths, parts=parts(logged), config=config, seed=seed)


def _compared(
    judged: Mapping[str, Judged], boot: Bootstrap, pairs: Mapping[str, tuple[str, str]], config: OffPolicyConfig
) -> dict[str, Judged]:
    """With how each compares to the base; none does where nothing can be said of the base."""
    found = {name: _against(name, boot, *pair, config) for name, pair in pairs.items()}
    found = dict(zip(found, _adjusted(found.values()), strict=True))
    return {name: replace(each, against=found.get(name)) for name, each in judged.items()}


def _against(name: str, boot: Bootstrap, own: str, other: str, config: OffPolicyConfig) -> Against:
    difference, relative = boot.difference(own, other), boot.relative(own, other)
    wide, narrow = relative.interval(config.level), relative.interval(2 * config.level - 1)
    p_value, error = difference.p_value, relative.error
    return Against(
        difference=difference.interval(config.level),
        relative=wide,
        narrow=narrow,
        p_value=None if np.isnan(p_value) else p_value,
        adjusted=None,
        detectable=detectable(error, level=config.level) if error > 0 else None,
        verdict=verdict(name, wide, narrow, margin=config.margin, level=config.level),
    )


def _adjusted(found: Iterable[Against]) -> list[Against]:
    """With p-values that account for how many there are."""
    found = list(found)
    told = [n for n, each in enumerate(found) if each.p_value is not None]
    for n, p in zip(told, holm(np.array([found[n].p_value for n in told], np.float64)).tolist(), strict=True):
        found[n] = replace(found[n], adjusted=p)
    return found


def _card(evidence: Evidence, judged: Logged, config: OffPolicyConfig) -> LogCard:
    every = evidence.logged
    counts = np.bincount(judged.arm.codes[judged.arm.codes >= 0], minlength=len(judged.arm.names))
    return LogCard(
        directory=evidence.directory,
        answers=len(judged),
        unknown=len(every) - len(judged),
        unused=evidence.unused,
        users=len(np.unique(judged.user_idx)),
        rows=len(judged.reward),
        since=int(judged.at[0]),
        until=int(judged.at[-1]),
        arms={arm: n for arm, n in zip(judged.arm.names.to_list(), counts.tolist(), strict=True) if n},
        left_out=every.left_out,
        events=every.events,
        rewards=config.rewards,
        by_value=config.by_value,
        window_hours=config.window_hours,
    )
