"""What users had taken, in a few numbers."""

import numpy as np

from recsys.data.interactions import Histories


def histories(rows) -> Histories:
    """(item, weight) of each user's events."""
    flat = [pair for row in rows for pair in row]
    m = len(flat)
    return Histories(
        indptr=np.cumsum([0, *map(len, rows)]).astype(np.int64),
        item_idx=np.array([item for item, _ in flat], np.int32),
        event=np.zeros(m, np.uint8),
        at=np.arange(m),
        value=np.full(m, np.nan),
        weight=np.array([weight for _, weight in flat], np.float32),
    )
