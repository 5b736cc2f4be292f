"""Small logs and evaluations whose answers are known."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
import pytest

from recsys.data.interactions import COLUMNS, Interactions
from recsys.data.vocabulary import Vocabulary
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.forgetting import Change
from recsys.evaluation.metrics import Exposure
from recsys.evaluation.reliability import Bin, Reliability
from recsys.evaluation.results import Curve, DataCard, EncoderScore, Evaluation, Measured, Method, SourceRecall
from recsys.evaluation.truth import Truth
from recsys.ranking.config import TreesConfig
from recsys.ranking.examination import Examination
from recsys.ranking.trials import Trial, Trials
from recsys.schema import DAY, EVENT_CODES

Row: TypeAlias = tuple[int, int, int, float] | tuple[int, int, int, float, int]
MakeLog: TypeAlias = Callable[..., Interactions]
MakeTruth: TypeAlias = Callable[[Sequence[Sequence[int]]], Truth]


@pytest.fixture
def make_log() -> MakeLog:
    """(user_idx, item_idx, at, weight[, until]) rows → Interactions."""

    def make(rows: Sequence[Row], *, n_users: int, n_items: int) -> Interactions:
        full = [(*row, None)[:5] for row in rows]
        events = pl.DataFrame(
            {
                "user_idx": [r[0] for r in full],
                "item_idx": [r[1] for r in full],
                "event": [EVENT_CODES["purchase"]] * len(full),
                "at": [r[2] for r in full],
                "value": [None] * len(full),
                "weight": [r[3] for r in full],
                "until": [r[4] for r in full],
                "position": [None] * len(full),
            },
            schema=COLUMNS,
        )
        users = Vocabulary.ordered([f"u{i}" for i in range(n_users)])
        return Interactions(events=events.sort("at", "user_idx", "item_idx"), users=users, n_items=n_items)

    return make


@pytest.fixture
def make_truth() -> MakeTruth:
    """Lists of items, a user each → Truth; users are numbered from 0."""

    def make(rows: Sequence[Sequence[int]]) -> Truth:
        return Truth(
            user_idx=np.arange(len(rows), dtype=np.int32),
            indptr=np.cumsum([0, *map(len, rows)]).astype(np.int64),
            item_idx=np.array([i for row in rows for i in sorted(row)], np.int32),
        )

    return make


@pytest.fixture
def evaluation() -> Evaluation:
    """One of everything an evaluation can hold: ours .30, an ablation .29, two baselines .20 and .10."""
    return Evaluation(
        data=_card(),
        target="new",
        shown=("ndcg@10", "recall@20"),
        ours="recsys",
        methods={
            "popularity": _method("baseline", 0.10),
            "recsys": _method("ours", 0.30),
            "EASE": _method("baseline", 0.20),
            "recsys without text": _method("ablation", 0.29),
        },
        differences={
            "popularity": _ours_minus(0.20),
            "EASE": _ours_minus(0.10),
            "recsys without text": _ours_minus(0.01),
        },
        encoders=_encoders(),
        sources={
            "near": SourceRecall(recall=_at(0.4), candidates=60.0, lost=_off(0.03), only=7.25),
            "all sources": SourceRecall(recall=_at(0.6), candidates=312.5),
        },
        training={"loss": Curve(steps=(10, 20, 30), values=(5.0, 4.0, 3.5))},
        forgetting={"old": _change()},
        reliability={"student, test window": _reliability()},
        probability={"ranker, test window": _probability()},
        trials=_trials(),
        examination=Examination(eta=0.75, error=0.04, taken=4321, limit=8.0),
        importance={"text.interest": 0.6, "user.idle_days": 0.4},
        measured=Measured(encoder_ms={"student": 1.25}, stage_seconds={"finetune": 412.0}),
    )


def _at(mean: float) -> Estimate:
    return Estimate(mean=mean, low=mean - 0.01, high=mean + 0.01, n=500)


def _off(mean: float) -> Difference:
    return Difference(mean=mean, low=mean - 0.02, high=mean + 0.02, n=500, differing=500)


def _card() -> DataCard:
    return DataCard(
        name="toy shop",
        rows=1234,
        filtered={"cancelled": 56},
        rejects={"item_id is null": 7},
        users=600,
        items=50,
        events={"purchase": 1000, "click": 234},
        clock="real",
        first=0,
        encoder_end=80 * DAY,
        ranker_end=90 * DAY,
        end=100 * DAY,
    )


def _method(role: Literal["ours", "baseline", "ablation"], ndcg: float) -> Method:
    overall = {"ndcg@10": _at(ndcg), "recall@20": _at(ndcg + 0.05), "novelty@10": _at(8.25)}
    cold = {"ndcg@10": Estimate(mean=ndcg / 2, low=None, high=None, n=1)}
    return Method(
        role=role, scores={"overall": overall, "cold items": cold}, exposure=Exposure(coverage=0.5, gini=0.25)
    )


def _ours_minus(mean: float) -> dict[str, dict[str, Difference]]:
    return {
        "overall": {"ndcg@10": _off(mean), "recall@20": _off(mean)},
        "cold items": {"ndcg@10": Difference(mean=mean / 2, low=None, high=None, n=1, differing=1)},
    }


def _encoders() -> dict[str, EncoderScore]:
    return {
        "teacher": EncoderScore(layers=6, size=90_900_000, scores={"ndcg@10": _at(0.08), "recall@20": _at(0.1)}),
        "student": EncoderScore(layers=2, size=22_000_000, scores={"ndcg@10": _at(0.076)}, kept={"ndcg@10": _at(0.95)}),
    }


def _change() -> Change:
    return Change(start=0, end=DAY, before=_at(0.2), after=_at(0.195), difference=_off(-0.005), kept=_at(0.975))


def _reliability() -> Reliability:
    return Reliability(
        ece=Estimate(mean=0.0625, low=0.05, high=0.075, n=321),
        chance=0.0125,
        bins=(
            Bin(interest=0.25, share=0.3, low=0.2, high=0.4, weight=0.375, n=9001),
            Bin(interest=0.75, share=0.7, low=None, high=None, weight=0.625, n=77),
        ),
        taken=654,
        others=8424,
    )


def _probability() -> Reliability:
    return Reliability(
        ece=Estimate(mean=0.0005, low=0.0, high=0.001, n=210),
        chance=0.0004,
        bins=(
            Bin(interest=0.003, share=0.0025, low=0.002, high=0.003, weight=0.9, n=90_000),
            Bin(interest=0.04, share=0.045, low=0.04, high=0.05, weight=0.1, n=10_000),
        ),
        taken=675,
        others=99_325,
    )


def _trials() -> Trials:
    tried = [Trial(trees=TreesConfig(leaves=15 + n), rounds=100 + n, ndcg=0.31 + 0.01 * (n % 5)) for n in range(14)]
    return Trials(tried=tuple(tried))
