"""What a bundle or a file would have done, and what is refused before either is asked."""

import pytest

from pipelines.ab_target import target_of
from recsys.errors import SchemaError
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.log.logged import Logged
from tests.evaluation.off_policy.small_log import GOOD, LATER, log, many


def test_a_log_drawn_by_nobody_the_service_knows_is_refused_before_a_bundle_is_asked(tmp_path):
    written = log(many(3, policy="mine"), [GOOD])
    logged = Logged.of(written, as_of=LATER)
    assert isinstance(logged, Logged)
    with pytest.raises(SchemaError, match=r"a policy and its params as recsys serve logs them, got 'mine'"):
        target_of(tmp_path, written, logged, None, OffPolicyConfig(), seed=0)
