"""How fast encoders are, measured one after the other in one process, so that a busy moment slows all alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys.schema import DoubleArray, Progress

if TYPE_CHECKING:  # its module loads scipy
    from recsys.retrieval.embeddings import TextEncoder

ROUNDS, SINGLES = 5, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Clock readings, tokenisation included: the median over rounds of what each round gave.

    Attributes:
        p50_ms, p99_ms: milliseconds of one text alone, the median and the 99th percentile over texts.
        texts_per_second: of many texts at once; an encoder sorts them by length itself.
    """

    p50_ms: float
    p99_ms: float
    texts_per_second: float


def race(
    encoders: Mapping[str, "TextEncoder"],
    texts: Sequence[str],
    *,
    rounds: int = ROUNDS,
    progress: Progress,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Speed]:
    """Take the time of every encoder in turn, round after round.

    Args:
        encoders: name → loaded encoder, each with its threads.
        texts: real ones; all of them in bulk, 200 of them one by one.
        rounds: how often.
        progress: called after every encoder of every round.
        clock: seconds.
    """
    singles = [texts[i] for i in np.unique(np.linspace(0, len(texts) - 1, SINGLES).astype(int))]
    readings: dict[str, list[tuple[float, float, float]]] = {name: [] for name in encoders}
    for encoder in encoders.values():
        encoder.encode(texts[:64])
        encoder.encode(texts[:1])
    for lap in range(rounds):
        for place, (name, encoder) in enumerate(encoders.items(), 1):
            alone = [_seconds(encoder, [text], clock) for text in singles]
            bulk = len(texts) / _seconds(encoder, texts, clock)
            readings[name].append((*(1e3 * np.percentile(alone, [50, 99])), bulk))
            progress(lap * len(encoders) + place, rounds * len(encoders), {})
    medians: dict[str, DoubleArray] = {name: np.median(np.array(laps), axis=0) for name, laps in readings.items()}
    return {
        name: Speed(p50_ms=float(p50), p99_ms=float(p99), texts_per_second=float(bulk))
        for name, (p50, p99, bulk) in medians.items()
    }


def _seconds(encoder: "TextEncoder", texts: Sequence[str], clock: Callable[[], float]) -> float:
    start = clock()
    encoder.encode(texts)
    return clock() - start
