"""A steady load for as long as asked: does anything grow?"""

import numpy as np

from tests.bench.load import questions
from tests.bench.load.client import Client, poisson
from tests.bench.load.measure import shares
from tests.bench.load.server import Server

RATE = 30.0
"""Requests a second, about a quarter of what one core does: half ranks, half lists; and one event a second."""

FLAT = 0.05
"""What the last third may hold more than the third before it, as a share."""


def soak(server: Server, bundle, *, minutes: float) -> int:
    """Print memory, open files and bytes written each minute; 0 if all stayed flat, else 1."""
    client = Client(server.port)
    ranks, lists, events = questions.rank(bundle), questions.recommend(bundle), questions.events(bundle)
    mixed = [message for pair in zip(ranks, lists, strict=True) for message in pair]
    mixed = [events[i // 30 % len(events)] if i % 30 == 0 else message for i, message in enumerate(mixed)]
    print("minute   resident MiB   open files   written MiB   p99 ms   answers", flush=True)
    rows, step = [], min(60.0, minutes * 60 / 9)
    for number in range(max(9, round(minutes * 60 / step))):
        load = client.load(poisson(RATE, int(RATE * step), seed=number), mixed)
        row = sum(rss for rss, _ in server.memory().values()), server.handles(), server.written()
        rows.append(row)
        told = f"{row[0]:15.1f}{row[1]:13d}{row[2]:14.2f}{load.quantile(0.99):9.1f}   {shares(load)}"
        print(f"{(number + 1) * step / 60:6.1f}{told}", flush=True)
    thirds = np.array_split(np.array(rows), 3)
    before, last = thirds[1].mean(axis=0), thirds[2].mean(axis=0)
    grown = {
        name: float(b / max(a, 1e-9) - 1)
        for name, a, b in zip(("resident", "open files", "written"), before, last, strict=True)
    }
    print(", ".join(f"{name} {share:+.1%}" for name, share in grown.items()) + " from the second third to the last")
    flat = all(share <= FLAT for share in grown.values())
    print("flat" if flat else f"NOT FLAT: more than {FLAT:.0%}")
    return 0 if flat else 1
