"""Who drew the lists of a log."""

import json
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from recsys.errors import SchemaError
from recsys.evaluation.off_policy.log.labels import Labels
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.ranking.config import PolicyConfig
from recsys.ranking.policy import EpsilonGreedy, Policy, policy
from recsys.schema import IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The different policies that n requests were drawn by.

    Attributes:
        policies: each once.
        which: int32 (n,), whose each request is.
    """

    policies: tuple[Policy, ...]
    which: IntArray

    @classmethod
    def alone(cls, config: PolicyConfig, n: int) -> "Ways":
        """One policy for all; the deterministic one draws the best with certainty."""
        return cls(policies=(policy(config) or EpsilonGreedy(epsilon=0),), which=np.zeros(n, np.int32))

    @classmethod
    def of(cls, logged: Logged) -> "Ways":
        """As the log tells.

        Raises:
            SchemaError: a policy, or settings of it, that the service does not have.
        """
        width = len(logged.params.names) + 1
        pairs = (logged.policy.codes.astype(np.int64) + 1) * width + logged.params.codes + 1
        _, first, which = np.unique(pairs, return_index=True, return_inverse=True)
        found = tuple(_policy(logged, int(row)) for row in first)
        return cls(policies=found, which=which.astype(np.int32))


def _policy(logged: Logged, row: int) -> Policy:
    kind, params = _name(logged.policy, row), _name(logged.params, row)
    try:
        config = PolicyConfig(kind=kind, **json.loads(params or "{}"))
    except (ValueError, TypeError, ValidationError) as error:
        raise SchemaError(
            f"Expected a policy and its params as recsys serve logs them, got {kind!r} and {params!r} in request "
            f"{logged.request_id[row]!r}; say how the judged policy explores, or take these answers out of the log."
        ) from error
    return policy(config) or EpsilonGreedy(epsilon=0)


def _name(labels: Labels, row: int) -> str | None:
    code = int(labels.codes[row])
    return None if code < 0 else str(labels.names[code])
