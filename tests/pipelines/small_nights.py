"""Nights of a small shop with a toy encoder: what orders them, who makes them, and what comes in meanwhile."""

import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from pipelines.cycle import Hands, Order
from pipelines.river import make
from pipelines.smoke import smoke
from recsys import settings
from recsys.data.catalog import Catalog
from recsys.data.policy_log import ANSWERS, EVENTS
from recsys.data.synthetic import START, make_world
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.onnx import OnnxEncoder
from recsys.schema import DAY, moment
from tests.pipelines.small_run import LENIENT, write_student, write_teacher

NOW = START + 200 * DAY
WORLD = make_world(n_users=60, n_items=48)


def ordered(tmp_path):
    """An order for a shop that has told its first hundred days; the other twenty come by the log."""
    early = WORLD.events.filter(pl.col("timestamp") < moment(START + 100 * DAY))
    replace(WORLD, events=early).write(tmp_path / "shop")
    chosen = settings.validate(
        {
            "ranking": {"trees": {"trees": 20, "leaves": 7, "min_rows": 10}},
            "ablation": {"rankers": []},
            "evaluation": {"samples": 200},
            "gate": LENIENT,
            "threads": 1,
        }
    )
    return Order(
        directory=tmp_path / "cycle", data=str(tmp_path / "shop"), log=None, state=None, settings=chosen, keep=2, k=5
    )


class Worker:
    """Makes stages in this process; teacher and student are the toy encoder, whatever was learnt."""

    def __init__(self, encoder: Path) -> None:
        self.encoder, self.made, self.spoil, self.model = encoder, [], None, None

    def go(self, run, stages, lock):
        for stage in stages:
            if run.is_made(stage):
                continue
            self.made.append(stage.name)
            if self.spoil == stage.name:
                raise KeyboardInterrupt
            if stage.name in ("finetune", "distill"):
                self._encoder(run, stage)
            else:
                make(run, stage.name)

    def _encoder(self, run, stage):
        vectors = ItemVectors.of(Catalog.load(run / "catalog"), OnnxEncoder.load(self.encoder))
        with run.make(stage) as out:
            if stage.name == "finetune":
                write_teacher(out["teacher"], vectors, DAY)
            else:
                write_student(out["student"], self.encoder, DAY, model=self.model)


def hands_of(worker):
    return Hands(go=worker.go, smoke=smoke, clock=lambda: NOW)


def post(asked, first, last, **broken):
    """The world's events of some days, as they were posted to the service; a file of the log for each such call."""
    log = asked.directory / "serving" / "log"
    for table in ("answers", "events"):
        (log / table).mkdir(parents=True, exist_ok=True)
    days = pl.col("timestamp").is_between(moment(START + first * DAY), moment(START + last * DAY), closed="left")
    rows = WORLD.events.filter(days).with_row_index("n")
    told = rows.select(
        "n",
        pl.format("e{}-{}", pl.lit(first), "n").alias("event_id"),
        *(name for name in ("user_id", "item_id", "event", "timestamp", "value")),
        pl.lit(None, pl.String).alias("request_id"),
        pl.col("timestamp").alias("posted"),
    ).with_columns(**broken)
    told.select(*EVENTS).write_parquet(log / "events" / f"{first}.parquet")
    pl.DataFrame(schema=ANSWERS).write_parquet(log / "answers" / "none.parquet")
    return told.height


def current(asked):
    return (asked.directory / "bundles" / "current").resolve().name


def read_texts(capfd):
    """(texts encoded, items) of each embedding that was told since."""
    return re.findall(r"(\d+) texts encoded for (\d+) items", capfd.readouterr().err)


def bundles(asked):
    return {path.name for path in (asked.directory / "bundles").iterdir()} - {"current"}
