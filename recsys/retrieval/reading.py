"""Histories as the sources read them, worked out once for all of them."""

from dataclasses import dataclass

import numpy as np

from recsys.data.contacts import is_contact
from recsys.data.interactions import Histories
from recsys.retrieval import kernels
from recsys.retrieval.config import BehaviourConfig
from recsys.retrieval.sparse_rows import Weights
from recsys.schema import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What n users did, each as weights over items; those of one item stand apart and add up in use.

    Attributes:
        taken: 1 for each item with a positive event, once an item.
        recent: a positive event's weight, halved with every half-life of its age.
        basket: 1 for each positive event within half a day of the user's last.
        disliked: 1 for each event that turns an item down.
        latest: the last events that take an item or turn it down, each further back counting less.
    """

    taken: Weights
    recent: Weights
    basket: Weights
    disliked: Weights
    latest: Weights

    @classmethod
    def of(
        cls, histories: Histories, n_items: int, *, as_of: Instant, day: Instant, config: BehaviourConfig
    ) -> "Reading":
        """Read events before `as_of`; `day` µs count as a day of age."""
        age = np.maximum(as_of - histories.at, 0) / (day * config.history_half_life)
        taken, positive, met, (recent, basket, disliked, latest) = kernels.read(
            histories.indptr,
            histories.item_idx,
            histories.at,
            histories.weight,
            is_contact(histories),
            np.exp2(-age),
            np.power(config.near_decay, np.arange(config.near_history)).astype(np.float64),
            day // 2,
            n_items,
        )
        ones = np.ones(len(taken[1]), np.float32)
        return cls(
            taken=Weights(*taken, ones, n_items),
            recent=Weights(*positive, recent, n_items),
            basket=Weights(*positive, basket, n_items),
            disliked=Weights(*met, disliked, n_items),
            latest=Weights(*met, latest, n_items),
        )
