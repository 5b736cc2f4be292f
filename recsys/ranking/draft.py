"""One list in the making: what may still be taken, what quotas still need."""

from dataclasses import dataclass

import numpy as np

from recsys.ranking.diversity import Pool
from recsys.ranking.recommendations import FlagArray
from recsys.ranking.rulebook import DIVERSE, Rulebook
from recsys.schema import BoolArray, IntArray, LongArray

Pick = tuple[int, np.uint64]
"""An entry, and the bits of the rules that moved it."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """The state of one list; its m entries are in the order of their value.

    Attributes:
        items: int32 (m,), item_idx.
        rules: what is obeyed.
        open: bool (m,), neither taken nor shut out.
        over: uint64 (m,), the bits of the caps that shut out an entry.
        groups: int32 (caps, m), what each cap counts.
        counts: for each cap, code → entries taken.
        asked: bool (quotas, m), what each quota asks for.
        needs: int64 (quotas,), how many more it needs.
    """

    items: IntArray
    rules: Rulebook
    open: BoolArray
    over: FlagArray
    groups: IntArray
    counts: list[dict[int, int]]
    asked: BoolArray
    needs: LongArray

    @classmethod
    def of(cls, items: IntArray, rules: Rulebook, *, may: BoolArray, whole: bool) -> "Draft":
        """An empty list of entries that may be taken, bool (m,); a whole one, which will hold all, has no quotas."""
        quotas = () if whole else rules.config.quotas
        return cls(
            items=items,
            rules=rules,
            open=may.copy(),
            over=np.zeros(len(items), np.uint64),
            groups=rules.groups[:, items],
            counts=[{} for _ in rules.config.caps],
            asked=rules.quotas[: len(quotas), items],
            needs=np.array([quota.least for quota in quotas], np.int64),
        )

    def take(self, entry: int) -> None:
        """Put an entry into the list; its category or brand may be full then."""
        self.open[entry] = False
        self.needs -= self.asked[:, entry]
        for cap, codes, counts, flag in zip(
            self.rules.config.caps, self.groups, self.counts, self.rules.cap_flags, strict=True
        ):
            code = int(codes[entry])
            counts[code] = counts.get(code, 0) + 1
            if code >= 0 and counts[code] == cap.most:
                full = codes == code
                self.open &= ~full
                self.over[full] |= flag

    def filled(self, n: int, pool: Pool) -> list[Pick]:
        """Take n entries, or as many as may be taken, best first."""
        if not self.rules.chooses:
            return [(int(entry), np.uint64(0)) for entry in np.flatnonzero(self.open)[:n]]
        picks = []
        for free in range(n, 0, -1):
            if not self.open.any():
                break
            entry, flags = self._best(free, pool)
            self.take(entry)
            pool.add(entry)
            picks.append((entry, flags))
        return picks

    def _best(self, free: int, pool: Pool) -> Pick:
        """The next entry where so many places are free."""
        entry = _first(self.open, pool)
        allowed, flags = self.open, np.uint64(0)
        urgent = self._urgent(free)
        if urgent.any():
            allowed = self.open & self.asked[urgent].any(axis=0)
            asked, entry = entry, _first(allowed, pool)
            if entry != asked:
                flags |= np.bitwise_or.reduce(self.rules.quota_flags[urgent & self.asked[:, entry]])
        if entry != int(allowed.argmax()):
            flags |= DIVERSE
        return entry, flags

    def _urgent(self, free: int) -> BoolArray:
        """Those still in need, bool (quotas,), where all together need every place left."""
        if not len(self.needs):
            return np.zeros(0, np.bool_)
        there = np.count_nonzero(self.asked & self.open, axis=1)
        needs = np.clip(self.needs, 0, there)
        return np.asarray((needs > 0) & (needs.sum() >= free))


def _first(allowed: BoolArray, pool: Pool) -> int:
    """The best allowed entry: of the pool by its appeal less redundancy, else by value."""
    entry = pool.best(allowed)
    return entry if entry >= 0 else int(allowed.argmax())
