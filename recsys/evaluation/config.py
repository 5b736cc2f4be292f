"""Settings of the evaluation room."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from recsys.data.config import Config, check_roles
from recsys.ranking.config import PolicyConfig


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_utc)]
"""A time without a zone is UTC."""

Share = Annotated[float, Field(gt=0, le=1)]


class EvaluationConfig(Config):
    """How lists are judged."""

    lengths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (10, 20), min_length=1, description="List lengths k at which every metric is taken, in items."
    )
    samples: int = Field(2000, ge=100, description="Bootstrap resamples of users behind each 95 % interval.")
    seed: int = Field(0, ge=0, description="Seed of the resamples and of the choice of users.")
    max_users: int = Field(20_000, ge=1, description="At most this many users are judged, chosen at random.")
    new_user_span: float = Field(
        0.1, ge=0, le=1, description="New is a user whose first event lies in this last fraction of the log's span."
    )
    few_events: int = Field(3, ge=1, description="New is, too, a user with fewer positive events than this.")


class GateConfig(Config):
    """What an evaluation must show before anything is released.

    A share is what is left of the reference's mean metric over the same users. A loss stops the release where it is
    larger than the share allows and certain, too: the 95 % interval of the paired difference lies below 0.
    """

    student_share: float = Field(
        0.9, ge=0, le=1, description="Share of the teacher's metrics that the student keeps by text alone."
    )
    pipeline_share: float = Field(
        0.95, ge=0, le=1, description="Share that the whole pipeline keeps of the same with the teacher's vectors."
    )
    published_share: float = Field(
        0.95, ge=0, le=1, description="Share kept of the published bundle's metrics, by text alone and as a whole."
    )
    segment_share: float = Field(
        0.85, ge=0, le=1, description="Share kept of teacher and published bundle among cold and among warm items."
    )
    not_below: str = Field(
        "popularity", description="The lists must not be significantly worse than this method's; empty asks nothing."
    )
    costlier: float = Field(1.25, gt=0, description="Most times the teacher's bytes, and its median time for one text.")
    slower: float = Field(
        1.25, gt=0, description="Most times the published bundle's median time, for one text or one answer."
    )
    slower_p99: float = Field(2.0, gt=0, description="Most times the published bundle's 99th percentile of times.")
    larger: float = Field(1.5, gt=0, description="Most times the published bundle's bytes on disk, or encoder's.")
    heavier: float = Field(1.5, gt=0, description="Most times the published bundle's resident memory.")
    encoder_ms: float = Field(
        0, ge=0, description="Most milliseconds for one text at the 99th percentile; 0 sets no limit."
    )
    answer_ms: float = Field(
        0, ge=0, description="Most milliseconds for one answer at the 99th percentile; 0 sets no limit."
    )
    bundle_mb: float = Field(0, ge=0, description="Most megabytes (10^6 bytes) on disk; 0 sets no limit.")
    memory_mb: float = Field(
        0,
        ge=0,
        description="Most megabytes (10^6 bytes) of resident memory, where the system tells it; 0 sets no limit.",
    )
    repeats: int = Field(200, ge=10, description="Texts and answers that are timed on each side.")


class OffPolicyConfig(Config):
    """Which answers of a policy log are evaluated, and what they earned."""

    since: UtcTime | None = Field(None, description="Answers before this time are left out.")
    until: UtcTime | None = Field(None, description="Answers from this time on are left out.")
    window_hours: float = Field(
        24, gt=0, le=24 * 3660, description="An event counts from its answer until this many hours later."
    )
    rewards: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        {"click": 1.0}, min_length=1, description="Event role → what one such event earns; other roles earn nothing."
    )
    by_value: tuple[str, ...] = Field(
        (), description="Those of these roles whose events earn that many times their value, such as a price."
    )
    shares: dict[str, Share] = Field(
        {}, description="Arm → the share of users it was meant to have; with fewer than two arms nothing is tested."
    )
    as_of: UtcTime | None = Field(
        None, description="Until when the log is complete, such as when it was copied; none given, its last answer."
    )
    policy: PolicyConfig | None = Field(
        None, description="Who has the last word on the judged lists; none given, whoever had it in each answer."
    )
    control: str | None = Field(
        None, description="Arm that the others are compared with; none given, the holdout, or the largest."
    )
    most_answers: int = Field(
        0, ge=0, description="Users are drawn at random until they have so many answers, which are judged; 0 takes all."
    )
    margin: float = Field(0.02, gt=0, lt=1, description="The largest relative difference that nobody would mind.")
    samples: int = Field(2000, ge=200, description="Draws of users that intervals rest on.")
    level: float = Field(
        0.95, ge=0.8, lt=1, description="Probability that an interval of a policy holds the truth; 95 % of an arm's do."
    )
    planned_users: int = Field(
        5000,
        ge=200,
        description="Users of a log, or of two arms, at whom intervals for every look are narrowest; set before the "
        "first look and left so. Ten times too many or too few make them wider by less than a third.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_roles(self.rewards)
        unpaid = [role for role in self.by_value if role not in self.rewards]
        if unpaid:
            raise ValueError(f"by_value: expected roles that rewards has, got {unpaid[0]!r}; give it a reward, too")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"expected since before until, got {self.since} and {self.until}")
        if self.samples < 2 / (1 - self.level) - 1 - 1e-6:
            raise ValueError(f"expected at least {2 / (1 - self.level) - 1:,.0f} samples for level {self.level:g}")
        return self
