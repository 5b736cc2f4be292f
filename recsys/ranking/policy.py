"""Who has the last word on a list: the values alone, or a draw whose probabilities are known.

A list is drawn place by place, each time among the items that rules leave. The propensity of an item at its place is
P(it | the items above it, the candidates), and the product over a list is the list's.

    epsilon_greedy   of m items the best with 1 - epsilon + epsilon / m, each other with epsilon / m
    plackett_luce    each with exp(value / temperature) ÷ their sum (Luce 1959, Plackett 1975)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from recsys.ranking.config import PolicyConfig
from recsys.schema import BoolArray, DoubleArray, LongArray


class Policy(Protocol):
    """A way to draw."""

    def chances(self, value: DoubleArray) -> DoubleArray:
        """float64 (m,): how likely each of m items, at least one, is the next, given their values."""
        ...

    def order(self, value: DoubleArray, n: int, rng: np.random.Generator) -> tuple[LongArray, DoubleArray]:
        """The first n of m items where nothing but the draw decides: where they stand, and the propensity of each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EpsilonGreedy:
    """Mostly the best, now and then any.

    Attributes:
        epsilon: how often any, in [0, 1].
    """

    epsilon: float

    def chances(self, value: DoubleArray) -> DoubleArray:
        """float64 (m,); of equal values the first is the best."""
        chances = np.full(len(value), self.epsilon / len(value))
        chances[value.argmax()] += 1 - self.epsilon
        return chances

    def order(self, value: DoubleArray, n: int, rng: np.random.Generator) -> tuple[LongArray, DoubleArray]:
        """The first n, and the propensity of each."""
        left = np.argsort(-value, kind="stable").tolist()
        places, chances = [], []
        for any_, which in rng.random((min(n, len(left)), 2)).tolist():
            m = len(left)
            at = int(which * m) if any_ < self.epsilon else 0
            places.append(left.pop(at))
            chances.append(self.epsilon / m + (1 - self.epsilon if at == 0 else 0))
        return np.array(places, np.int64), np.array(chances, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlackettLuce:
    """The better the likelier.

    Attributes:
        temperature: in units of the values; towards 0 the best is always next, above all are alike.
    """

    temperature: float

    def chances(self, value: DoubleArray) -> DoubleArray:
        """float64 (m,): softmax."""
        powers = np.exp((value - value.max()) / self.temperature)
        return np.asarray(powers / powers.sum(), np.float64)

    def order(self, value: DoubleArray, n: int, rng: np.random.Generator) -> tuple[LongArray, DoubleArray]:
        """The first n, and the propensity of each: one Gumbel draw an item, the highest sums win (Yellott 1977)."""
        logit = value / self.temperature
        places = np.argsort(-(logit + rng.gumbel(size=len(value))), kind="stable")
        left = np.logaddexp.accumulate(logit[places][::-1])[::-1]
        return places[:n], np.exp(logit[places] - left)[:n]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """A policy with a source of randomness for each of n users.

    Attributes:
        policy: how it draws.
        sources: one of `randomness` for each user; a list takes what it needs.
        besides: bool (n_items,), or (n, n_items) of each user, candidates of who may get them, proposed or not: what
            another way to recommend would propose, so that this one's lists tell of it. None adds nothing; given items
            are as given.
    """

    policy: Policy
    sources: Sequence[np.random.Generator]
    besides: BoolArray | None = None

    def of(self, rows: slice) -> "Exploration":
        """For some of the users."""
        return replace(self, sources=self.sources[rows])


def policy(config: PolicyConfig) -> Policy | None:
    """The policy that is asked for; None where the values decide."""
    if config.kind == "epsilon_greedy":
        return EpsilonGreedy(epsilon=config.epsilon)
    return PlackettLuce(temperature=config.temperature) if config.kind == "plackett_luce" else None


def draw(policy: Policy, value: DoubleArray, rng: np.random.Generator) -> tuple[int, float]:
    """One of m items: where it stands, and how likely that was."""
    chances = policy.chances(value)
    ends = np.cumsum(chances)
    place = min(int(ends.searchsorted(rng.random() * ends[-1], side="right")), len(value) - 1)
    return place, float(chances[place])


def randomness(seed: int, request_id: str) -> np.random.Generator:
    """The same numbers for the same request, on every machine; other requests get others."""
    name = hashlib.blake2b(
        request_id.encode("utf-8", "surrogatepass"), digest_size=16, salt=seed.to_bytes(16, "little", signed=True)
    )
    return np.random.Generator(np.random.Philox(key=int.from_bytes(name.digest(), "little")))
