"""Settings that exclude each other."""

import pytest

from recsys.errors import ConfigError
from recsys.settings import load


def test_no_weight_at_all():
    nothing = ["distill.vectors=0", "distill.scores=0"]
    with pytest.raises(ConfigError, match=r"a weight above 0 for vectors, hidden, scores, with users, or labels"):
        load(None, nothing)
    with pytest.raises(ConfigError, match=r"all are 0"):
        load(None, ["distill.vectors=0", "distill.users_per_step=0"])
    assert load(None, [*nothing, "distill.cross.directory=there"]).distill.cross.teaches
    assert load(None, [*nothing, "distill.labels=0.1"]).distill.labels == 0.1
