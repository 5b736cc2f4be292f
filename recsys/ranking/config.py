"""Settings of the ranking room."""

from typing import Literal

from pydantic import Field

from recsys.data.config import Config
from recsys.retrieval.config import RetrievalConfig


class TreesConfig(Config):
    """The boosted trees; their number times their leaves is the latency of a request."""

    trees: int = Field(300, ge=1, description="At most so many trees; the last instant may call for fewer.")
    smoothing: int = Field(
        41, ge=1, description="The number of trees is where the last instant's nDCG, averaged over so many, is highest."
    )
    leaves: int = Field(15, ge=2, description="Leaves of a tree.")
    learning_rate: float = Field(0.02, gt=0, description="Step of one tree.")
    min_rows: int = Field(100, ge=1, description="Rows a leaf holds at least.")
    l2: float = Field(10.0, ge=0, description="L2 penalty of the leaves.")
    feature_fraction: float = Field(0.5, gt=0, le=1, description="Share of the features a tree may use.")
    row_fraction: float = Field(0.7, gt=0, le=1, description="Share of the rows a tree is grown on.")
    truncation: int = Field(20, ge=1, description="lambdarank: pairs with a member above this rank count.")
    others: int = Field(100, ge=1, description="Candidates not taken that are learned from per user, drawn at random.")


class RankingConfig(Config):
    """Features and ranker."""

    half_lives: tuple[float, float, float] = Field(
        (7.0, 30.0, 120.0), description="Half-lives of decayed counters in days, shortest first."
    )
    users_per_instant: int = Field(4000, ge=1, description="At most so many users give rows at one instant.")
    trees: TreesConfig = Field(default_factory=TreesConfig, description="The boosted trees.")


class RecommenderConfig(Config):
    """What a recommender is assembled from, besides data."""

    target: Literal["all", "new"] = Field("all", description="all: anything; new: only items not taken before.")
    retrieval: RetrievalConfig = Field(default_factory=RetrievalConfig, description="Candidates.")
    ranking: RankingConfig = Field(default_factory=RankingConfig, description="Features and ranker.")
    seed: int = Field(0, description="Seed of everything random.")
    threads: int = Field(1, ge=1, description="CPU threads of fits and predictions.")


class AblationConfig(Config):
    """Rankers that are trained beside the served one, only to be compared with it."""

    rankers: tuple[Literal["without_encoder", "with_teacher"], ...] = Field(
        ("without_encoder", "with_teacher"),
        description="without_encoder: knows nothing of item text; with_teacher: reads the teacher's vectors and scores "
        "in place of the student's. Each costs a training.",
    )
