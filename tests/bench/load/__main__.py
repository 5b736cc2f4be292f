"""The endpoint under load: python -m tests.bench.load --run RUN.

An open loop: requests leave at times fixed beforehand, and latency counts from those times. The client has the first
core to itself, the server the others. First the highest rate that is sustained, then latency at half of it, then five
times as much for `--overload` seconds. Times are milliseconds.

Half of saturation is asked for twice. `_even`: at equal distances, so that nobody waits for others unless an answer is
late: what the service adds. `_poisson`: as independent visitors come (seeded), who wait for each other even where each
answer takes the same time: in the mean half of that time at half load (M/D/1), one in a hundred three of them.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from tests.bench.__main__ import TREES, inside
from tests.bench.load import questions
from tests.bench.load.client import Client, Load, even, poisson
from tests.bench.load.measure import overload, saturation, settled, shares
from tests.bench.load.server import Server, by_ray, served
from tests.bench.load.soak import soak

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--run", type=Path, help="a finished run directory")
    where.add_argument("--bundles", type=Path, help="or a folder with `current` in it")
    parser.add_argument("--requests", type=int, default=2000, help="at half of saturation, of each kind")
    parser.add_argument("--seconds", type=float, default=5, help="a trial of the search for saturation takes")
    parser.add_argument("--overload", type=float, default=10, help="seconds of five times saturation; 0 leaves it out")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ray", action="store_true", help="afterwards the same at the same rates through Ray Serve")
    parser.add_argument("--soak", type=float, default=0, help="minutes of a steady load, in place of all else")
    parser.add_argument("--rate", type=float, default=30, help="requests a second of the steady load")
    asked = parser.parse_args()
    bundles = asked.bundles or asked.run / "bundles"
    client_core, *server_cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {client_core})
    from recsys.bundle import Bundle

    bundle = Bundle.load(bundles / "current")
    if not asked.soak:
        found = inside(bundle)
        for name in (*TREES, "json"):
            show(name, found[name])
        primitives = {trees: found[trees] + found["json"] for trees in TREES}
    with served(bundles, workers=asked.workers, cores=server_cores or [client_core]) as server:
        if asked.soak:
            raise SystemExit(soak(server, bundle, minutes=asked.soak, rate=asked.rate))
        rates = report(server, bundle, asked, primitives)
    if asked.ray:
        with served(bundles, cores=server_cores or [client_core], command=by_ray) as server:
            beside(server, bundle, asked, rates)


def report(server: Server, bundle, asked: argparse.Namespace, primitives: dict[str, float]) -> dict[str, float]:
    """Print all figures of one server and give the rates of saturation; `primitives` are ms of `TREES` and JSON."""
    rates = {}
    client, kinds = (
        Client(server.port),
        {"rank_200": questions.rank(bundle), "recommend_20": questions.recommend(bundle)},
    )
    for name, messages in kinds.items():
        rate = rates[name] = saturation(client, messages, seconds=asked.seconds)
        show(f"{name}_saturation_per_second", rate)
        before = server.worked()
        quiet = at_rate(client, rate / 2, messages, asked.requests)
        show_load(f"{name}_poisson", quiet)
        show(f"{name}_cpu_ms_a_request", (server.worked() - before) / (1.1 * asked.requests) * 1e3)
        steady = client.load(even(rate / 2, asked.requests), messages)
        show_load(f"{name}_even", steady)
        empty = at_rate(client, rate / 2, questions.EMPTY, asked.requests)
        show_load(f"empty_at_{name}_rate", empty)
        if name == "rank_200":
            for how, load in (("poisson", quiet), ("even", steady)):
                for trees, base in primitives.items():
                    ratio = load.quantile(0.5) / (base + empty.quantile(0.5))
                    show(f"rank_200_{how}_p50_over_primitives_{trees}", ratio)
        if asked.overload:
            usual = float(np.quantile(quiet.latency, 0.99))
            over = overload(server, messages, rate=rate, factor=5, seconds=asked.overload, usual=usual)
            show_load(f"{name}_overload", over.load)
            show(f"{name}_overload_p99_over_normal", over.load.quantile(0.99) / quiet.quantile(0.99))
            show(f"{name}_overload_recovery_seconds", over.recovered)
            show(f"{name}_overload_memory_mib", over.memory)
            settled(client, messages)
    show("others_on_this_machine", os.getloadavg()[0])
    for number, (rss, pss) in enumerate(server.memory().values()):
        print(f"{f'process_{number}_mib':40s} {rss:10.1f} resident {pss:10.1f} proportional")
    return rates


def beside(server: Server, bundle, asked: argparse.Namespace, rates: dict[str, float]) -> None:
    """What Ray Serve's proxy adds: the same requests at half of uvicorn's saturation, and its empty request."""
    client = Client(server.port)
    settled(client, questions.rank(bundle))
    kinds = {"empty": questions.EMPTY, "rank_200": questions.rank(bundle), "recommend_20": questions.recommend(bundle)}
    for name, messages in kinds.items():
        before, rate = server.worked(), rates.get(name, min(rates.values())) / 2
        show_load(f"ray_{name}", at_rate(client, rate, messages, asked.requests))
        show(f"ray_{name}_cpu_ms_a_request", (server.worked() - before) / (1.1 * asked.requests) * 1e3)
    rss, pss = (sum(column) for column in zip(*server.memory().values(), strict=True))
    print(f"{'ray_all_processes_mib':40s} {rss:10.1f} resident {pss:10.1f} proportional")


def at_rate(client: Client, rate: float, messages: list[bytes], n: int) -> Load:
    """Latency at a rate, after a tenth as many to warm up."""
    client.load(poisson(rate, max(1, n // 10), seed=1), messages)
    return client.load(poisson(rate, n, seed=2), messages)


def show(name: str, value: float) -> None:
    print(f"{name:40s} {value:10.3f}", flush=True)


def show_load(name: str, load: Load) -> None:
    for word, q in QUANTILES.items():
        show(f"{name}_{word}", load.quantile(q))
    print(
        f"{f'{name}_status':40s} {shares(load)}; the client late by {np.quantile(load.late, 0.99) * 1e3:.2f} ms at p99"
    )


if __name__ == "__main__":
    main()
