"""How often a key may ask: a bucket of tokens each, in this process."""

import time
from collections.abc import Callable

from serving.keys import MAX_KEYS, Key


class Rates:
    """One bucket a key; a request takes a token, and time brings them back, up to as many as may come at once."""

    def __init__(self, *, ticks: Callable[[], float] = time.monotonic) -> None:
        """All full; `ticks` gives seconds since any fixed instant."""
        self._ticks = ticks
        self._buckets: dict[str, tuple[float, float]] = {}  # name → tokens, and when; the longest unused comes first

    def wait(self, key: Key) -> float:
        """Take a token: 0.0, or, where there is none, the seconds until there is."""
        if key.rate is None:
            return 0.0
        now = self._ticks()
        tokens, at = self._buckets.pop(key.name, (float(key.at_once), now))
        tokens = min(float(key.at_once), tokens + (now - at) * key.rate)
        left = tokens - 1.0 if tokens >= 1.0 else tokens
        self._buckets[key.name] = (left, now)
        if len(self._buckets) > MAX_KEYS:  # more than a file has: the first is of a key that is gone
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if tokens >= 1.0 else (1.0 - tokens) / key.rate
