"""What a bundle, or a file, would have done with the requests of a log."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.console import progress
from pipelines.replayed import answers_of, replay
from pipelines.replayed_request import Worth
from recsys.data.policy_log import PolicyLog
from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.told import told
from recsys.evaluation.off_policy.told.ways import Ways
from recsys.evaluation.refusal import Refusals


def target_of(
    source: Path, log: PolicyLog, logged: Logged, worths: Worths | None, config: OffPolicyConfig, *, seed: int
) -> Target | Refusals:
    """Of a bundle where `source` is a folder, else of a Parquet file.

    Raises:
        ArtifactError: neither.
        SchemaError: lists of the log were drawn by whom the service does not know.
    """
    if not source.is_dir():
        return told(source, logged, explores=config.policy, worths=worths, seed=seed)
    if config.policy is None:
        Ways.of(logged)  # refuses who is unknown, before anything is asked
    answers = answers_of(logged)
    with progress(source.name) as show:
        found = replay(
            source.resolve(),
            answers,
            log.events.collect(engine="streaming"),
            explores=config.policy,
            worth=None if worths is None else worth_of(logged, worths),
            told=lambda done: show(done, len(answers), {}),
        )
    value = None if worths is None else found.value
    return Target(probability=found.probability, outside=found.outside, value=value, trained_until=found.end)


def worth_of(logged: Logged, worths: Worths) -> Callable[[int], Worth]:
    """The worths of one request's items, by its row."""
    candidates = logged.candidates
    place = np.full(len(logged), -1, np.int64)
    place[candidates.request] = np.arange(len(candidates))

    def of(row: int) -> Worth:
        at = place[row]
        own = slice(0, 0) if at < 0 else slice(candidates.indptr[at], candidates.indptr[at + 1])
        items = replace(logged.item, codes=candidates.item[own]).decode().to_list()
        return Worth(
            item_ids=items, values=worths.each[own], others=float(worths.others[row]), looked=worths.looked[row]
        )

    return of
