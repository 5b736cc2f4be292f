"""Ours against sentence-transformers' trainer: python -m tests.bench.versus_sentence_transformers --data DIR …

Same base, same texts, same events that teach, same validation users, same threads; the runs alternate. Printed: the
best recall@20 theirs reaches within its budget, when; when ours is there; the ratio of the two times. Theirs is given
the best of several batch sizes and learning rates, each tried on a short budget first, unless they are named.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LINE = "{:6s} {:>24s} {:>7s} {:>11s} {:>11s} {:>7s} {:>10s}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a log in the plain form")
    parser.add_argument(
        "--work", type=Path, required=True, help="pairs and curves; finished runs there are not repeated"
    )
    parser.add_argument("--python", type=Path, required=True, help="of the environment with sentence-transformers")
    parser.add_argument("--budget", type=float, default=1200, help="seconds of training for theirs")
    parser.add_argument("--looks", type=int, default=12, help="evaluations of theirs, evenly spread over the budget")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--rates", type=float, nargs="+", default=[2e-5, 5e-5, 1e-4])
    parser.add_argument("--trial", type=float, default=120, help="seconds a batch size or rate is tried for")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    base = prepared(arguments)
    batch, rate = chosen(arguments, base)
    print(f"theirs: batch {batch}, learning rate {rate:g}, {arguments.budget:.0f} s; {arguments.threads} threads")
    print(LINE.format("round", "theirs: best recall@20", "at s", "ours: best", "there at s", "ratio", "of budget"))
    for number in range(arguments.rounds):
        theirs = their_curve(arguments, base, batch, rate, seconds=arguments.budget, seed=number, looks=arguments.looks)
        print(row(str(number), theirs, our_curve(arguments, base, seed=number)), flush=True)


def prepared(arguments: argparse.Namespace) -> Path:
    """The base encoder's folder; the pairs and curves of one corpus lie in a folder of its own."""
    from recsys.data.download import default_cache
    from recsys.data.sources import base_encoder
    from tests.bench.versus_sentence_transformers import pairs

    base, corpus = base_encoder(default_cache()), pairs.corpus_of(arguments.data)
    arguments.work = arguments.work / corpus.digest[:12]
    if not (arguments.work / "users.parquet").exists():
        arguments.work.mkdir(parents=True, exist_ok=True)
        n = pairs.write(corpus, base, arguments.work)
        print(f"{n} pairs, {len(corpus.texts)} texts", file=sys.stderr)
    return base


def chosen(arguments: argparse.Namespace, base: Path) -> tuple[int, float]:
    """Their best batch size at the middle rate, then their best rate at that size, by recall on short budgets."""
    rates, batches = sorted(arguments.rates), arguments.batches
    middle = rates[len(rates) // 2]
    tried: dict[tuple[int, float], float] = {}

    def best(options: list[tuple[int, float]]) -> tuple[int, float]:
        for option in options if len(options) > 1 else []:
            curve = their_curve(arguments, base, *option, seconds=arguments.trial, seed=0, looks=2)
            tried[option] = max(point["recall"] for point in curve[1:])  # the first is of the untrained model
            print(f"  tried batch {option[0]}, rate {option[1]:g}: recall@20 {tried[option]:.4f}", file=sys.stderr)
        return max(options, key=lambda option: tried.get(option, 0.0))

    batch, _ = best([(batch, middle) for batch in batches])
    return best([(batch, rate) for rate in rates])


def their_curve(
    arguments: argparse.Namespace, base: Path, batch: int, rate: float, *, seconds: float, seed: int, looks: int
) -> list[dict]:
    out = arguments.work / f"theirs-{batch}-{rate:g}-{seconds:.0f}s-{arguments.threads}t-{seed}.json"
    options = {"pairs": arguments.work, "base": base, "budget": seconds, "batch": batch, "rate": rate, "looks": looks}
    common = {"threads": arguments.threads, "seed": seed}
    return curve(out, [arguments.python.absolute(), HERE / "theirs.py"], options | common)


def our_curve(arguments: argparse.Namespace, base: Path, *, seed: int) -> list[dict]:
    out = arguments.work / f"ours-{arguments.threads}t-{seed}.json"
    options = {"data": arguments.data, "base": base, "threads": arguments.threads, "seed": seed}
    return curve(out, [sys.executable, "-m", "tests.bench.versus_sentence_transformers.ours"], options)


def curve(out: Path, command: list, options: dict) -> list[dict]:
    """What a process of its own leaves in `out`, or has left before."""
    if not out.exists():
        named = itertools.chain.from_iterable((f"--{name}", value) for name, value in (options | {"out": out}).items())
        subprocess.run([str(part) for part in (*command, *named)], check=True, stdout=sys.stderr)
    return json.loads(out.read_text())


def row(name: str, theirs: list[dict], ours: list[dict]) -> str:
    """One round's line; "never" where ours does not get there."""
    best = max(theirs, key=lambda point: point["recall"])  # the first of equals
    there = next((point["seconds"] for point in ours if point["recall"] >= best["recall"]), None)
    budget = theirs[-1]["seconds"]
    highest = f"{max(point['recall'] for point in ours):.4f}"
    reached = ("never", "", "")
    if there is not None:
        ratio = f"{there / best['seconds']:.3f}" if best["seconds"] else "untrained"
        reached = (f"{there:.0f}", ratio, f"{there / budget:.3f}")
    return LINE.format(name, f"{best['recall']:.4f}", f"{best['seconds']:.0f}", highest, *reached)


if __name__ == "__main__":
    main()
