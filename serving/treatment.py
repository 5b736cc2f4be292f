"""How a request is answered, as an experiment decides it."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import orjson

from recsys.ranking.config import PolicyConfig
from recsys.ranking.policy import Exploration, policy, randomness
from recsys.schema import BoolArray

DEFAULT = "default"
"""What answers say where no arm is."""

_READS = {"deterministic": (), "epsilon_greedy": ("epsilon",), "plackett_luce": ("temperature",)}
"""What each kind of policy reads of its settings."""


Mix: TypeAlias = Literal["team_draft", "probabilistic"]
"""A way to make one list of two rankings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Two rankings that a list is made of.

    Attributes:
        kind: how.
        first, second: digests of the bundles that rank.
    """

    kind: Mix
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What answers, the log and metrics tell of it, and how it draws.

    Attributes:
        arm: of the experiment.
        policy: who has the last word on a list.
        seed: of its draws.
        contest: of an interleaved list; each of its rankings has none of the draws of `policy`.
    """

    arm: str = DEFAULT
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    seed: int = 0
    contest: Contest | None = None

    @property
    def kind(self) -> str:
        """How places are filled."""
        return self.policy.kind if self.contest is None else self.contest.kind

    @property
    def params(self) -> str:
        """What the policy reads of its settings, or whose rankings are interleaved, as JSON."""
        if self.contest is not None:
            return orjson.dumps({"first": self.contest.first, "second": self.contest.second}).decode()
        return orjson.dumps({name: getattr(self.policy, name) for name in _READS[self.policy.kind]}).decode()

    def exploration(self, request_id: str, *, besides: BoolArray | None = None) -> Exploration | None:
        """What draws the list of one request, the same for the same name; None where the best is always next.

        Args:
            request_id: the name.
            besides: as for `Exploration`.
        """
        draws = policy(self.policy)
        if draws is None:
            return None
        return Exploration(policy=draws, sources=[randomness(self.seed, request_id)], besides=besides)


USUAL_TREATMENT = Treatment()
