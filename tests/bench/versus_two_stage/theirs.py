"""RecTools' two-stage model on a log: users a second of its `recommend`.

Runs in an environment of its own, without this project:

    python3.11 -m venv VENV
    VENV/bin/pip install rectools==0.19.0 catboost lightgbm scikit-learn "pyarrow==20.*"

As its tutorial builds it (examples/tutorials/candidate_ranking_model_tutorial.ipynb): candidates of PopularModel and of
ImplicitItemKNNWrapperModel(CosineRecommender()), their scores and ranks as the only features, the last seven days as
targets, three negatives a user, and a reranker with its library's own settings.
"""

import argparse
import json
import tempfile
import time
import warnings
from pathlib import Path

WARM_UP = 64
"""Users asked for before anything is timed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=Path, required=True, help="Parquet: user_id, item_id, datetime, weight")
    parser.add_argument("--users", type=Path, required=True, help="a text file, one user_id a line")
    parser.add_argument("--k", type=int, required=True, help="items a list")
    parser.add_argument("--candidates", type=int, required=True, help="of each of the two generators")
    parser.add_argument("--reranker", choices=("catboost", "lightgbm"), required=True)
    parser.add_argument("--new", action="store_true", help="recommend only what a user has not taken")
    parser.add_argument("--repeats", type=int, required=True)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(json.dumps(figures(given)))


def figures(given: argparse.Namespace) -> dict[str, object]:
    """CPU seconds of fitting, and of each time the lists of all users were made and written."""
    import pandas as pd
    from rectools.dataset import Dataset

    dataset = Dataset.construct(pd.read_parquet(given.events))
    users = given.users.read_text().split("\n")
    start, model = time.process_time(), two_stage(given.candidates, given.reranker)
    model.fit(dataset)
    fitting = time.process_time() - start

    def lists(some: list[str]) -> "pd.DataFrame":
        return model.recommend(some, dataset, k=given.k, filter_viewed=given.new)

    lists(users[:WARM_UP])
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.repeats):
            start = time.process_time()
            found = lists(users)
            found.to_parquet(Path(folder) / "lists.parquet")
            seconds.append(time.process_time() - start)
    return {"fitting": fitting, "seconds": seconds, "users": found["user_id"].nunique(), "rows": len(found)}


def two_stage(candidates: int, reranker: str) -> object:
    """The model of the tutorial, one thread."""
    from implicit.nearest_neighbours import CosineRecommender
    from rectools.model_selection import TimeRangeSplitter
    from rectools.models import ImplicitItemKNNWrapperModel, PopularModel
    from rectools.models.ranking import CandidateGenerator, CandidateRankingModel, CatBoostReranker, Reranker

    if reranker == "catboost":
        from catboost import CatBoostClassifier

        second = CatBoostReranker(CatBoostClassifier(verbose=False, random_state=0, thread_count=1))
    else:
        from lightgbm import LGBMClassifier

        second = Reranker(LGBMClassifier(random_state=0, n_jobs=1, verbose=-1))
    models = (PopularModel(), ImplicitItemKNNWrapperModel(CosineRecommender(num_threads=1)))
    first = [CandidateGenerator(one, num_candidates=candidates, keep_ranks=True, keep_scores=True) for one in models]
    return CandidateRankingModel(first, TimeRangeSplitter("7D"), second)


if __name__ == "__main__":
    main()
