"""One list in the making: what may still be taken, what quotas still need."""

from dataclasses import dataclass

import numpy as np

from recsys.ranking.config import QuotaConfig
from recsys.ranking.diversity import Pool
from recsys.ranking.recommendations import FlagArray
from recsys.ranking.rulebook import DIVERSE, Rulebook
from recsys.schema import BoolArray, IntArray

Pick = tuple[int, int]
"""An entry, and the bits of the rules that moved it."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """The state of one list; its m entries are in the order of their value.

    Attributes:
        rules: what is obeyed.
        open: bool (m,), neither taken nor shut out.
        over: uint64 (m,), the bits of the caps that shut out an entry.
        groups: int32 (caps, m), what each cap counts.
        counts: for each cap, code → entries taken.
        asked: bool (quotas, m), what each quota asks for.
        needs: how many more each quota needs.
    """

    rules: Rulebook
    open: BoolArray
    over: FlagArray
    groups: IntArray
    counts: list[dict[int, int]]
    asked: BoolArray
    needs: list[int]

    @classmethod
    def of(cls, items: IntArray, rules: Rulebook, *, may: BoolArray, quotas: tuple[QuotaConfig, ...]) -> "Draft":
        """An empty list.

        Args:
            items: int32 (m,), item_idx by falling value.
            rules: what is obeyed.
            may: bool (m,), entries that may be taken.
            quotas: those of the rules, or none.
        """
        return cls(
            rules=rules,
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
        """Take n entries, or as many as may be taken, best first."""
        if not self.rules.chooses:
            return [(int(entry), 0) for entry in np.flatnonzero(self.open)[:n]]
        picks: list[Pick] = []
        while len(picks) < n and self.open[first := int(self.open.argmax())]:
            entry, bits = self._best(first, n - len(picks), pool)
            self.take(entry)
            pool.add(entry)
            picks.append((entry, bits))
        return picks

    def _best(self, first: int, free: int, pool: Pool) -> Pick:
        """The next entry where so many places are free; `first` is the open one of the highest value."""
        best = _best_of(self.open, first, pool)
        urgent = self._urgent(free)
        if not urgent:
            return best, DIVERSE if best != first else 0
        allowed = self.open & self.asked[urgent].any(axis=0)
        first = int(allowed.argmax())
        entry = _best_of(allowed, first, pool)
        bits = DIVERSE if entry != first else 0
        if entry != best:
            bits |= sum(self.rules.quota_bit(quota) for quota in urgent if self.asked[quota, entry])
        return entry, bits

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
