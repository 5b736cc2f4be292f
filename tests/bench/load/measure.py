"""Saturation, latency at half of it, and what five times as much does."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.bench.load.client import BROKEN, NO_ANSWER, Client, Load, poisson
from tests.bench.load.server import Server

ENOUGH = 0.98
"""The share of requests answered when a trial's time is up that makes a rate sustained: nothing piles up."""

_STEPS = 6
_RECOVERY_SECONDS = 15


def saturation(client: Client, messages: Sequence[bytes], *, seconds: float) -> float:
    """The highest rate, requests a second, that is sustained for so long; by bisection, within about 2 %."""

    alone = settled(client, messages)
    low, high = 0.1 / alone, 1.2 / alone

    def sustained(rate: float, seed: int) -> bool:
        load = client.load(poisson(rate, max(20, int(rate * seconds)), seed=seed), messages)
        settled(client, messages)
        in_time = load.at + load.latency <= load.at[-1] + 2 * alone
        return bool((load.good & in_time).mean() >= ENOUGH)

    while sustained(high, 100):
        low, high = high, 1.5 * high
    for step in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if sustained(middle, step) else (low, middle)
    return low


def settled(client: Client, messages: Sequence[bytes]) -> float:
    """Seconds that a request takes alone, once what was left of others has been worked off."""
    best = np.inf
    for _ in range(20):
        load = client.load(np.arange(1, 11) * 0.05, messages, patience=30)
        now = float(np.median(load.latency)) if load.good.all() else np.inf
        if now < np.inf and now > 0.7 * best:
            break
        best = min(best, now)
    else:
        raise SystemExit(f"The server does not come to rest: {shares(load)}.")
    return min(best, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """What came of more than can be done.

    Attributes:
        load: of the time with too much.
        recovered: seconds from its end until whatever is asked is answered as usual.
        memory: MiB resident of all processes, the most seen.
    """

    load: Load
    recovered: float
    memory: float


def overload(
    server: Server, messages: Sequence[bytes], *, rate: float, factor: float, seconds: float, usual: float
) -> Overload:
    """`factor` x `rate` for some seconds, then half of it.

    Args:
        server: the only one asked.
        messages: what.
        rate: saturation.
        factor: how many times as much.
        seconds: for how long.
        usual: seconds an answer takes at most in quiet times; it is as usual again below twice that.
    """
    flood = poisson(rate * factor, int(rate * factor * seconds), seed=7)
    after = flood[-1] + poisson(rate / 2, int(rate / 2 * _RECOVERY_SECONDS), seed=8)
    seen: list[float] = []
    ended = _sampled(lambda: seen.append(sum(rss for rss, _ in server.memory().values())))
    load = Client(server.port).load(np.concatenate([flood, after]), messages, patience=10)
    ended()
    quiet = load.part(flood[-1] + 1e-9, np.inf)
    bad = quiet.at[~(quiet.good & (quiet.latency <= 2 * usual))]
    # of the quiet time itself one in a hundred is slower than `usual`: it is over when fewer than that follow
    recovered = next((at for at in [flood[-1], *bad] if (bad > at).sum() <= 0.01 * len(quiet.at)), np.inf) - flood[-1]
    return Overload(load=load.part(0, flood[-1] + 1e-9), recovered=float(recovered), memory=max(seen))


def _sampled(look: Callable[[], None]) -> Callable[[], None]:
    """Look every half second, until the returned function is called."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.5):
            look()

    look()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end() -> None:
        over.set()
        thread.join()

    return end


def shares(load: Load) -> str:
    """How often which status came."""
    names = {NO_ANSWER: "no answer", BROKEN: "connection closed"}
    values, counts = np.unique(load.status, return_counts=True)
    return ", ".join(f"{names.get(v, v)} {n / len(load.at):.2%}" for v, n in zip(values, counts, strict=True))
