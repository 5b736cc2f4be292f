"""Nights by the command line, beside a service that runs on: python -m tests.bench.nights --work DIR.

A made-up shop of 210 users and 60 items whose first hundred days stand in its tables; what comes later is posted and
put over HTTP. A line for each command: seconds by the clock and of CPU, exit code, and the bundle that answers
afterwards. It ends with an error where a command does not do what `recsys cycle` is to do.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.lock import LOCK, LockedError, held
from recsys.data.synthetic import START, World, make_world
from recsys.schema import DAY, moment
from tests.tiny import ASKING, write_base

SETTINGS = {
    "encoder.max_tokens": 16,
    "finetune.head_steps": 10,
    "finetune.max_steps": 10,
    "finetune.continual.steps": 5,
    "finetune.evaluate_every": 5,
    "finetune.users_per_step": 32,
    "finetune.threads": 1,
    "distill.layers": 2,
    "distill.max_steps": 40,
    "distill.threads": 1,
    "ranking.trees.trees": 30,
    "ranking.trees.leaves": 7,
    "ranking.trees.min_rows": 10,
    "ablation.rankers": "[]",
    "evaluation.samples": 200,
    "gate.student_share": 0.5,
    "gate.pipeline_share": 0.5,
    "gate.published_share": 0.8,
    "gate.segment_share": 0.1,
    "gate.not_below": '""',
    "gate.costlier": 100,
    "gate.slower": 100,
    "gate.slower_p99": 1000,
    "gate.repeats": 20,
    "threads": 1,
}
"""A toy encoder, little training, and a gate that minds quality alone: a few dozen users tell no better."""

SPOILT = "rules.pins=[" + ", ".join(f'{{item_id="i{n:05d}", rank={n + 1}}}' for n in range(10)) + "]"
"""The same ten items on top of every list: no gate should let that pass."""

WAIT = 600
"""Seconds, at most, for an answer of the service: what else runs on the machine decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """One shop, its nights, and where its service listens.

    Attributes:
        folder: of everything.
        world: its users, items and events.
        port: of the service, on loopback.
    """

    folder: Path
    world: World
    port: int

    @classmethod
    def written(cls, folder: Path, *, port: int) -> "Shop":
        """Tables of the first hundred days, and a random BERT."""
        world = make_world(n_users=210, n_items=60, seed=1)
        for name in ("shop", "base"):
            (folder / name).mkdir(parents=True)
        early = world.events.filter(pl.col("timestamp") < moment(START + 100 * DAY))
        replace(world, events=early).write(folder / "shop")
        write_base(folder / "base", more=ASKING)
        return cls(folder=folder, world=world, port=port)

    @property
    def nights(self) -> Path:
        """What `recsys cycle` is given."""
        return self.folder / "nights"

    def begun(self, *changes: str) -> subprocess.Popen[str]:
        """A night that has begun; what it tells goes to log.txt."""
        given = [*(f"{name}={value}" for name, value in (SETTINGS | self._base()).items()), *changes]
        sets = [word for assignment in given for word in ("--set", assignment)]
        words = ["cycle", "--cycle", str(self.nights), "--data", str(self.folder / "shop"), "--keep", "2", *sets]
        with (self.folder / "log.txt").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pipelines", *words], stdout=subprocess.PIPE, stderr=log, text=True
            )

    def _base(self) -> dict[str, object]:
        return {"encoder.base": str(self.folder / "base")}

    def night(self, what: str, *changes: str, code: int, status: str = "") -> None:
        """A night by the command line, told in a line; stops where it ends otherwise than it should."""
        start, process = time.monotonic(), self.begun(*changes)
        assert process.stdout is not None
        told = process.stdout.read().split("\t")[0]
        _, ended, usage = os.wait4(process.pid, 0)
        found, cpu = os.waitstatus_to_exitcode(ended), usage.ru_utime + usage.ru_stime
        print(f"{what}: {time.monotonic() - start:.1f} s, CPU {cpu:.1f} s, exit {found} {told}", flush=True)
        last = (self.folder / "log.txt").read_text().strip().rsplit("\n", 1)[-1]
        if found:
            print(f"  {last}", flush=True)
        if (found, told) != (code, status):
            raise SystemExit(f"Expected exit {code} {status!r}, see {self.folder / 'log.txt'}.")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """What the service says."""
        data = None if body is None else json.dumps(body).encode()
        url, head = f"http://127.0.0.1:{self.port}{path}", {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, data, head, method=method), timeout=WAIT) as answer:
            return json.loads(answer.read() or b"null")

    @contextmanager
    def served(self) -> Iterator[None]:
        """The service, as long as the block lasts."""
        words = ["serve", "--bundles", str(self.nights / "bundles"), "--port", str(self.port)]
        words += ["--set", "log.rotate_seconds=1"]  # a night reads what has become Parquet
        with (self.folder / "serve.txt").open("a") as log:
            process = subprocess.Popen([sys.executable, "-m", "pipelines", *words], stderr=log)
        try:
            _until(self._is_ready)
            yield
        finally:
            process.terminate()
            process.wait()

    def _is_ready(self) -> bool:
        try:
            self.ask("GET", "/health/ready")
        except OSError:
            return False
        return True

    def bundle(self) -> str:
        """The bundle that answers a known user with a whole list."""
        answer = self.ask("POST", "/v1/recommend", {"user_id": self.world.events["user_id"][0], "k": 5})
        if len(answer["items"]) != 5 or answer["degraded"]:
            raise SystemExit(f"Expected five items, got {answer}.")
        return str(answer["bundle"])

    def kept(self, before: str) -> None:
        """Told in a line: the service answers from the bundle of before."""
        if self.bundle() != before:
            raise SystemExit(f"Expected answers of bundle {before[:12]}…, got another's.")
        print(f"  the service answers from {before[:12]}… as before", flush=True)

    def moved(self, before: str) -> str:
        """Told in a line: the service answers from another bundle by now."""
        _until(lambda: self.bundle() != before)
        print(f"  the service answers from {self.bundle()[:12]}…, no longer {before[:12]}…", flush=True)
        return self.bundle()

    def post(self, first: int, last: int, *, broken: int = 0) -> None:
        """The world's events of some days, some of them of an item that nobody has."""
        days = pl.col("timestamp").is_between(moment(START + first * DAY), moment(START + last * DAY), closed="left")
        rows = self.world.events.filter(days).select("user_id", "item_id", "event", "timestamp").rows(named=True)
        events = [
            {**row, "event_id": f"{first}-{n}", "timestamp": row["timestamp"].isoformat()} for n, row in enumerate(rows)
        ]
        events = [{**event, "item_id": "nobody's"} for event in events[:broken]] + events[broken:]
        for at in range(0, len(events), 100):
            self.ask("POST", "/v1/events", {"events": events[at : at + 100]})
        time.sleep(3)  # the log is written by then
        print(f"  {len(events)} events posted, {min(broken, len(events))} of an unknown item", flush=True)


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"Expected it within {WAIT} s.")
        time.sleep(0.5)


def _is_free(directory: Path) -> bool:
    try:
        with held(directory):
            return True
    except LockedError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument("--port", type=int, default=8765)
    given = parser.parse_args()
    shop = Shop.written(given.work, port=given.port)
    shop.night("the first night", code=0, status="published")
    shop.night("again, nothing new", code=0, status="unchanged")
    with shop.served():
        play(shop)


def play(shop: Shop) -> None:
    """What comes in meanwhile, and what the nights make of it."""
    bundle = shop.bundle()
    shop.post(100, 104)
    shop.ask("PUT", "/v1/items/put", {"title": "red drum"})
    shop.night("new events, and an item over HTTP", code=0, status="published")
    bundle = shop.moved(bundle)
    shop.night("again, nothing new", code=0, status="unchanged")
    shop.post(104, 107, broken=9)
    shop.night("new events, 9 of an unknown item", code=0, status="published")
    bundle = shop.moved(bundle)
    shop.post(107, 110)
    shop.night("new events, and the same ten items pinned for all", SPOILT, code=3)
    shop.kept(bundle)
    shop.night("the same night as it should be", code=0, status="published")
    bundle = shop.moved(bundle)
    shop.post(110, 112, broken=10**6)
    shop.night("new events, all of an unknown item", code=1)
    shop.kept(bundle)
    shop.post(112, 118)
    first = shop.begun("quality.max_reject_fraction=1")
    _until(lambda: bool((shop.nights / LOCK).read_text()))
    shop.night("a second one meanwhile", code=1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    _until(lambda: _is_free(shop.nights))  # its stage is at work until it has ended
    shop.night("another after a SIGKILL of the first", "quality.max_reject_fraction=1", code=0, status="published")
    shop.moved(bundle)


if __name__ == "__main__":
    main()
