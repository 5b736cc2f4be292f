"""Windows of the peers' bench, made by hand."""

import numpy as np

from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.evaluation.config import EvaluationConfig
from tests.bench.versus_peers.question import Question
from tests.bench.versus_peers.window import Window


def window_of(events: list[tuple[int, int, int]], *, n_items: int, asked: list[int], **parts: object) -> Window:
    """(user, item, at) in order of time; nothing is denied."""
    user, item, at = (np.array(column) for column in zip(*events, strict=True))
    none = {"denied_indptr": np.zeros(len(asked) + 1, np.int64), "denied": np.zeros(0, np.int32)}
    looks = {"look_indptr": np.zeros(len(asked) + 1, np.int64), "look": np.zeros(0, np.int32)}
    known = {"user": user, "item": item, "at": at, "shape": (int(user.max()) + 1, n_items), "asked": np.array(asked)}
    return Window(**known | none | looks | {"available": np.ones(n_items, bool), "target": "all", "k": 3} | parts)


def question(shop, target: str) -> Question:
    return Question(
        catalog=shop.catalog,
        interactions=shop.interactions,
        split=TimeSplit.of(shop.interactions, SplitConfig()),
        target=target,
        config=EvaluationConfig(lengths=(10, 20)),
        run=None,
        digest=target,
    )


def window(shop, target: str) -> Window:
    asked = question(shop, target)
    return asked.window(asked.exam(asked.split), asked.split)
