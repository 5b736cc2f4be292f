"""One peer on one window: many settings in, lists out, in a process of its own.

Nothing of this project is imported here. For each settings a file with its lists and one with what they took are left;
what is there already is not made again, but what failed is tried again.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.bench.versus_peers.window import Window

Settings = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a fit may use.

    Attributes:
        minutes: of one fit, for those that can stop early; they say so when they did.
        threads: of every library.
        seed: of everything drawn.
        say: progress, a line.
    """

    minutes: float
    threads: int
    seed: int
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a peer recommends.

    Attributes:
        lists: int32 (n, k) of the window's rows, -1 where there is nothing.
        found: settings found on the way, to be kept when it is fitted again, such as the best number of epochs.
        note: what a reader should know, such as that the clock stopped the fit.
    """

    lists: np.ndarray
    found: Settings = field(default_factory=dict)
    note: str = ""


Peer = Callable[[Window, Settings, Limits], Answer]


def main(peers: Mapping[str, Peer]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=peers, required=True)
    parser.add_argument("--window", type=Path, required=True, help="what Window.save left")
    parser.add_argument("--settings", type=Path, required=True, help="JSON: name of a trial → its settings, in order")
    parser.add_argument("--out", type=Path, required=True, help="an existing folder")
    parser.add_argument("--minutes", type=float, required=True, help="of one fit")
    parser.add_argument("--search-minutes", type=float, required=True, help="of all: no fit starts after them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    trials = json.loads(arguments.settings.read_text())
    window, spent = Window.load(arguments.window), 0.0
    for number, (name, settings) in enumerate(trials.items(), 1):
        label = f"  {arguments.peer} {number}/{len(trials)}"
        done = arguments.out / f"{name}.json"
        if not _left(done) and spent < 60 * arguments.search_minutes:
            say = _teller(f"{label}: ")
            say(json.dumps(settings))
            limits = Limits(minutes=arguments.minutes, threads=arguments.threads, seed=arguments.seed, say=say)
            _try(peers[arguments.peer], window, settings, limits, done)
        if done.exists():
            spent += json.loads(done.read_text())["seconds"]


def _left(done: Path) -> bool:
    return done.exists() and not json.loads(done.read_text())["failed"]


def _try(peer: Peer, window: Window, settings: Settings, limits: Limits, done: Path) -> None:
    """Leave the lists and what they took, or why there are none; the latter file last."""
    start = time.perf_counter()
    try:
        answer = peer(window, settings, limits)
        _check(answer.lists, window)
        np.save(done.with_suffix(".npy"), answer.lists, allow_pickle=False)
        told = {"found": dict(answer.found), "note": answer.note, "failed": ""}
    except Exception as error:  # of a library; the other settings may do
        told = {"found": {}, "note": "", "failed": f"{type(error).__name__}: {error}"[:500]}
        limits.say(f"failed: {told['failed']}")
    seconds = time.perf_counter() - start
    temporary = done.with_suffix(".part")
    temporary.write_text(json.dumps({"settings": dict(settings), "seconds": seconds, **told}, indent=1))
    temporary.replace(done)


def _check(lists: np.ndarray, window: Window) -> None:
    if lists.shape != (len(window.asked), window.k):
        raise ValueError(f"expected lists of shape {(len(window.asked), window.k)}, got {lists.shape}")


def _teller(label: str) -> Callable[[str], None]:
    return lambda line: print(f"{label}{line}", file=sys.stderr, flush=True)
