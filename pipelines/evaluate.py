"""Stage: lists as of ranker_end against what happened next, beside simpler systems, with and without the encoder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipelines import lists
from pipelines.baselines import Baselines
from pipelines.console import err, warn
from pipelines.findings import Findings, Proposals, data_card, training_curves
from pipelines.parts import Parts
from pipelines.reliability import of_ranker, on_test, told
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from pipelines.train_ranker import WITH_TEACHER, WITHOUT_ENCODER
from recsys.data.interactions import Histories
from recsys.data.storage import read_json
from recsys.evaluation import forgetting
from recsys.evaluation.exam import Exam
from recsys.evaluation.results import TEXT_ALONE, WHOLE, Comparisons, Evaluation, Measured
from recsys.ranking.examination import Examination
from recsys.ranking.ranker import Ranker
from recsys.ranking.rules import available
from recsys.ranking.trials import Trials
from recsys.recommender import Recommendations, Recommender
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import IntArray

OURS = "recsys"
WITHOUT = "without the encoder"
ZERO_SHOT = "zero-shot text"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """The exam's users as of ranker_end, and who recommends to them."""

    opened: RunDirectory
    parts: Parts
    ours: Recommender
    exam: Exam
    k: int

    @property
    def histories(self) -> Histories:
        """Of the exam's users."""
        return self.parts.interactions.histories(self.exam.user_idx, as_of=self.parts.split.ranker_end)


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `evaluation`: lists of all users known at ranker_end, metrics.json, measured.json."""
    parts, settings = Parts.load(opened), opened.settings
    as_of = parts.split.ranker_end
    users = parts.interactions.before(as_of).user_indices()
    ranker = Ranker.load(opened.read("ranker"), threads=settings.threads)
    ours = parts.assemble(as_of=as_of, ranker=ranker)
    warn(ours.snapshot.rules.doubts)
    exam = parts.exam(users, settings.evaluation)
    session = _Session(opened=opened, parts=parts, ours=ours, exam=exam, k=max(20, *settings.evaluation.lengths))
    err.print("  lists of all users", markup=False)
    found = ours.recommend(parts.interactions.histories(users, as_of=as_of), k=session.k, as_of=as_of)
    evaluation = _judge(session, found, users)
    with opened.make(stage) as out:
        evaluation.save(out["evaluation"])
        folder = out["evaluation"] / "recommendations"
        folder.mkdir()
        table = lists.table(found, parts.interactions.users.decode(users), parts.catalog.vocabulary)
        table.write_parquet(folder / "part-00000.parquet")


def _judge(session: _Session, found: Recommendations, users: IntArray) -> Evaluation:
    findings = Findings(exam=session.exam)
    findings.add(OURS, "ours", lists.matrix(found, np.searchsorted(users, session.exam.user_idx), session.k))
    if (session.opened / "ranker" / WITHOUT_ENCODER).is_dir():
        err.print("  without the encoder", markup=False)
        findings.add(WITHOUT, "ablation", _without_encoder(session))
    err.print("  simpler systems", markup=False)
    baselines = _baselines(session)
    for name, rows in baselines.behavioural(session.ours.retriever.behaviour).items():
        findings.add(name, "baseline", rows)
    findings.add(ZERO_SHOT, "baseline", _zero_shot(session, baselines))
    err.print("  encoders and candidates", markup=False)
    opened, parts = session.opened, session.parts
    alone = _alone(session, baselines)
    quality = read_json(opened / "interactions" / "quality.json")
    assert session.ours.ranker is not None
    return Evaluation(
        ours=OURS,
        shown=findings.shown,
        methods=findings.methods(),
        differences=findings.differences(OURS),
        data=data_card(opened.source.rsplit("/", 1)[-1], parts.interactions, parts.split, quality),
        target=opened.settings.task.target,
        encoders=findings.encoders(
            teacher=(alone["teacher"], opened / "teacher"), student=(alone["student"], opened / "student")
        ),
        kept=_kept(session, findings, alone),
        sources=findings.sources(Proposals.of(session.ours, session.histories)),
        training=training_curves(opened / "teacher"),
        forgetting=forgetting.load(opened / "teacher"),
        reliability=told(opened, on_test(parts, session.exam)),
        probability=of_ranker(session.ours, parts, session.exam.config, folder=opened.path),
        importance=_importance(session.ours.ranker),
        trials=Trials.load(opened / "ranker"),
        draw=session.ours.ranker.draw,
        examination=Examination.load(opened / "ranker"),
        measured=_measured(opened),
    )


def _without_encoder(session: _Session) -> IntArray:
    """The same river with neither the encoder's candidates nor its features; words that texts share are left to it."""
    config = session.parts.config
    blind = config.model_copy(
        update={"retrieval": config.retrieval.model_copy(update={"text": 0, "text_neighbours": 0})}
    )
    folder = session.opened / "ranker" / WITHOUT_ENCODER
    as_of = session.parts.split.ranker_end
    recommender = session.parts.assemble(as_of=as_of, ranker=Ranker.load(folder, threads=config.threads), config=blind)
    found = recommender.recommend(session.histories, k=session.k, as_of=as_of)
    return lists.matrix(found, np.arange(len(session.exam.user_idx)), session.k)


def _baselines(session: _Session) -> Baselines:
    as_of = session.parts.split.ranker_end
    return Baselines(
        histories=session.histories,
        as_of=as_of,
        target=session.opened.settings.task.target,
        available=available(session.parts.catalog, as_of=as_of),
        k=session.k,
    )


def _zero_shot(session: _Session, baselines: Baselines) -> IntArray:
    """The base encoder as it comes: the decayed mean of the history's vectors against every item's."""
    vectors = ItemVectors.load(session.opened.read("teacher") / "zero_shot").vectors
    return baselines.text(InterestModel.zero_shot(vectors.shape[1], session.parts.interactions.day), vectors)


def _alone(session: _Session, baselines: Baselines) -> dict[str, IntArray]:
    """Teacher and student → lists by the dot product of user and item vector."""
    vectors, interest = session.parts.teachers(session.opened)
    return {
        "teacher": baselines.text(interest, vectors.vectors),
        "student": baselines.text(session.parts.interest, session.parts.vectors.vectors),
    }


def _kept(session: _Session, findings: Findings, alone: Mapping[str, IntArray]) -> dict[str, Comparisons]:
    """What distillation left: by text alone, and in the whole pipeline where a ranker was taught on the teacher."""
    exam, metrics = session.exam, findings.shown[:2]
    teacher, student = (exam.grade(alone[name]) for name in ("teacher", "student"))
    kept = {TEXT_ALONE: exam.comparisons(student, teacher, metrics)}
    if (session.opened / "ranker" / WITH_TEACHER).is_dir():
        err.print("  with the teacher's vectors", markup=False)
        lists_of_teacher = exam.grade(_with_teacher(session))
        kept = {WHOLE: exam.comparisons(findings.grades[OURS], lists_of_teacher, metrics)} | kept
    return kept


def _with_teacher(session: _Session) -> IntArray:
    """The same river with the teacher in the student's place."""
    parts, as_of = session.parts, session.parts.split.ranker_end
    ranker = Ranker.load(session.opened / "ranker" / WITH_TEACHER, threads=parts.config.threads)
    snapshot = session.ours.snapshot.reread(*parts.teachers(session.opened))
    found = Recommender(snapshot=snapshot, ranker=ranker).recommend(session.histories, k=session.k, as_of=as_of)
    return lists.matrix(found, np.arange(len(session.exam.user_idx)), session.k)


def _importance(ranker: Ranker) -> dict[str, float]:
    """Feature → share of what all of them decide, largest first."""
    sizes = ranker.model.importance()
    total = max(sum(sizes.values()), 1e-12)
    return {name: size / total for name, size in sorted(sizes.items(), key=lambda entry: -entry[1])}


def _measured(opened: RunDirectory) -> Measured:
    readings = json.loads((opened / "student" / "measured.json").read_text())
    return Measured(encoder_ms=readings["encoder_ms"])
