"""A made-up shop of any size: events a user and a year stay the same, so that only the number of users grows."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.synthetic import START, WORDS
from recsys.schema import DAY, UTC_US

EVENTS_A_USER, DAYS, TASTES = 40, 365, 6

SHORT = (
    "finetune.head_steps=2",
    "finetune.max_steps=2",
    "finetune.evaluate_every=2",
    "distill.max_steps=2",
    "encoder.max_tokens=16",
    "threads=1",
    "finetune.threads=1",
    "distill.threads=1",
)
"""Settings: a step has the memory of many."""


def written(folder: Path, *, events: int, items: int) -> tuple[str, list[str]]:
    """The directory of a shop in the plain form, and the settings by which a random encoder reads it."""
    shop, base = folder / "data", folder / "base"
    if not (shop / "events.parquet").exists():
        shop.mkdir(parents=True, exist_ok=True)
        _items(items).write_parquet(shop / "items.parquet")
        _events(events, items).write_parquet(shop / "events.parquet")
    if not base.exists():
        code = "import sys; from pathlib import Path; from tests.tiny import write_base; write_base(Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(base)], check=True, stderr=subprocess.DEVNULL)
    return str(shop), [f"encoder.base={base}", *SHORT]


def _items(n: int) -> pl.DataFrame:
    """An item of taste i mod TASTES, with a title of its words."""
    rng, words = np.random.default_rng(0), list(WORDS.values())
    titles = [f"{' '.join(rng.choice(words[i % TASTES], 4))} {i}" for i in range(n)]
    return pl.DataFrame({"item_id": _names("i", np.arange(n)), "title": titles})


def _events(n: int, n_items: int) -> pl.DataFrame:
    """Three quarters clicks; users of one taste, mostly; few items are taken most."""
    rng, n_users = np.random.default_rng(1), max(2, n // EVENTS_A_USER)
    user = (rng.random(n) ** 1.5 * n_users).astype(np.int64)
    taste = np.where(rng.random(n) < 0.8, user % TASTES, rng.integers(0, TASTES, n))
    item = (rng.random(n) ** 2 * (n_items // TASTES)).astype(np.int64) * TASTES + taste
    bought = rng.random(n) < 0.25
    return pl.DataFrame(
        {
            "user_id": _names("u", user),
            "item_id": _names("i", item),
            "event": pl.select(
                pl.when(pl.Series(bought)).then(pl.lit("purchase")).otherwise(pl.lit("click"))
            ).to_series(),
            "timestamp": pl.Series(np.sort(START + rng.integers(0, DAYS * DAY, n))).cast(UTC_US),
            "value": np.where(bought, rng.lognormal(2.0, 0.6, n), np.nan),
        }
    )


def _names(letter: str, numbers: np.ndarray) -> pl.Series:
    return pl.select(pl.lit(letter) + pl.Series(numbers).cast(pl.String).str.zfill(7)).to_series()
