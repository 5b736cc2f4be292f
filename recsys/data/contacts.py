"""Which events say that a user has met an item."""

import numpy as np

from recsys.data.interactions import Histories
from recsys.schema import EVENT_CODES, BoolArray

_JUDGED = np.isin(np.arange(256), [EVENT_CODES[name] for name in ("rating", "dislike", "return")])
"""Events that say the user had the item, whatever they thought of it; by code."""


def is_contact(histories: Histories) -> BoolArray:
    """Which events, bool (m,), say the user took an item or turned it down."""
    return (histories.weight > 0) | _JUDGED[histories.event]


def contacts(histories: Histories) -> Histories:
    """Only the events that say so."""
    return histories.where(is_contact(histories))
