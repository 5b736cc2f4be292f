"""What `recsys ab` writes, of a log that is played."""

from dataclasses import replace

import numpy as np
import polars as pl

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.readout import Readout
from recsys.evaluation.interleave import InterleavedClicks
from recsys.evaluation.interleaved_log import Contest
from recsys.evaluation.off_policy.judging.judge import Evidence, Policy, judge
from recsys.evaluation.off_policy.judging.judgement import Judgement
from recsys.evaluation.preferred import preferred, to_json
from recsys.evaluation.simulation.written import written
from recsys.schema import SECOND
from tests.evaluation.off_policy.played_log import FIRST, a_log, luce, target

CONFIG = OffPolicyConfig(window_hours=1, samples=200)


def judged() -> Judgement:
    """Of a policy that is better than the log's, and of one that the log tells nothing of."""
    played, logged = a_log(2_000)
    policies = {
        "good": Policy(source="good", target=target(played, luce(0.7))),
        "far": Policy(source="far", target=target(played, luce(0.05, times=-3))),
    }
    evidence = Evidence(logged=logged, worths=None, directory="log", unused=0)
    return judge(evidence, policies, config=CONFIG)


def read_out(*, arms: int) -> Readout:
    """Of as many arms, users by number; with many of them none has enough users."""
    played, _ = a_log(2_000)
    log = written(played, luce(), start=FIRST)
    number = pl.col("user_id").str.slice(1).cast(pl.Int32) % arms
    answers = log.answers.with_columns(arm=pl.format("arm{}", number))
    found = Readout.of(replace(log, answers=answers), CONFIG, as_of=FIRST + 10_000_000 * SECOND)
    assert isinstance(found, Readout), found
    return found


def interleaved() -> str:
    """Of two bundles whose lists were interleaved for 100 users, who click what is the first's."""
    n = 100
    first = np.tile([1.0, 0.0], n)
    clicks = InterleavedClicks(
        user_idx=np.arange(n, dtype=np.int32),
        indptr=2 * np.arange(n + 1, dtype=np.int64),
        first=first,
        clicked=first > 0,
    )
    contest = Contest(arm="mixed", way="team_draft", first="a" * 64, second="b" * 64, clicks=clicks)
    return to_json(preferred([contest], samples=200))
