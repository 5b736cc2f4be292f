"""Experiments: which users get which arm, always the same, and what an arm is."""

import hashlib
from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from recsys.data.config import Config
from recsys.ranking.config import PolicyConfig
from recsys.schema import Instant, moment
from serving.fields import Number, Whole
from serving.item_schemas import UtcTime
from serving.treatment import DEFAULT, Mix

HOLDOUT = "holdout"
"""What answers say of users who are in no experiment, whichever runs; of others who have no arm: DEFAULT."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Share = Annotated[Number, Field(ge=0, le=1)]


def _numbers(value: object) -> object:
    if isinstance(value, dict) and any(isinstance(value.get(name), str | bool) for name in ("epsilon", "temperature")):
        raise ValueError("expected numbers as epsilon and temperature")
    return value


Drawn = Annotated[PolicyConfig, BeforeValidator(_numbers)]
"""Settings may be written as text elsewhere; in JSON a number is a number."""

_MOST_SEED = 2**31 - 1


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Interleave(Config):
    """A second ranking, and how one list is made of both; clicks tell which is preferred."""

    kind: Mix = Field(
        "team_draft",
        description="team_draft: each in turns puts its best item that is not in the list; probabilistic: each in "
        "turns draws one, the better its rank the likelier.",
    )
    bundle: Digest | None = Field(
        None, description="Digest of the bundle whose ranking is the second; if not set, the one in use."
    )


class Arm(Config):
    """One way to answer.

    Attributes as described.
    """

    name: Name = Field(description="As answers, metrics and the log call it.")
    share: Share = Field(description="Of the users in the experiment.")
    bundle: Digest | None = Field(None, description="Digest of the bundle that answers; if not set, the one in use.")
    policy: Drawn = Field(default_factory=PolicyConfig, description="Who has the last word on a list.")
    interleave: Interleave | None = Field(
        None, description="Lists are made of this arm's ranking, the first, and of a second one."
    )

    @model_validator(mode="after")
    def _contest(self) -> Self:
        if self.interleave is None:
            return self
        if self.policy.kind != "deterministic":
            raise ValueError(
                f"expected policy deterministic in an arm that interleaves, got {self.policy.kind!r}; "
                "its lists are drawn from two rankings as they are"
            )
        if self.bundle == self.interleave.bundle:
            got = "the one in use" if self.bundle is None else repr(self.bundle)
            raise ValueError(f"expected two bundles to interleave, got {got} twice; name another in one of them")
        return self

    @property
    def bundles(self) -> tuple[str | None, ...]:
        """Digests of what it names, None for the one in use."""
        return (self.bundle,) if self.interleave is None else (self.bundle, self.interleave.bundle)


class Ramp(Config):
    """Traffic that grows with time, linearly."""

    start: UtcTime = Field(description="Until then it is `first`.")
    end: UtcTime = Field(description="From then on it is the experiment's.")
    first: Share = Field(0.0, description="Share of the experiment's traffic at the start.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.end:
            raise ValueError("expected start before end")
        return self

    def at(self, now: datetime) -> float:
        """The share of the experiment's traffic at a moment, in [first, 1]."""
        gone = (now - self.start) / (self.end - self.start)
        return self.first + (1 - self.first) * min(max(gone, 0.0), 1.0)


class Experiment(Config):
    """PUT /v1/experiment: the one that runs; a user's arm depends on nothing but the names in it and the user's id."""

    name: Name
    salt: str = Field("", max_length=64, description="Another salt draws anew who is in and who gets which arm.")
    traffic: Share = Field(1.0, description="Share of the users who take part; raised, it takes nobody's arm away.")
    ramp: Ramp | None = Field(None, description="Lets the traffic grow.")
    holdout: Share = Field(
        0.0, description="Share of the users who never take part: whatever the experiment, the same ones."
    )
    seed: Whole = Field(0, ge=0, le=_MOST_SEED, description="Of the draws of policies, with each request's id.")
    arms: Annotated[tuple[Arm, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [arm.name for arm in self.arms]
        odd = [name for name in names if names.count(name) > 1 or name in {DEFAULT, HOLDOUT}]
        if odd:
            raise ValueError(f"expected arms of different names other than {DEFAULT} and {HOLDOUT}, got {odd[0]!r}")
        total = sum(arm.share for arm in self.arms)
        if abs(total - 1) > 1e-9:
            raise ValueError(f"expected shares of arms that sum to 1, got {total:g}")
        return self

    @property
    def bundles(self) -> tuple[str | None, ...]:
        """Digests of what its arms name, each once; None is the one in use."""
        return tuple(dict.fromkeys(digest for arm in self.arms for digest in arm.bundles))

    def arm(self, unit: str, *, at: Instant) -> Arm | str:
        """The arm of a user, or of a request that names none; HOLDOUT or DEFAULT for one who has no arm.

        Args:
            unit: what is drawn for, a user_id.
            at: now; only a ramp depends on it.
        """
        if bucket("holdout", unit) < self.holdout:
            return HOLDOUT
        traffic = self.traffic * (1.0 if self.ramp is None else self.ramp.at(moment(at)))
        if bucket(f"in {self.name} {self.salt}", unit) >= traffic:
            return DEFAULT
        place = bucket(f"arm {self.name} {self.salt}", unit)
        for arm in self.arms:
            place -= arm.share
            if place < 0:
                return arm
        return self.arms[-1]  # the shares' rounding


def bucket(salt: str, unit: str) -> float:
    """A number in [0, 1), as good as drawn at random, and the same for the same words on every machine."""
    text = f"{len(salt)} {salt} {unit}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest()) / 2**56


class CurrentExperiment(Config):
    """What /v1/experiment answers: what runs from now on, here at once, elsewhere within a second."""

    experiment: Experiment | None = Field(description="null where none runs.")
