"""How far what the ranker reads of live requests has moved from what it read at the release."""

import threading

import numpy as np

from recsys.ranking.observation import Observation
from recsys.ranking.reference import Reference

WINDOW = 1000
"""Lists that are looked at together, at most; at least half of them once there were so many."""

LEAST = 200
"""With fewer lists nothing is said: chance alone would look like a change."""


class Drift:
    """The last lists' values, counted by the bins of one bundle's reference. Safe to use from several threads."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._lock = threading.Lock()
        self._lists = [0, 0]
        nothing = {name: np.zeros_like(column.counts) for name, column in reference.columns.items()}
        self._counts = [nothing, dict(nothing)]

    def add(self, seen: Observation) -> None:
        """Count what some lists were chosen from."""
        counts = self._reference.counts(seen)
        with self._lock:
            if self._lists[-1] >= WINDOW // 2:
                self._lists = [self._lists[-1], 0]
                self._counts = [self._counts[-1], {name: np.zeros_like(own) for name, own in self._counts[-1].items()}]
            self._lists[-1] += seen.lists
            for name, own in counts.items():
                self._counts[-1][name] = self._counts[-1][name] + own

    @property
    def lists(self) -> int:
        """How many are looked at."""
        return sum(self._lists)

    def distances(self) -> dict[str, float]:
        """Column → its population stability index; empty with fewer than LEAST lists."""
        with self._lock:
            if self.lists < LEAST:
                return {}
            both = {name: self._counts[0][name] + own for name, own in self._counts[1].items()}
        return {name: self._reference.columns[name].distance(counts) for name, counts in both.items()}
