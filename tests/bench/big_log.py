"""A policy log of any length as serving writes it, and two policies beside it as files of scores.

The shop asks for 10 of 20 candidates. Each candidate has a taste, even in [0, 1); the ranker that was served knows it
but for noise, and its Plackett-Luce draws at temperature 0.55 filled the lists. A click comes as by a position-based
model: P(click) = LOOKED at the place · (LEAST + MORE · taste), whatever else is there.

`near` has other scores for 1 item in 20; of whole lists the log knows enough of it (effective sample size: 3 in 4
answers). `far` knows nothing of that ranker, nor of tastes: of whole lists the log knows too little (1 in 200 of a
million answers), and enough (1 in 16) where a place is weighed by itself and those above it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.policy_log import ANSWERS, CANDIDATES, EVENTS
from recsys.schema import DAY, SECOND, UTC_US

K, CANDIDATES_EACH, ITEMS, USERS = 10, 20, 10_000, 150_000
TEMPERATURE = 0.55
LOOKED = 1 / np.sqrt(np.arange(1, K + 1))
LEAST, MORE = 0.02, 0.3
NOISE, CHANGED = 0.3, 0.05
START, SPAN = 1_790_000_000 * SECOND, 30 * DAY
CHUNK = 50_000
"""Requests made at a time, and of a file."""

POLICIES = ("near", "far")
ARMS = ("even", "odd")
"""Of users by their number; both are answered alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """n requests.

    Attributes:
        request_id: str (n,).
        at: int64 (n,), rising.
        user: int64 (n,), few ask often.
        item: int64 (n, CANDIDATES_EACH), distinct in a row, by falling score.
        taste: float64 of each.
        score, near, far: float32 of each, of the ranker that was served and of two others.
        drawn: int64 (n, K), the list: columns of `item`.
        propensity: float64 (n, K).
        clicked: bool (n, K).
    """

    request_id: pl.Series
    at: np.ndarray
    user: np.ndarray
    item: np.ndarray
    taste: np.ndarray
    score: np.ndarray
    near: np.ndarray
    far: np.ndarray
    drawn: np.ndarray
    propensity: np.ndarray
    clicked: np.ndarray


def parts(requests: int) -> Iterator[Part]:
    """So many requests over SPAN from START on; the same number gives the same ones."""
    for start in range(0, requests, CHUNK):
        yield _part(start, min(CHUNK, requests - start), SPAN // requests)


def write(folder: Path, requests: int) -> dict[str, Path]:
    """The log in folder/log, chunk by chunk; gives the file of each of POLICIES."""
    tables = ("answers", "candidates", "events")
    for name in (*(f"log/{table}" for table in tables), *POLICIES):
        (folder / name).mkdir(parents=True)
    for number, part in enumerate(parts(requests)):
        for table, made in zip(tables, (_answers(part), _candidates(part), _events(part)), strict=True):
            made.write_parquet(folder / "log" / table / f"{number:05d}.parquet")
        for name in POLICIES:
            scored = _lists(part, getattr(part, name)).drop("at", "user_id")
            scored.write_parquet(folder / name / f"{number:05d}.parquet")
    for name in POLICIES:
        pl.scan_parquet(folder / name / "*.parquet").sink_parquet(folder / f"{name}.parquet")
        for file in (folder / name).iterdir():
            file.unlink()
        (folder / name).rmdir()
    return {name: folder / f"{name}.parquet" for name in POLICIES}


def relevance(score: np.ndarray) -> np.ndarray:
    """float64 (n, c): 1 for the best of a row and 0 for its last, as `selection.relevance` has it, to any depth."""
    score = score.astype(np.float64)
    best, last = score.max(axis=1, keepdims=True), score.min(axis=1, keepdims=True)
    return (score - last) / (best - last)


def _part(start: int, n: int, step: int) -> Part:
    rng = np.random.default_rng([7, start])
    steps = rng.integers(1, ITEMS // CANDIDATES_EACH, (n, CANDIDATES_EACH))
    item = (rng.integers(0, ITEMS, (n, 1)) + np.cumsum(steps, axis=1)) % ITEMS
    taste = rng.random(item.shape)
    score = (taste + NOISE * rng.standard_normal(item.shape)).astype(np.float32)
    order = np.argsort(-score, axis=1, kind="stable")
    item, taste, score = (np.take_along_axis(each, order, axis=1) for each in (item, taste, score))
    other = rng.random(item.shape).astype(np.float32)
    value = relevance(score) / TEMPERATURE
    drawn = np.argsort(-(value + rng.gumbel(size=item.shape)), axis=1, kind="stable")
    shown = drawn[:, :K]
    looked = LOOKED * (LEAST + MORE * np.take_along_axis(taste, shown, axis=1))
    names = rng.integers(0, 2**63, (n, 2))
    return Part(
        request_id=pl.Series([f"{high:016x}{low:016x}" for high, low in names.tolist()]),
        at=START + (start + np.arange(n)) * step,
        user=(rng.random(n) ** 2 * USERS).astype(np.int64),
        item=item,
        taste=taste,
        score=score,
        near=np.where(rng.random(item.shape) < CHANGED, rng.random(item.shape), score).astype(np.float32),
        far=other,
        drawn=shown,
        propensity=_propensity(np.take_along_axis(value, drawn, axis=1)),
        clicked=rng.random(shown.shape) < looked,
    )


def _propensity(logit: np.ndarray) -> np.ndarray:
    """float64 (n, K): of each place among it and all that came after it, (n, CANDIDATES_EACH) in the order drawn."""
    left = np.logaddexp.accumulate(logit[:, ::-1], axis=1)[:, ::-1]
    return np.exp(logit - left)[:, :K]


def _names(letter: str, numbers: np.ndarray) -> pl.Series:
    return pl.select(pl.lit(letter) + pl.Series(numbers.ravel()).cast(pl.String).str.zfill(6)).to_series()


def _heads(part: Part) -> pl.DataFrame:
    at = pl.Series(part.at).cast(UTC_US)
    return pl.DataFrame({"request_id": part.request_id, "at": at, "user_id": _names("u", part.user)})


def _answers(part: Part) -> pl.DataFrame:
    n = len(part.at)
    heads = _heads(part).with_columns(arm=pl.Series(ARMS)[part.user % 2])
    rows = heads[np.repeat(np.arange(n), K)].with_columns(
        bundle=pl.lit("b" * 64),
        policy=pl.lit("plackett_luce"),
        params=pl.lit(f'{{"temperature":{TEMPERATURE}}}'),
        seed=pl.lit(0),
        item_id=_names("i", np.take_along_axis(part.item, part.drawn, axis=1)),
        position=pl.Series(np.tile(np.arange(1, K + 1), n)),
        propensity=pl.Series(part.propensity.ravel()),
        score=pl.Series(np.take_along_axis(part.score, part.drawn, axis=1).ravel()),
        degraded=pl.lit([], dtype=pl.List(pl.String)),
        request=pl.lit(f'{{"kind":"recommend","k":{K}}}'),
        first=pl.lit(None),
    )
    return rows.cast(dict(ANSWERS))  # type: ignore[arg-type]


def _candidates(part: Part) -> pl.DataFrame:
    return _lists(part, part.score)


def _lists(part: Part, scores: np.ndarray) -> pl.DataFrame:
    """As CANDIDATES; the order is that of the ranker that was served."""
    ids = _names("i", part.item).reshape(part.item.shape).arr.to_list()
    scored = pl.Series(scores.astype(np.float64)).arr.to_list()
    return _heads(part).with_columns(item_ids=ids, scores=scored).cast(dict(CANDIDATES))  # type: ignore[arg-type]


def _events(part: Part) -> pl.DataFrame:
    """Clicks, some seconds after the answer, place by place."""
    request, place = np.nonzero(part.clicked)
    at = pl.Series(part.at[request] + (place + 1) * SECOND).cast(UTC_US)
    rows = _heads(part)[request].with_columns(
        event_id=pl.col("request_id") + pl.Series(place).cast(pl.String),
        item_id=_names("i", part.item[request, part.drawn[request, place]]),
        event=pl.lit("click"),
        timestamp=at,
        value=pl.lit(None, pl.Float64),
        posted=at,
    )
    return rows.select(*EVENTS).cast(dict(EVENTS))  # type: ignore[arg-type]
