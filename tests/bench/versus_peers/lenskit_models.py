"""LensKit's scorers as peers. Runs in an environment of its own, with RecTools, without this project's:

    python3.11 -m venv VENV
    VENV/bin/pip install torch==2.13.0 lenskit==2025.8.1 "rectools[torch]==0.19.0" "pyarrow==20.*"

RecTools wants numpy 1, and newer pyarrow numpy 2 without saying so. BiasedMF is left out: it predicts ratings.
"""

import os

import numpy as np

from tests.bench.versus_peers.window import Window
from tests.bench.versus_peers.worker import Answer, Limits, Settings, main


def itemknn(window: Window, settings: Settings, limits: Limits) -> Answer:
    from lenskit.knn.item import ItemKNNScorer

    return _answer(ItemKNNScorer(feedback="implicit", **settings), window, limits)


def als(window: Window, settings: Settings, limits: Limits) -> Answer:
    from lenskit.als import ImplicitMFScorer

    return _answer(ImplicitMFScorer(**settings), window, limits)


def _answer(scorer, window: Window, limits: Limits) -> Answer:
    """Train, and score every item for each user; those the model does not know have no score."""
    import pandas as pd
    from lenskit.data import ItemList, RecQuery, from_interactions_df
    from lenskit.training import TrainingOptions

    os.environ |= dict.fromkeys(("LK_NUM_PROCS", "LK_NUM_THREADS", "LK_NUM_BACKEND_THREADS"), str(limits.threads))
    taken = window.taken()
    user, item = taken.nonzero()
    data = from_interactions_df(pd.DataFrame({"user_id": user, "item_id": item}))
    scorer.train(data, TrainingOptions(rng=limits.seed))
    everything = ItemList(item_ids=np.arange(window.shape[1]))

    def scores(user: int) -> np.ndarray:
        own = taken.indices[taken.indptr[user] : taken.indptr[user + 1]]
        query = RecQuery(user_id=user, history_items=ItemList(item_ids=own))
        return np.nan_to_num(scorer(query, everything).scores("numpy"), nan=-np.inf)

    return Answer(lists=window.lists(lambda users: np.stack([scores(int(user)) for user in users])))


if __name__ == "__main__":
    main({"lenskit-itemknn": itemknn, "lenskit-als": als})
