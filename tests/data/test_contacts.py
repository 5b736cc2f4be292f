"""Which events say that a user has met an item."""

import numpy as np

from recsys.data.contacts import contacts
from recsys.data.interactions import Histories
from recsys.schema import EVENT_CODES


def test_contacts_are_what_was_taken_or_judged() -> None:
    names = ["purchase", "rating", "impression", "return"]
    weight = np.array([1, 0, 0, 0], np.float32)
    histories = Histories(
        indptr=np.array([0, 4]),
        item_idx=np.arange(4, dtype=np.int32),
        event=np.array([EVENT_CODES[n] for n in names], np.uint8),
        at=np.zeros(4, np.int64),
        value=np.zeros(4),
        weight=weight,
    )
    assert contacts(histories).item_idx.tolist() == [0, 1, 3]
