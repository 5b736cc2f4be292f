"""The contract's shapes, key by key."""

import pytest
from pydantic import BaseModel, ValidationError

from serving.schemas import (
    Answer,
    Because,
    Explanation,
    Facet,
    Filters,
    HistoryEvent,
    ItemList,
    PriceRange,
    RankedItem,
    RankRequest,
    Reason,
    RecommendRequest,
)
from serving.state_schemas import Problem

QUERY = {"user_id", "history", "exclude_seen", "filters", "context", "explain", "deadline_ms", "request_id"}


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (RecommendRequest, QUERY | {"k"}),
        (RankRequest, QUERY | {"item_ids"}),
        (HistoryEvent, {"item_id", "event", "timestamp", "value"}),
        (Filters, {"category", "brand", "tags", "price", "item_ids"}),
        (Facet, {"any", "none"}),
        (PriceRange, {"min", "max"}),
        (ItemList, {"allow", "deny"}),
        (
            Answer,
            {"request_id", "as_of", "bundle", "arm", "policy", "degraded", "unknown_items", "items"},
        ),
        (
            RankedItem,
            {"item_id", "rank", "score", "interest", "probability", "propensity", "sources", "rules", "explanation"},
        ),
        (Explanation, {"base", "contributions", "reasons", "because"}),
        (Reason, {"group", "text", "share"}),
        (Because, {"item_id", "title"}),
        (Problem, {"type", "title", "status", "detail"}),
    ],
)
def test_keys_are_those_of_the_contract(model: type[BaseModel], keys: set[str]) -> None:
    assert set(model.model_json_schema()["properties"]) == keys


def test_ids_are_measured_in_bytes() -> None:
    RecommendRequest(user_id="a" * 256)
    RecommendRequest(user_id="ß" * 128)
    with pytest.raises(ValidationError, match="expected 1 to 256 bytes of UTF-8, got 258"):
        RecommendRequest(user_id="ß" * 129)
    with pytest.raises(ValidationError, match="expected 1 to 256 bytes of UTF-8, got 0"):
        RecommendRequest(user_id="")


def test_a_number_without_a_fraction_is_whole() -> None:
    query = RecommendRequest.model_validate({"user_id": "u", "k": 5.0, "deadline_ms": 457.0})
    assert (query.k, query.deadline_ms) == (5, 457)
    for name in ("k", "deadline_ms"):
        for odd in (4.5, "5", True):
            with pytest.raises(ValidationError, match=f"{name}\n.*valid integer"):
                RecommendRequest.model_validate({"user_id": "u", name: odd})


def test_exactly_one_user() -> None:
    with pytest.raises(ValidationError, match="expected exactly one of user_id and history, got neither"):
        RecommendRequest()
    with pytest.raises(ValidationError, match="expected exactly one of user_id and history, got both"):
        RecommendRequest(user_id="u", history=())
    assert RecommendRequest(history=()).k == 20
