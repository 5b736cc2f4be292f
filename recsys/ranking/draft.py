"""One list in the making: what may still be taken, what quotas still need."""

from dataclasses import dataclass

import numpy as np

from recsys.ranking.config import QuotaConfig
from recsys.ranking.diversity import Pool
from recsys.ranking.policy import Policy, draw
from recsys.ranking.recommendations import FlagArray
from recsys.ranking.rulebook import DIVERSE, EXPLORED, Rulebook
from recsys.schema import BoolArray, DoubleArray, IntArray, LongArray

Pick = tuple[int, int, float]
"""An entry, the bits of the rules that moved it, and how likely it was at its place."""

Drawing = tuple[Policy, np.random.Generator]
"""Who draws, and with what randomness."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """The state of one list; its m entries are in the order of their value.

    Attributes:
        rules: what is obeyed.
        value: float64 (m,), falling.
        drawing: who draws; None where the best is next.
        open: bool (m,), neither taken nor shut out.
        over: uint64 (m,), the bits of the caps that shut out an entry.
        groups: int32 (caps, m), what each cap counts.
        counts: for each cap, code → entries taken.
        asked: bool (quotas, m), what each quota asks for.
        needs: how many more each quota needs.
    """

    rules: Rulebook
    value: DoubleArray
    drawing: Drawing | None
    open: BoolArray
    over: FlagArray
    groups: IntArray
    counts: list[dict[int, int]]
    asked: BoolArray
    needs: list[int]

    @classmethod
    def of(
        cls,
        items: IntArray,
        value: DoubleArray,
        rules: Rulebook,
        *,
        may: BoolArray,
        quotas: tuple[QuotaConfig, ...],
        drawing: Drawing | None,
    ) -> "Draft":
        """An empty list.

        Args:
            items: int32 (m,), item_idx by falling value.
            value: float64 (m,).
            rules: what is obeyed.
            may: bool (m,), entries that may be taken.
            quotas: those of the rules, or none.
            drawing: a policy and its randomness; None where the best is next.
        """
        return cls(
            rules=rules,
            value=value,
            drawing=drawing,
            open=may.copy(),
            over=np.zeros(len(items), np.uint64),
            groups=rules.groups[:, items],
            counts=[{} for _ in rules.config.caps],
            asked=rules.quotas[: len(quotas), items],
            needs=[quota.least for quota in quotas],
        )

    def take(self, entry: int) -> None:
        """Put an entry into the list; its category or brand may be full then."""
        self.open[entry] = False
        for quota, asked in enumerate(self.asked[:, entry].tolist()):
            self.needs[quota] -= asked
        for cap, code in enumerate(self.groups[:, entry].tolist()):
            counts = self.counts[cap]
            counts[code] = counts.get(code, 0) + 1
            if code >= 0 and counts[code] == self.rules.config.caps[cap].most:
                full = self.groups[cap] == code
                self.open &= ~full
                self.over[full] |= np.uint64(self.rules.cap_bit(cap))

    def filled(self, n: int, pool: Pool) -> list[Pick]:
        """Take n entries, or as many as may be taken, best first or as they are drawn."""
        if not self.rules.chooses or len(self.open) == 0:
            return self._in_order(n)
        picks: list[Pick] = []
        while len(picks) < n and self.open[first := int(self.open.argmax())]:
            entry, bits, chance = self._next(first, n - len(picks), pool)
            self.take(entry)
            pool.add(entry)
            picks.append((entry, bits, chance))
        return picks

    def _in_order(self, n: int) -> list[Pick]:
        """Where no entry's place depends on those above it."""
        entries = np.flatnonzero(self.open)
        if self.drawing is None:
            return [(entry, 0, 1.0) for entry in entries[:n].tolist()]
        policy, source = self.drawing
        places, chances = policy.order(self.value[entries], n, source)
        left = np.ones(len(entries), np.bool_)
        picks: list[Pick] = []
        for place, chance in zip(places.tolist(), chances.tolist(), strict=True):
            picks.append((int(entries[place]), EXPLORED if left.argmax() < place else 0, chance))
            left[place] = False
        return picks

    def choices(self, free: int, pool: Pool) -> tuple[LongArray, DoubleArray]:
        """Entries that a policy may draw next where so many places are free, and what they are worth."""
        if self.rules.chooses:
            return pool.choice(self._allowed(self._urgent(free)), self.value)
        entries = np.flatnonzero(self.open)
        return entries, self.value[entries]

    def _next(self, first: int, free: int, pool: Pool) -> Pick:
        """The next entry where so many places are free; `first` is the open one of the highest value."""
        best = _best_of(self.open, first, pool)
        urgent = self._urgent(free)
        allowed = self._allowed(urgent)
        first = int(allowed.argmax())
        entry = _best_of(allowed, first, pool)
        bits = DIVERSE if entry != first else 0
        if entry != best:
            bits |= sum(self.rules.quota_bit(quota) for quota in urgent if self.asked[quota, entry])
        if self.drawing is None:
            return entry, bits, 1.0
        policy, source = self.drawing
        entries, value = pool.choice(allowed, self.value)
        place, chance = draw(policy, value, source)
        drawn = int(entries[place])
        return (entry, bits, chance) if drawn == entry else (drawn, EXPLORED, chance)

    def _allowed(self, urgent: list[int]) -> BoolArray:
        """Bool (m,): what may be next where these quotas need every place left."""
        return self.open & self.asked[urgent].any(axis=0) if urgent else self.open

    def _urgent(self, free: int) -> list[int]:
        """The quotas still in need, where all together need every place left."""
        if sum(max(need, 0) for need in self.needs) < free:
            return []
        there = np.count_nonzero(self.asked & self.open, axis=1).tolist()
        needs = [max(min(pair), 0) for pair in zip(self.needs, there, strict=True)]
        return [quota for quota, need in enumerate(needs) if need] if sum(needs) >= free else []


def _best_of(allowed: BoolArray, first: int, pool: Pool) -> int:
    """The best allowed entry: of the pool the one with the most gain, else the first."""
    entry = pool.best(allowed)
    return entry if entry >= 0 else first
