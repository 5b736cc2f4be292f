"""A list over one bundle, before it is an answer."""

from dataclasses import dataclass

from recsys.ranking.features import FeatureTable
from recsys.ranking.recommendations import Recommendations
from recsys.ranking.scored import Scored
from serving.asked import Asked
from serving.ladder import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What was asked, what was found, and what more the log may be told.

    Attributes:
        asked: the request, over the bundle.
        found: the list.
        candidates: as for `AnswerRecord`.
        features: likewise.
    """

    asked: Asked
    found: Found
    candidates: Recommendations | Scored | None = None
    features: FeatureTable | None = None

    @property
    def degraded(self) -> list[str]:
        """What could not be used."""
        return [*self.asked.without, *self.found.without]
