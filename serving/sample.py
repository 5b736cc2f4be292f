"""What a share of the answers tells the policy log beside the list: what it was chosen from, its items' features."""

import logging

from recsys.data.interactions import Histories
from recsys.ranking.features import FeatureTable
from recsys.ranking.scored import Scored
from recsys.ranking.selection import select
from recsys.recommender import Recommendations, Recommender
from recsys.schema import BoolArray, Instant
from serving.journal import LogConfig
from serving.ladder import BEHAVIOUR, Found
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

    def recommend(
        self,
        recommender: Recommender,
        histories: Histories,
        *,
        k: int,
        as_of: Instant,
        allowed: BoolArray | None,
        exclude_seen: bool | None,
    ) -> Recommendations:
        """As `Recommender.recommend`, keeping what the list is chosen from where the answer is in the share."""
        if not self._listed:
            return recommender.recommend(histories, k=k, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen)
        found = recommender.scored(histories, as_of=as_of, allowed=allowed, exclude_seen=exclude_seen)
        chosen = select(found, recommender.snapshot.rules, recommender.vectors.vectors, k=k)
        self._scored = found
        return chosen

    def read(
        self,
        recommender: Recommender,
        histories: Histories,
        found: Found,
        *,
        as_of: Instant,
        allowed: BoolArray | None = None,
        exclude_seen: bool | None = None,
    ) -> None:
        """Keep what the ranker has read about the items of a list where the answer is in the share.

        Args: as for `Recommender.explain`. A list made without some part is not told of.
        """
        items = found.items.item_idx
        if not self._read or found.without or len(items) == 0:
            return
        try:
            known, snapshot = histories.before(as_of), recommender.snapshot
            may = snapshot.allowed(known, as_of=as_of, mask=allowed, exclude_seen=exclude_seen)
            pairs = recommender.retriever.score(known, [items], as_of=as_of, allowed=may)
            self.features = recommender.features(known, pairs, as_of=as_of)
        except Exception as error:
            _LOG.error("An answer is logged without features: %s", type(error).__name__)

    def candidates(self, found: Found) -> Recommendations | Scored | None:
        """What the list was chosen from, best first: the items themselves where they were given.

        None where the answer is not in the share, or popularity alone made it.
        """
        if not self._listed or BEHAVIOUR in found.without:
            return None
        return found.items if self._scored is None else self._scored
