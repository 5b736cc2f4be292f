"""A world so small that every list can be counted: the expectation of an estimator is a sum, not a sample.

Three items, lists of two, drawn without replacement (Plackett-Luce) by the logging and by the judged policy. There is
one request for each of the six lists, and it counts as often as the list is shown.
"""

from collections.abc import Callable
from itertools import permutations

import numpy as np

from recsys.evaluation.off_policy.estimators.slates import Fitted, Marginals, Slates
from recsys.evaluation.off_policy.estimators.terms import Terms
from recsys.schema import DoubleArray

ITEMS = 3
LENGTH = 2
LISTS = list(permutations(range(ITEMS), LENGTH))

Table = Callable[[tuple[int, ...], int], float]
"""(list, position from 0) → a reward or what a model predicts."""


class World:
    """Strengths of the items under both policies and three tables of rewards, from a seed.

    `anything` lets a reward depend on the whole list, `cascade` on the items down to it, `apart` on item and position.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.logging, self.judged = rng.uniform(0.2, 3, (2, ITEMS))
        self._anything = rng.uniform(0, 2, (ITEMS, ITEMS, LENGTH))
        self._cascade = rng.uniform(0, 2, (ITEMS, ITEMS)), rng.uniform(0, 2, ITEMS)
        self._apart = rng.uniform(0, 2, (ITEMS, LENGTH))
        self._wrong = rng.uniform(-3, 3, (ITEMS, ITEMS)), rng.uniform(-3, 3, ITEMS)

    def anything(self, items: tuple[int, ...], j: int) -> float:
        return self._anything[items[0], items[1], j]

    def cascade(self, items: tuple[int, ...], j: int) -> float:
        below, first = self._cascade
        return first[items[0]] if j == 0 else below[items[0], items[1]]

    def apart(self, items: tuple[int, ...], j: int) -> float:
        return self._apart[items[j], j]

    def wrong(self, items: tuple[int, ...], j: int) -> float:
        """What a model says that knows nothing."""
        below, first = self._wrong
        return first[items[0]] if j == 0 else below[items[0], items[1]]

    def slates(self, reward: Table, model: Table | None = None, logged: DoubleArray | None = None) -> Slates:
        """All lists; `logged` are strengths that the log claims, the true ones unless told."""
        claimed = self.logging if logged is None else logged
        return Slates(
            user_idx=np.arange(len(LISTS), dtype=np.int32),
            indptr=np.arange(0, LENGTH * len(LISTS) + 1, LENGTH),
            reward=_each(reward),
            logged=_each(lambda items, j: _chance(claimed, items, j)),
            target=_each(lambda items, j: _chance(self.judged, items, j)),
            model=None if model is None else self._fitted(model),
            marginal=Marginals(logged=_marginal(self.logging), target=_marginal(self.judged)),
            pseudo=self._pseudo(),
        )

    def truth(self, reward: Table) -> float:
        """What a list of the judged policy earns."""
        return sum(_probability(self.judged, items) * reward(items, j) for items in LISTS for j in range(LENGTH))

    def expectation(self, terms: Terms) -> float:
        """What the estimate becomes over lists of the logging policy without end."""
        weights = np.array([_probability(self.logging, items) for items in LISTS])
        return float(weights @ terms.value / (weights @ terms.weight))

    def _fitted(self, model: Table) -> Fitted:
        return Fitted(predicted=_each(model), value=np.full(len(LISTS), self.truth(model)))

    def below(self, reward: Table, j: int) -> DoubleArray:
        """float64 (LISTS,), what the judged policy earns at place j below the items of each list above it."""

        def expected(items: tuple[int, ...], j: int) -> float:
            each = {other[: j + 1]: other for other in LISTS if other[:j] == items[:j]}
            return sum(_chance(self.judged, other, j) * reward(other, j) for other in each.values())

        return np.array([expected(items, j) for items in LISTS])

    def _pseudo(self) -> DoubleArray:
        shown = np.zeros((len(LISTS), ITEMS * LENGTH))
        for row, items in enumerate(LISTS):
            for j, item in enumerate(items):
                shown[row, item * LENGTH + j] = 1
        logging, judged = (
            np.array([_probability(strength, items) for items in LISTS]) for strength in (self.logging, self.judged)
        )
        gamma = (shown * logging[:, None]).T @ shown
        return (judged @ shown) @ np.linalg.pinv(gamma, rcond=1e-10, hermitian=True) @ shown.T


def _chance(strength: DoubleArray, items: tuple[int, ...], j: int) -> float:
    """Of the item at position j, given those above."""
    left = sum(strength[a] for a in range(ITEMS) if a not in items[:j])
    return strength[items[j]] / left


def _probability(strength: DoubleArray, items: tuple[int, ...]) -> float:
    return float(np.prod([_chance(strength, items, j) for j in range(LENGTH)]))


def _marginal(strength: DoubleArray) -> DoubleArray:
    return _each(lambda items, j: sum(_probability(strength, other) for other in LISTS if other[j] == items[j]))


def _each(table: Table) -> DoubleArray:
    return np.array([table(items, j) for items in LISTS for j in range(LENGTH)], np.float64)
