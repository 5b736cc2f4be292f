"""What recsys and its peers came to, side by side."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl

from recsys.evaluation.compare import Difference, Estimate, compare, estimate
from recsys.evaluation.exam import Exam
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure, label
from recsys.schema import IntArray
from tests.bench.versus_peers.search import Finished

METRICS = ("ndcg@10", "recall@20")
OURS = "recsys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """Methods that sat one exam.

    Attributes:
        exam: as of ranker_end.
        ours: int32 (n, k), the run's lists, None without a run.
        peers: name → what its search came to.
        per_user: name → metrics of every user.
        failed: name → why there is nothing.
    """

    exam: Exam
    ours: IntArray | None
    peers: dict[str, Finished] = field(default_factory=dict)
    per_user: dict[str, pl.DataFrame] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ours is not None:
            self.per_user[OURS] = self.exam.grade(self.ours).per_user[OVERALL]

    def add(self, name: str, finished: Finished, recommended: IntArray) -> None:
        self.peers[name] = finished
        self.per_user[name] = self.exam.grade(recommended).per_user[OVERALL]

    def fail(self, name: str, why: str) -> None:
        self.failed[name] = why

    def told(self) -> list[dict[str, Any]]:
        """One record a method, ours first, then the best peer first; those that failed last."""
        return [*map(self._told, self._order()), *({"method": n, "failed": why} for n, why in self.failed.items())]

    def _order(self) -> list[str]:
        means = {name: frame[METRICS[0]].mean() for name, frame in self.per_user.items()}
        return sorted(means, key=lambda name: (name != OURS, -means[name]))

    def _told(self, name: str) -> dict[str, Any]:
        reached = {metric: asdict(one) for metric, one in self._reached(name).items()}
        lead = {f"{OURS} - it, {metric}": asdict(one) for metric, one in self._lead(name).items()}
        return {"method": name} | reached | lead | ({} if name == OURS else asdict(self.peers[name]))

    def _reached(self, name: str) -> dict[str, Estimate]:
        config = self.exam.config
        frame = self.per_user[name]
        return {metric: estimate(frame, metric, samples=config.samples, seed=config.seed) for metric in METRICS}

    def _lead(self, name: str) -> dict[str, Difference]:
        """Ours minus a peer's, metric by metric; nothing without ours."""
        if name == OURS or OURS not in self.per_user:
            return {}
        config, pair = self.exam.config, (self.per_user[OURS], self.per_user[name])
        return {metric: compare(*pair, metric, samples=config.samples, seed=config.seed) for metric in METRICS}

    def table(self) -> str:
        """As aligned text, with a line a peer of the settings chosen."""
        lead = [f"{OURS} - peer, {label(metric)}" for metric in METRICS] if OURS in self.per_user else []
        head = ["method", *map(label, METRICS), *lead, "validation", "trials", "search s", "fit s", "limits"]
        rows = [head, *map(self._cells, self._order())]
        rows += [[name, "failed", *[""] * (len(head) - 2)] for name in self.failed]
        chosen = [f"{name}: {dict(one.settings)}" for name, one in self.peers.items()]
        return "\n".join([aligned(rows), "", *chosen])

    def _cells(self, name: str) -> list[str]:
        reached = map(figure, self._reached(name).values())
        if name == OURS:
            return [name, *reached, *[""] * 7]
        return [name, *reached, *map(figure, self._lead(name).values()), *_effort(self.peers[name])]


def _effort(one: Finished) -> list[str]:
    limits = [f"{one.stopped} trials stopped by the clock"] if one.stopped else []
    limits += [f"{one.failed} trials failed"] if one.failed else []
    limits += [one.note] if one.note else []
    times = [f"{np.round(seconds):.0f}" for seconds in (one.search_seconds, one.fit_seconds)]
    return [f"{one.validation:.4f}", f"{one.tried} of {one.asked}", *times, "; ".join(limits)]
