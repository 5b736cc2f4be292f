import json
from dataclasses import replace

import numpy as np

from recsys.ranking.recommendations import Recommendations
from recsys.schema import SECOND
from serving.reply import Reply
from serving.schemas import Answer, Because, Explanation

FOUND = Recommendations(
    indptr=np.array([0, 2]),
    item_idx=np.array([2, 0], np.int32),
    score=np.array([1.5, -0.25], np.float32),
    interest=np.array([0.5, 0.25], np.float32),
    probability=np.array([0.125, np.nan], np.float32),
    propensity=np.array([1, 0.5], np.float32),
    sources=np.array([0b101, 0], np.uint16),
    rules=np.array([0b10, 0], np.uint64),
    source_names=("cosine", "near", "text"),
    rule_names=("pinned", "boosted"),
)
REPLY = Reply(
    request_id="r",
    as_of=SECOND + 1,
    bundle="b",
    arm="default",
    policy="deterministic",
    degraded=["state"],
    unknown_items=["ghost"],
    ids=("kite", "hedge", "café"),
    found=FOUND,
)


def test_what_is_there_is_written_and_what_is_not_is_left_out() -> None:
    assert json.loads(REPLY.json()) == {
        "request_id": "r",
        "as_of": "1970-01-01T00:00:01.000001Z",
        "bundle": "b",
        "arm": "default",
        "policy": "deterministic",
        "degraded": ["state"],
        "unknown_items": ["ghost"],
        "items": [
            {
                "item_id": "café",
                "rank": 1,
                "score": 1.5,
                "interest": 0.5,
                "probability": 0.125,
                "propensity": 1,
                "sources": ["cosine", "text"],
                "rules": ["boosted"],
            },
            {"item_id": "kite", "rank": 2, "score": -0.25, "interest": 0.25, "propensity": 0.5, "sources": []},
        ],
    }


def test_it_is_what_the_schema_describes() -> None:
    why = [
        Explanation(
            base=0.5, contributions={"own_takes": 1.0}, reasons=[], because=Because(item_id="kite", title=None)
        ),
        Explanation(base=0.5, contributions={}, reasons=[]),
    ]
    for reply in (REPLY, replace(REPLY, why=why)):
        answer = Answer.model_validate_json(reply.json())
        assert answer.items == reply.items
        assert [item.explanation for item in answer.items] == (list(reply.why) or [None, None])
        assert "because" not in json.loads(reply.json())["items"][1].get("explanation", {})


def test_an_empty_list_is_an_answer() -> None:
    names = ("item_idx", "score", "interest", "probability", "propensity", "sources", "rules")
    nothing = replace(FOUND, indptr=np.zeros(2, np.int64), **{name: getattr(FOUND, name)[:0] for name in names})
    assert json.loads(replace(REPLY, found=nothing).json())["items"] == []
