"""What lightgbm is told when a forest is grown."""

from collections.abc import Sequence

from recsys.ranking.config import TreesConfig
from recsys.ranking.feature_list import directions
from recsys.ranking.queries import GRADES, MAX_GRADE

REGRESSION_TREES = 100
REGRESSION = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "lambda_l2": 1.0,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def bins_seed(seed: int) -> int:
    """The seed of the rows that bins are made of, as lightgbm draws it from `seed` for a matrix; for rows it asks for
    it does not, and the bins of more than 200,000 rows would be others.
    """
    return ((214013 * seed + 2531011) % 2**32 >> 16 & 0x7FFF) % 0x7FFF


def lambdarank(config: TreesConfig, names: Sequence[str], *, seed: int, threads: int) -> dict[str, object]:
    """Of the ranker's forest (Burges 2010)."""
    monotone = {"monotone_constraints": directions(names), "monotone_constraints_method": config.monotone}
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [10],
        "label_gain": [grade / GRADES for grade in range(MAX_GRADE + 1)],
        "lambdarank_truncation_level": config.truncation,
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.min_rows,
        "lambda_l2": config.l2,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.row_fraction,
        "bagging_freq": 1,
        "seed": seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        **({} if config.monotone == "off" else monotone),
    }
