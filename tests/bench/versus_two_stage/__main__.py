"""Lists in bulk beside RecTools' two-stage model.

    python -m tests.bench.versus_two_stage --run RUN --python VENV/bin/python

Both make and write lists of the same users from the same log (the run's, whole), fitted before, one thread each. Theirs
is as its documentation builds it (theirs.py, which says what goes into VENV, too), ours is the run's released bundle.
One JSON object: users a second of each, of CPU time, the median of the repeats, and how many times as many ours makes.
Asking for more users than the log has asks for all it has.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from pipelines.river import THREAD_VARIABLES
from pipelines.run_directory import RunDirectory
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.errors import RecsysError, UsageError

ROOT = Path(__file__).parents[3]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a finished run directory")
    parser.add_argument("--python", type=Path, required=True, help="of the environment with RecTools")
    parser.add_argument("--users", type=int, default=10_000, help="how many at most")
    parser.add_argument("--k", type=int, default=20, help="items a list")
    parser.add_argument(
        "--candidates", type=int, default=30, help="of each of their two generators; 30 in their tutorial"
    )
    parser.add_argument("--reranker", choices=("catboost", "lightgbm"), default="lightgbm")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    try:
        print(json.dumps(compared(given), indent=1))
    except RecsysError as error:
        print(f"versus_two_stage: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def compared(given: argparse.Namespace) -> dict[str, object]:
    """Both, one after the other."""
    if not given.python.exists():
        raise UsageError(f"Expected --python as the interpreter of an environment, found no {given.python}; check it.")
    opened = RunDirectory.open(given.run)
    catalog, log = Catalog.load(opened.read("catalog")), Interactions.load(opened.read("interactions"))
    new = opened.settings.task.target == "new"
    with tempfile.TemporaryDirectory() as folder:
        events, users = Path(folder) / "events.parquet", Path(folder) / "users.txt"
        taken(catalog, log).write_parquet(events)
        ids = drawn(pl.read_parquet(events), given.users)
        users.write_text("\n".join(ids))
        both = {"users": users, "k": given.k, "repeats": given.repeats}
        how = {"candidates": given.candidates, "reranker": given.reranker}
        bundle = given.run / "bundles" / "current"
        ours = _asked(sys.executable, "ours", {"bundle": bundle, **both})
        theirs = _asked(given.python, "theirs", {"events": events, **both, **how}, *(["--new"] if new else []))
    return told(ours, theirs, n=len(ids)) | {"k": given.k, "their candidates": 2 * given.candidates} | how


def taken(catalog: Catalog, log: Interactions) -> pl.DataFrame:
    """What users took, as RecTools reads it: user_id, item_id, datetime, weight 1."""
    events = log.positives().events
    return pl.DataFrame(
        {
            "user_id": log.users.decode(events["user_idx"]),
            "item_id": catalog.vocabulary.decode(events["item_idx"]),
            "datetime": events["at"].cast(pl.Datetime("us")),
            "weight": np.ones(len(events)),
        }
    )


def drawn(events: pl.DataFrame, n: int) -> list[str]:
    """At most n users who took something, sorted."""
    known = events["user_id"].unique().sort()
    rows = np.random.default_rng(0).choice(len(known), min(n, len(known)), replace=False)
    return known.gather(np.sort(rows)).to_list()


def told(ours: dict[str, object], theirs: dict[str, object], *, n: int) -> dict[str, object]:
    """The figures.

    Raises:
        RecsysError: one of them has not made a list for each user.
    """
    for name, made in (("ours", ours), ("theirs", theirs)):
        if made["users"] != n:
            raise RecsysError(f"Expected lists of {n} users of {name}, got {made['users']}; they cannot be compared.")
    speed = {name: n / median(made["seconds"]) for name, made in (("ours", ours), ("theirs", theirs))}
    return {
        "users": n,
        "ours users/s": round(speed["ours"], 1),
        "theirs users/s": round(speed["theirs"], 1),
        "ours / theirs": round(speed["ours"] / speed["theirs"], 2),
        "ours rows": ours["rows"],
        "theirs rows": theirs["rows"],
    }


def _asked(python: Path | str, module: str, options: dict[str, object], *flags: str) -> dict[str, object]:
    """What a process says, one thread."""
    command = [str(python), "-m", f"tests.bench.versus_two_stage.{module}", *flags]
    command += [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict.fromkeys(THREAD_VARIABLES, "1")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RecsysError(f"{module}: its process ended with exit code {done.returncode}.")
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
