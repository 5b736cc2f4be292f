"""Settings of the ranking room."""

from typing import Literal

from pydantic import Field

from recsys.data.config import Config
from recsys.retrieval.config import RetrievalConfig


class TreesConfig(Config):
    """The boosted trees; their number times their leaves is the latency of a request."""

    trees: int = Field(300, ge=1, description="At most so many trees; early stopping takes fewer.")
    patience: int = Field(40, ge=1, description="Rounds without a better nDCG on the last instant before stopping.")
    leaves: int = Field(31, ge=2, description="Leaves of a tree.")
    learning_rate: float = Field(0.05, gt=0, description="Step of one tree.")
    min_rows: int = Field(100, ge=1, description="Rows a leaf holds at least.")
    feature_fraction: float = Field(0.8, gt=0, le=1, description="Share of the features a tree may use.")
    truncation: int = Field(20, ge=1, description="lambdarank: pairs with a member above this rank count.")


class RankingConfig(Config):
    """Features and ranker."""

    half_lives: tuple[float, float, float] = Field(
        (7.0, 30.0, 120.0), description="Half-lives of decayed counters in days, shortest first."
    )
    users_per_instant: int = Field(5000, ge=1, description="At most so many users give rows at one instant.")
    trees: TreesConfig = Field(default_factory=TreesConfig, description="The boosted trees.")


class RecommenderConfig(Config):
    """What a recommender is assembled from, besides data."""

    target: Literal["all", "new"] = Field("all", description="all: anything; new: only items not taken before.")
    retrieval: RetrievalConfig = Field(default_factory=RetrievalConfig, description="Candidates.")
    ranking: RankingConfig = Field(default_factory=RankingConfig, description="Features and ranker.")
    seed: int = Field(0, description="Seed of everything random.")
    threads: int = Field(1, ge=1, description="CPU threads of fits and predictions.")
