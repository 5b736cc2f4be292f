"""What a share of the answers tells the policy log beside the list: what it was chosen from, its items' features."""

import logging

from recsys.ranking.features import FeatureTable
from recsys.ranking.policy import Exploration
from recsys.ranking.scored import Scored
from recsys.ranking.selection import select
from recsys.recommender import Recommendations, Recommender
from serving.asked import Asked
from serving.journal import LogConfig
from serving.ladder import BEHAVIOUR, Found
from serving.listed import Listed
from serving.record import drawn

_LOG = logging.getLogger(__name__)


class Sample:
    """One answer; whether it is in a share is drawn from its request's name, so that anybody can tell again."""

    def __init__(self, request_id: str, config: LogConfig | None) -> None:
        """None keeps nothing."""
        self._listed = config is not None and drawn(config.candidates, request_id, of="candidates")
        self._read = config is not None and drawn(config.features, request_id, of="features")
        self._scored: Scored | None = None
        self.features: FeatureTable | None = None

    def recommend(self, way: Recommender, asked: Asked, *, k: int, exploration: Exploration | None) -> Recommendations:
        """As `Asked.recommend`, keeping what the list is chosen from where the answer is in the share."""
        if not self._listed:
            return asked.recommend(way, k=k, exploration=exploration)
        self._scored = asked.scored(way, exploration=exploration)
        return select(self._scored, way.snapshot.rules, way.vectors.vectors, k=k, exploration=exploration)

    def read(self, way: Recommender, asked: Asked, found: Found) -> None:
        """Keep what the ranker has read about the items of a list where the answer is in the share.

        A list made without some part is not told of.
        """
        if not self._read or found.without or len(found.items.item_idx) == 0:
            return
        try:
            self.features = asked.features(way, found.items.item_idx)
        except Exception as error:
            _LOG.error("An answer is logged without features: %s", type(error).__name__)

    def listed(self, asked: Asked, found: Found) -> Listed:
        """A list with what is kept of it."""
        return Listed(asked=asked, found=found, candidates=self.candidates(found), features=self.features)

    def candidates(self, found: Found) -> Recommendations | Scored | None:
        """What the list was chosen from, best first: the items themselves where they were given.

        None where the answer is not in the share, or popularity alone made it.
        """
        if not self._listed or BEHAVIOUR in found.without:
            return None
        return found.items if self._scored is None else self._scored
