"""Stage: lists as of ranker_end against what happened next, beside simpler systems, with and without the encoder."""

from collections.abc import Mapping

import numpy as np

from pipelines import lists
from pipelines.baselines import Baselines
from pipelines.console import err
from pipelines.findings import Findings
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from pipelines.train_ranker import ABLATION
from recsys.evaluation.exam import Exam
from recsys.ranking.ranker import Ranker
from recsys.ranking.recommendations import Recommendations
from recsys.ranking.rules import available
from recsys.recommender import Recommender
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import IntArray

OURS = "recsys"
WITHOUT = "without the encoder"
ZERO_SHOT = "zero-shot text"


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `evaluation`: lists of all users known at ranker_end, metrics.json, measured.json."""
    parts, settings = Parts.load(opened), opened.settings
    split, folder = parts.split, opened.read("ranker")
    users = parts.interactions.before(split.ranker_end).user_indices()
    ours = parts.assemble(as_of=split.ranker_end, ranker=Ranker.load(folder, threads=settings.threads))
    found = _lists(parts, ours, users, k=max(20, *settings.evaluation.lengths))
    exam = Exam.of(parts.interactions, users, split=split, target=settings.task.target, config=settings.evaluation)
    findings = Findings(exam=exam, ours=OURS)
    findings.add(OURS, "ours", lists.matrix(found, np.searchsorted(users, exam.user_idx)))
    err.print("  without the encoder", markup=False)
    findings.add(WITHOUT, "ablation", _without_encoder(parts, opened, exam.user_idx))
    err.print("  baselines", markup=False)
    for name, rows in _baselines(parts, opened, ours, exam.user_idx).items():
        findings.add(name, "baseline", rows)
    with opened.make(stage) as out:
        target = out["evaluation"]
        (target / "recommendations").mkdir()
        ids = parts.interactions.users.decode(users)
        table = lists.table(found, ids, parts.catalog.vocabulary)
        table.write_parquet(target / "recommendations" / "part-00000.parquet")
        findings.evaluation(parts, opened, ours).save(target)


def _lists(parts: Parts, recommender: Recommender, users: IntArray, *, k: int) -> Recommendations:
    as_of = parts.split.ranker_end
    return recommender.recommend(parts.interactions.histories(users, as_of=as_of), k=k, as_of=as_of)
