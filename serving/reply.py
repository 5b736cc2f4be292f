"""An answer on its way out: written as it is, where models would check two thousand values that were never in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from recsys.ranking.recommendations import Recommendations
from recsys.schema import Instant, moment
from serving.schemas import Explanation, RankedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What `schemas.Answer` describes.

    Attributes:
        request_id, bundle, arm, policy, degraded, unknown_items: as there.
        as_of: the instant the answer is true for.
        ids: item_id of each item_idx.
        found: one list.
        why: of each item of the list, or empty.
    """

    request_id: str
    as_of: Instant
    bundle: str
    arm: str
    policy: str
    degraded: list[str]
    unknown_items: list[str]
    ids: Sequence[str]
    found: Recommendations
    why: Sequence[Explanation] = ()

    @property
    def items(self) -> list[RankedItem]:
        """The places of the list, best first."""
        return [RankedItem(**place) for place in self._places()]

    def json(self) -> bytes:
        """The answer as JSON; what is not there is left out."""
        body = {
            "request_id": self.request_id,
            "as_of": moment(self.as_of),
            "bundle": self.bundle,
            "arm": self.arm,
            "policy": self.policy,
            "degraded": self.degraded,
            "unknown_items": self.unknown_items,
            "items": self._places(),
        }
        return orjson.dumps(body, option=orjson.OPT_UTC_Z)

    def _places(self) -> list[dict[str, Any]]:
        """The fields of each `RankedItem`."""
        found, ids = self.found, self.ids
        names, rule_names = found.source_names, found.rule_names
        columns = (found.item_idx, found.score, found.interest, found.probability, found.propensity, found.sources)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        places: list[dict[str, Any]] = [
            {
                "item_id": ids[item],
                "rank": rank,
                "score": score,
                "interest": interest,
                "probability": chance,
                "propensity": propensity,
                "sources": _named(sources, names),
            }
            for rank, (item, score, interest, chance, propensity, sources) in enumerate(rows, 1)
        ]
        for unfitted in np.flatnonzero(np.isnan(found.probability)).tolist():
            del places[unfitted]["probability"]
        if found.rules.any():
            for place, rules in zip(places, found.rules.tolist(), strict=True):
                if rules:
                    place["rules"] = _named(rules, rule_names)
        for place, explanation in zip(places, self.why, strict=False):
            place["explanation"] = explanation.model_dump(exclude={"because"} if explanation.because is None else None)
        return places


@lru_cache(maxsize=4096)
def _named(bits: int, names: tuple[str, ...]) -> list[str]:
    """The names of the bits that are set."""
    return [name for bit, name in enumerate(names) if bits >> bit & 1]
