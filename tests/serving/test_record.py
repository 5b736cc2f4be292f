"""A line says what was answered, so that a reader who knows JSON alone can tell."""

import json

import numpy as np
import polars as pl
import pytest

from recsys.ranking.features import FeatureTable
from recsys.recommender import Recommendations
from serving.line import LINE
from serving.record import AnswerRecord, asked, drawn, post_line
from serving.reply import Reply
from serving.schemas import RankRequest, RecommendRequest
from serving.store import Event
from serving.treatment import USUAL_TREATMENT


def listed(*items: int, propensity: float = 1.0) -> Recommendations:
    n = len(items)
    return Recommendations(
        indptr=np.array([0, n]),
        item_idx=np.array(items, np.int32),
        score=np.linspace(1, 0, n, dtype=np.float32),
        interest=np.zeros(n, np.float32),
        probability=np.full(n, np.nan, np.float32),
        propensity=np.full(n, propensity, np.float32),
        sources=np.zeros(n, np.uint16),
        rules=np.zeros(n, np.uint64),
    )


def record(**change: object) -> AnswerRecord:
    usual = {
        "query": RecommendRequest(user_id='ann "quoted" \n é'),
        "treatment": USUAL_TREATMENT,
        "reply": Reply(
            request_id="r1",
            as_of=7,
            bundle="b",
            arm="default",
            policy="deterministic",
            degraded=["state"],
            unknown_items=[],
            ids=["x", "y\u2028", "z"],
            found=listed(2, 1, propensity=0.1),
        ),
    }
    return AnswerRecord(**usual | change)


def test_an_answer_as_a_line() -> None:
    line = record().line()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "at": 7,
        "request_id": "r1",
        "user_id": 'ann "quoted" \n é',
        "arm": "default",
        "bundle": "b",
        "policy": "deterministic",
        "params": "{}",
        "seed": 0,
        "item_id": ["z", "y\u2028"],
        "propensity": [float(np.float32(0.1))] * 2,
        "score": [1.0, 0.0],
        "degraded": ["state"],
        "request": '{"kind":"recommend","k":20}',
    }


def test_what_a_share_of_the_answers_tells_more() -> None:
    features = FeatureTable(
        names=("own", "age"),
        values=np.array([[1, np.nan]], np.float32),
        indptr=np.array([0, 1]),
        item_idx=np.array([2], np.int32),
    )
    told = json.loads(record(candidates=listed(0, 2), features=features).line())
    assert told["candidates"] == {"item_ids": ["x", "z"], "scores": [1.0, 0.0]}
    assert told["features"] == {"names": ["own", "age"], "item_id": ["z"], "values": [[1.0, None]]}


def test_every_key_of_a_line_is_a_column() -> None:
    line = record(candidates=listed(0), features=None, first=np.array([1.0, np.nan])).line()
    assert json.loads(line)["first"] == [1.0, None]
    assert set(json.loads(line)) | {"features", "events"} == set(LINE)
    post = post_line([Event(event_id="e", user_id="u", item_id="x", event="view", at=3)], at=4)
    assert json.loads(post) == {
        "at": 4,
        "events": [
            {
                "event_id": "e",
                "user_id": "u",
                "item_id": "x",
                "event": "view",
                "at": 3,
                "value": None,
                "request_id": None,
            }
        ],
    }
    assert pl.read_ndjson(line + post, schema=LINE)["at"].to_list() == [7, 4]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (RecommendRequest(user_id="u", k=3, exclude_seen=True), {"kind": "recommend", "k": 3, "exclude_seen": True}),
        (RankRequest(user_id="u", item_ids=("x",)), {"kind": "rank"}),
        (
            RankRequest.model_validate(
                {
                    "user_id": "u",
                    "item_ids": ["x"],
                    "filters": {"price": {"max": 3.5}, "tags": {"any": ["red"]}},
                    "context": {"page": "é", "n": 1.5, "on": None},
                }
            ),
            {
                "kind": "rank",
                "filters": {"price": {"max": 3.5}, "tags": {"any": ["red"]}},
                "context": {"page": "é", "n": 1.5, "on": None},
            },
        ),
    ],
)
def test_what_was_asked(query: RecommendRequest | RankRequest, expected: dict) -> None:
    assert json.loads(asked(query)) == expected


def test_a_share_is_drawn_by_the_name_alone() -> None:
    names = [f"r{n}" for n in range(20_000)]
    chosen = [name for name in names if drawn(0.1, name, of="candidates")]
    assert abs(len(chosen) - 2000) < 4 * np.sqrt(20_000 * 0.09)
    assert chosen == [name for name in names if drawn(0.1, name, of="candidates")]
    both = [name for name in chosen if drawn(0.1, name, of="features")]
    assert abs(len(both) - 200) < 4 * np.sqrt(20_000 * 0.01)
