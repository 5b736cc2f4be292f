"""How a request is answered, as an experiment decides it."""

from dataclasses import dataclass, field

import orjson

from recsys.ranking.config import PolicyConfig
from recsys.ranking.policy import Exploration, policy, randomness
from recsys.schema import BoolArray

DEFAULT = "default"
"""What answers say where no arm is."""

_READS = {"deterministic": (), "epsilon_greedy": ("epsilon",), "plackett_luce": ("temperature",)}
"""What each kind of policy reads of its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What answers, the log and metrics tell of it, and how it draws.

    Attributes:
        arm: of the experiment.
        policy: who has the last word on a list.
        seed: of its draws.
    """

    arm: str = DEFAULT
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    seed: int = 0

    @property
    def params(self) -> str:
        """What the policy reads of its settings, as JSON."""
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
