"""Where lists are good: cold and warm items, new and established users."""

from collections.abc import Mapping

import numpy as np

from recsys.data.interactions import Interactions
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.truth import Truth
from recsys.schema import BoolArray, Instant, IntArray

OVERALL = "overall"
COLD_ITEMS = "cold items"
WARM_ITEMS = "warm items"
NEW_USERS = "new users"
OLD_USERS = "established users"


def segments(
    interactions: Interactions, truth: Truth, *, as_of: Instant, config: EvaluationConfig
) -> Mapping[str, Truth]:
    """The truth as a whole and in parts: name → the same rows with only the part's answers.

    An item is cold without any event before `as_of`. In an item segment the lists stay whole: they compete over all
    items, and only finding the segment's counts; so recall@20 of cold items is their hits in the top 20.
    """
    cold = ~interactions.before(as_of).seen_items()
    new = new_users(interactions, truth.user_idx, as_of=as_of, config=config)
    return {
        OVERALL: truth,
        WARM_ITEMS: truth.only(items=~cold),
        COLD_ITEMS: truth.only(items=cold),
        OLD_USERS: truth.only(users=~new),
        NEW_USERS: truth.only(users=new),
    }


def new_users(interactions: Interactions, user_idx: IntArray, *, as_of: Instant, config: EvaluationConfig) -> BoolArray:
    """(n,) users who came lately or left few signs before `as_of`; see the two settings."""
    events = interactions.before(as_of).events
    at, users = events["at"].to_numpy(), events["user_idx"].to_numpy()
    n_users = len(interactions.users)
    first = np.full(n_users, as_of, np.int64)
    np.minimum.at(first, users, at)
    positives = np.bincount(users[events["weight"].to_numpy() > 0], minlength=n_users)
    start = int(at[0]) if len(at) else as_of
    lately = first[user_idx] >= as_of - config.new_user_span * (as_of - start)
    return np.asarray(lately | (positives[user_idx] < config.few_events))
