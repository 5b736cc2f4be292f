"""What a bundle costs, beside another: one text, one answer, bytes, memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.resident import resident
from recsys.artifacts import MANIFEST, MEASURED
from recsys.bundle import Bundle
from recsys.data.interactions import Histories
from recsys.data.vocabulary import Vocabulary
from recsys.evaluation.checks import Cost
from recsys.evaluation.config import GateConfig
from recsys.schema import DoubleArray, IntArray

RANKED = 200
"""Items to rank in one answer."""

LENGTH = 20
"""Items of a recommended list."""

_ROUNDS = 3

Work = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """Who asks a bundle, and what: the same users, items and texts of every bundle.

    Attributes:
        bundle: the one asked.
        histories: of one user each.
        items: int32, to rank.
        texts: to encode.
    """

    bundle: Bundle
    histories: Sequence[Histories]
    items: IntArray
    texts: Sequence[str]

    def encode(self, turn: int) -> object:
        """One text."""
        return self.bundle.encoder.encode([self.texts[turn % len(self.texts)]])

    def rank(self, turn: int) -> object:
        """Given items for one user."""
        history = self.histories[turn % len(self.histories)]
        return self.bundle.recommender.rank(history, [self.items], as_of=self.bundle.end)

    def recommend(self, turn: int) -> object:
        """A list for one user."""
        history = self.histories[turn % len(self.histories)]
        return self.bundle.recommender.recommend(history, k=LENGTH, as_of=self.bundle.end)


def costs(candidate: Path, published: Path | None, config: GateConfig) -> list[Cost]:
    """All costs of a bundle, and of another beside it; both answer with one thread.

    Args:
        candidate: a bundle's directory.
        published: another's; None where there is none.
        config: limits, and how often is timed.

    Raises:
        ArtifactError: a bundle that is not whole.
    """
    directories = [candidate] if published is None else [candidate, published]
    clients = _clients([Bundle.load(directory) for directory in directories], config.repeats)
    timed = [
        *_timed("one text", [c.encode for c in clients], config.encoder_ms, config),
        *_timed(f"rank {len(clients[0].items)} items", [c.rank for c in clients], config.answer_ms, config),
        *_timed(f"recommend {LENGTH} items", [c.recommend for c in clients], config.answer_ms, config),
    ]
    return [*_sizes(directories, config), *timed, *_memory(directories, config)]


def alternating(works: Sequence[Work], *, repeats: int) -> DoubleArray:
    """(len(works), repeats) milliseconds of each call, all works in turn and every other time in reverse order.

    What slows the machine for a while slows all of them. A tenth as many calls before that are not counted.
    """
    taken = np.empty((len(works), repeats))
    for turn in range(-(repeats // 10), repeats):
        order = range(len(works)) if turn % 2 else reversed(range(len(works)))
        for which in order:
            start = time.perf_counter()
            works[which](turn)
            taken[which, turn] = (time.perf_counter() - start) * 1e3
    return taken


def _timed(what: str, works: Sequence[Work], most: float, config: GateConfig) -> list[Cost]:
    """Median and 99th percentile; a candidate that comes out too slow is timed again, since a real cause stays."""
    for _ in range(_ROUNDS):
        median, tail = np.quantile(alternating(works, repeats=config.repeats), [0.5, 0.99], axis=1)
        found = [
            _cost(f"{what}, p50", "ms", median, config.slower, clock=True),
            _cost(f"{what}, p99", "ms", tail, config.slower_p99, most=most, clock=True),
        ]
        if not any(cost.too_many_times or cost.too_much for cost in found):
            break
    return found


def _sizes(directories: Sequence[Path], config: GateConfig) -> list[Cost]:
    encoders = [_megabytes(directory / "encoder") for directory in directories]
    bundles = [_megabytes(directory) for directory in directories]
    return [
        _cost("encoder, bytes", "MB", encoders, config.larger),
        _cost("bundle, bytes", "MB", bundles, config.larger, most=config.bundle_mb),
    ]


def _megabytes(directory: Path) -> float:
    """Of all files below, 10^6 bytes; the manifest and clock readings, which say something about them, left out."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.name not in {MANIFEST, *MEASURED})
    return sum(path.stat().st_size for path in files) / 1e6


def _memory(directories: Sequence[Path], config: GateConfig) -> list[Cost]:
    found = [resident(directory) for directory in directories]
    told = [value for value in found if value is not None]
    return [_cost("memory", "MB", told, config.heavier, most=config.memory_mb, clock=True)] if told else []


def _cost(
    what: str, unit: str, values: Sequence[float] | DoubleArray, times: float, *, most: float = 0, clock: bool = False
) -> Cost:
    """Of the candidate's value and, if there is one, the reference's."""
    candidate, *others = (float(value) for value in values)
    return Cost(
        what=what,
        unit=unit,
        candidate=candidate,
        reference=others[0] if others else None,
        times=times,
        most=most,
        clock=clock,
    )


def _clients(bundles: Sequence[Bundle], n: int) -> list[_Client]:
    """Users, items and texts that all bundles know, evenly spread; where they share none, each its own."""
    users = _shared([bundle.users for bundle in bundles], n)
    items = _shared([bundle.catalog.vocabulary for bundle in bundles], RANKED)
    texts = list(dict.fromkeys(bundles[0].catalog.texts))
    chosen = [texts[row] for row in _spread(len(texts), n)]
    return [
        _Client(
            bundle=bundle,
            histories=[bundle.histories([user]) for user in own_users] or [Histories.empty(1)],
            items=bundle.catalog.vocabulary.encode(own_items),
            texts=chosen,
        )
        for bundle, own_users, own_items in zip(bundles, users, items, strict=True)
    ]


def _shared(vocabularies: Sequence[Vocabulary], n: int) -> list[list[str]]:
    """At most n ids for each vocabulary: the same of those in all, or its own where there are none in all."""
    first, *others = vocabularies
    common = [name for name in first.ids if all(name in other.index for other in others)]
    pools = [common] * len(vocabularies) if common else [list(vocabulary.ids) for vocabulary in vocabularies]
    return [[pool[row] for row in _spread(len(pool), n)] for pool in pools]


def _spread(size: int, n: int) -> list[int]:
    """At most n of the rows 0 … size - 1, evenly spread."""
    return [int(row) for row in np.linspace(0, size - 1, min(n, size))] if size else []
