"""What both sides are timed by. Nothing of this project is imported: the other side has an environment of its own."""

import time
from collections.abc import Callable, Sequence

import numpy as np

SINGLES = 200


def figures(encode: Callable[[Sequence[str]], object], texts: Sequence[str]) -> dict[str, float]:
    """Texts a second of all texts at once, and median and 99th percentile of one text alone, in milliseconds.

    Tokenisation counts; each way is walked once before the clock runs.
    """
    singles = [texts[i] for i in np.unique(np.linspace(0, len(texts) - 1, SINGLES).astype(int))]
    encode(texts[:256])
    encode(texts[:1])
    alone = [_seconds(encode, [text]) for text in singles]
    p50, p99 = 1e3 * np.percentile(alone, [50, 99])
    return {"texts/s": len(texts) / _seconds(encode, texts), "p50 ms": float(p50), "p99 ms": float(p99)}


def _seconds(encode: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    start = time.perf_counter()
    encode(texts)
    return time.perf_counter() - start
