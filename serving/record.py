"""What the policy log is told: an answer or a post as one line of JSON."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from recsys.ranking.features import FeatureTable
from recsys.ranking.recommendations import Recommendations
from recsys.ranking.scored import Scored
from recsys.schema import DoubleArray, Instant
from serving.reply import Reply
from serving.schemas import RankRequest, RecommendRequest
from serving.store import Event
from serving.treatment import Treatment


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """An answer, as it is logged.

    Attributes:
        query: what was asked.
        reply: what is told.
        treatment: how it came about.
        candidates: what the list was chosen from, best first; None where that is not told.
        features: of its items; None where they are not told.
        first: float64 (items,), of an interleaved list as `Interleaved` has it; None of others.
    """

    query: RecommendRequest | RankRequest
    reply: Reply
    treatment: Treatment
    candidates: Recommendations | Scored | None = None
    features: FeatureTable | None = None
    first: DoubleArray | None = None

    def line(self) -> bytes:
        """The record as it stands in a segment of the log; a number that is none becomes null."""
        reply, treatment = self.reply, self.treatment
        ids, found = reply.ids, reply.found
        told = {
            "at": reply.as_of,
            "request_id": reply.request_id,
            "user_id": self.query.user_id,
            "arm": treatment.arm,
            "bundle": reply.bundle,
            "policy": treatment.kind,
            "params": treatment.params,
            "seed": treatment.seed,
            "item_id": [ids[item] for item in found.item_idx.tolist()],
            "propensity": found.propensity.tolist(),
            "score": found.score.tolist(),
            "degraded": reply.degraded,
            "request": asked(self.query),
        }
        if self.first is not None:
            told["first"] = self.first.tolist()
        if self.candidates is not None:
            items = [ids[item] for item in self.candidates.item_idx.tolist()]
            told["candidates"] = {"item_ids": items, "scores": self.candidates.score.tolist()}
        if self.features is not None:
            items = [ids[item] for item in self.features.item_idx.tolist()]
            values = self.features.values.tolist()
            told["features"] = {"names": list(self.features.names), "item_id": items, "values": values}
        return orjson.dumps(told) + b"\n"


def post_line(events: Sequence[Event], *, at: Instant) -> bytes:
    """Events as they stand in a segment of the log; `at`: when they were posted."""
    return orjson.dumps({"at": at, "events": [asdict(event) for event in events]}) + b"\n"


def asked(query: RecommendRequest | RankRequest) -> str:
    """What was asked beside the user, as JSON."""
    told: dict[str, object] = {"kind": "rank" if isinstance(query, RankRequest) else "recommend"}
    if isinstance(query, RecommendRequest):
        told["k"] = query.k
    if query.exclude_seen is not None:
        told["exclude_seen"] = query.exclude_seen
    if query.filters is not None:
        told["filters"] = query.filters.model_dump(exclude_none=True)
    if query.context is not None:
        told["context"] = query.context
    return orjson.dumps(told).decode()


def drawn(share: float, request_id: str, *, of: str) -> bool:
    """Whether a request belongs to a share of all: the same for the same name, whoever asks.

    Args:
        share: in [0, 1].
        request_id: the name.
        of: what the share is of; other things are drawn apart from it.

    >>> drawn(0, "r1", of="features"), drawn(1, "r1", of="features")
    (False, True)
    """
    name = hashlib.blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=8, person=of.encode())
    return int.from_bytes(name.digest(), "little") < share * 2**64
