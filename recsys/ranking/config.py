"""Settings of the ranking room."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from recsys.data.config import Config
from recsys.retrieval.config import RetrievalConfig

MAX_RULES = 60
"""Most boosts, caps and quotas together: each has a bit of 64 that tells what it moved."""


class TreesConfig(Config):
    """The boosted trees; their number times their leaves is the latency of a request."""

    trees: int = Field(300, ge=1, description="How many; where they are tuned, at most.")
    leaves: int = Field(15, ge=2, description="Leaves of a tree.")
    learning_rate: float = Field(0.02, gt=0, description="Step of one tree.")
    min_rows: int = Field(100, ge=1, description="Rows a leaf holds at least.")
    l2: float = Field(10.0, ge=0, description="L2 penalty of the leaves.")
    feature_fraction: float = Field(0.5, gt=0, le=1, description="Share of the features a tree may use.")
    row_fraction: float = Field(0.7, gt=0, le=1, description="Share of the rows a tree is grown on.")
    truncation: int = Field(20, ge=1, description="lambdarank: pairs with a member above this rank count.")
    others: int = Field(100, ge=1, description="Candidates not taken that are learned from per user, drawn at random.")
    seeds: int = Field(
        1, ge=1, description="Forests of different seeds whose mean is the score; ranking takes so many times as long."
    )
    monotone: Literal["off", "basic", "intermediate"] = Field(
        "off",
        description="Whether features that can only speak for an item, or only against it, are held to that, and by "
        "which of LightGBM's methods: intermediate constrains less than basic and learns more slowly.",
    )


class LinearConfig(Config):
    """The linear ranker."""

    l2: float = Field(100.0, gt=0, description="L2 penalty of the weights of standardised features.")


class TuningConfig(Config):
    """The search for settings of the trees that do best on the last instant."""

    trials: int = Field(0, ge=0, description="Settings tried, the given ones first; 0 takes those as they are.")
    smoothing: int = Field(
        41, ge=1, description="A trial has so many trees that its nDCG, averaged over so many numbers, is highest."
    )
    minutes: float | None = Field(
        None,
        gt=0,
        description="No trial begins later than so many minutes after the first; none given, all are made. With a "
        "limit, how far the search comes depends on the machine.",
    )


class RankingConfig(Config):
    """Features and ranker."""

    half_lives: tuple[float, float, float] = Field(
        (7.0, 30.0, 120.0), description="Half-lives of decayed counters in days, shortest first."
    )
    users_per_instant: int = Field(4000, ge=1, description="At most so many users give rows at one instant.")
    table_mib: int = Field(
        4096,
        ge=1,
        description="MiB of feature values (float32) that the ranker learns from, at most; where there are more, it "
        "learns from users drawn at random, with all their rows. LightGBM takes about a third of it.",
    )
    kind: Literal["trees", "linear"] = Field(
        "trees", description="trees: boosted trees; linear: a weighted sum of the features, for little data."
    )
    least_users: int = Field(
        20,
        ge=0,
        description="With fewer users to learn from, counted at each instant, the ranker is linear, whatever its kind.",
    )
    trees: TreesConfig = Field(default_factory=TreesConfig, description="The boosted trees.")
    linear: LinearConfig = Field(default_factory=LinearConfig, description="The linear ranker.")
    tuning: TuningConfig = Field(default_factory=TuningConfig, description="The search for settings of the trees.")
    cold_share: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the items that is taken for new at each instant, so that the ranker learns what a text "
        "is worth that no behaviour speaks of.",
    )
    calibration: Literal["isotonic", "platt"] = Field(
        "isotonic",
        description="How scores become probabilities: isotonic, a rising curve of any form; platt, a logistic one.",
    )
    position_limit: float = Field(
        10.0,
        ge=1,
        description="Where the log tells positions, something taken at a place that few look at counts for as many as "
        "looked elsewhere, at most for so many; 1 counts every place alike.",
    )

    @model_validator(mode="after")
    def _tunable(self) -> Self:
        if self.kind == "linear" and self.tuning.trials:
            raise ValueError(
                f"expected ranking.tuning.trials = 0 with ranking.kind = linear, got {self.tuning.trials}: "
                "only trees are tuned"
            )
        return self


class BoostConfig(Config):
    """Items that are to stand higher than their score, or lower."""

    by: Literal["category", "brand", "tag"] = Field(description="What the items have in common.")
    value: str = Field(description="Which category, brand or tag.")
    add: FiniteFloat = Field(
        description="Added to the score, in units of the distance between the scores of a user's first candidate and "
        "of the one at rules.diversity.depth; below 0 lowers."
    )


class PinConfig(Config):
    """An item at a fixed place of every list."""

    item_id: str = Field(description="Which item.")
    rank: int = Field(ge=1, description="Its place, from 1; lists that are shorter hold it at their end.")


class CapConfig(Config):
    """A limit to how much of a list is of one kind."""

    by: Literal["category", "brand"] = Field(description="What must not repeat too often; items without one may.")
    most: int = Field(ge=1, description="Items of one category or brand in a list, at most.")


class QuotaConfig(Config):
    """What a list holds at least, as far as the candidates allow."""

    by: Literal["category", "brand", "tag", "cold"] = Field(
        description="What the items have in common; cold: nobody has taken them or turned them down."
    )
    value: str = Field("", description="Which category, brand or tag; none for cold.")
    least: int = Field(ge=1, description="Such items in a list, at least.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.by == "cold") == bool(self.value):
            raise ValueError(f"expected a value with category, brand and tag, none with cold, got {self.value!r}")
        return self


class DiversityConfig(Config):
    """How much a list is to be of different things, by the likeness of the items' texts."""

    method: Literal["mmr", "dpp"] = Field(
        "mmr", description="mmr: unlike the nearest item of the list; dpp: unlike all of them together."
    )
    strength: float = Field(0.0, ge=0, le=1, description="0 orders by score, 1 by difference alone.")
    depth: int = Field(100, ge=1, description="Only a user's first candidates, so many, trade places for it.")


class ExposureConfig(Config):
    """A limit to how many lists show one item."""

    share: float = Field(1.0, gt=0, le=1, description="Share of all lists that one item is in, at most; 1: no limit.")
    length: int = Field(20, ge=1, description="Length of the lists it is kept in, in items; shorter ones keep it too.")
    users: int = Field(1000, ge=1, description="Users whose lists set the items' prices, drawn at random.")
    rounds: int = Field(200, ge=1, description="Prices rise at most so often.")


class RulesConfig(Config):
    """What else decides over a list: masks first, then boosts, pins, and diversity within caps and quotas."""

    boosts: tuple[BoostConfig, ...] = Field((), description="Items that stand higher or lower than their score.")
    pins: tuple[PinConfig, ...] = Field((), description="Items at fixed places, taken before or not, if available.")
    caps: tuple[CapConfig, ...] = Field((), description="Most items of one kind in a list; may make it shorter.")
    quotas: tuple[QuotaConfig, ...] = Field((), description="Least items of one kind in a list; caps go before.")
    diversity: DiversityConfig = Field(default_factory=DiversityConfig, description="Lists of different things.")
    exposure: ExposureConfig = Field(default_factory=ExposureConfig, description="No item in too many lists.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, values in (("item", [p.item_id for p in self.pins]), ("rank", [p.rank for p in self.pins])):
            twice = _first_twice(values)
            if twice is not None:
                raise ValueError(f"expected each {name} in one pin, got {twice!r} in two")
        n = len(self.boosts) + len(self.caps) + len(self.quotas)
        if n > MAX_RULES:
            raise ValueError(f"expected at most {MAX_RULES} boosts, caps and quotas together, got {n}")
        return self


def _first_twice(values: Sequence[object]) -> object | None:
    return next((value for n, value in enumerate(values) if value in values[:n]), None)


class PolicyConfig(Config):
    """Who has the last word on a list; what is not deterministic explores, and says how likely each choice was."""

    kind: Literal["deterministic", "epsilon_greedy", "plackett_luce"] = Field(
        "deterministic",
        description="deterministic: the order of the values; epsilon_greedy: now and then any candidate; "
        "plackett_luce: the better the likelier.",
    )
    epsilon: float = Field(0.1, gt=0, le=1, description="epsilon_greedy: how often a place is any candidate's.")
    temperature: float = Field(
        0.1,
        ge=1e-3,
        le=1e3,
        description="plackett_luce: the higher the more alike are chances, in units of the distance between the values "
        "of a user's first candidate and of the one at rules.diversity.depth.",
    )


class RecommenderConfig(Config):
    """What a recommender is assembled from, besides data."""

    target: Literal["all", "new"] = Field("all", description="all: anything; new: only items not taken before.")
    retrieval: RetrievalConfig = Field(default_factory=RetrievalConfig, description="Candidates.")
    ranking: RankingConfig = Field(default_factory=RankingConfig, description="Features and ranker.")
    rules: RulesConfig = Field(default_factory=RulesConfig, description="What else decides over a list.")
    seed: int = Field(0, description="Seed of everything random.")
    threads: int = Field(1, ge=1, description="CPU threads of fits and predictions.")


class AblationConfig(Config):
    """Rankers that are trained beside the served one, only to be compared with it."""

    rankers: tuple[Literal["without_encoder", "with_teacher"], ...] = Field(
        ("without_encoder", "with_teacher"),
        description="without_encoder: knows nothing of item text; with_teacher: reads the teacher's vectors and scores "
        "in place of the student's. Each costs a training.",
    )
