"""What an evaluation collects, method by method, until it is one `Evaluation`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.interactions import Histories, Interactions
from recsys.data.split import TimeSplit
from recsys.data.storage import read_json
from recsys.evaluation.compare import Difference, Estimate, compare, estimate, estimates, ratio
from recsys.evaluation.exam import Exam, Grades
from recsys.evaluation.metrics import candidate_recall
from recsys.evaluation.results import Curve, DataCard, EncoderScore, Method, Role, SourceRecall
from recsys.evaluation.segments import OVERALL
from recsys.recommender import Recommender
from recsys.retrieval.candidates import SOURCES
from recsys.schema import DAY, EVENTS, BoolArray, IntArray, LongArray, WordArray

ALL_SOURCES = "all sources"
RECALL = "recall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Grades of methods that sat the same exam.

    Attributes:
        exam: the users and their truth.
        grades: method → grades.
        roles: method → role.
    """

    exam: Exam
    grades: dict[str, Grades] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)

    def add(self, name: str, role: Role, recommended: IntArray) -> None:
        """Grade lists int32 (n, k) of the exam's users."""
        self.grades[name] = self.exam.grade(recommended)
        self.roles[name] = role

    def methods(self) -> dict[str, Method]:
        """Means with intervals of every method."""
        return {name: self.exam.method(grades, role=self.roles[name]) for name, grades in self.grades.items()}

    def differences(self, ours: str) -> dict[str, Mapping[str, Mapping[str, Difference]]]:
        """`ours` minus every other method, paired."""
        best = self.grades[ours]
        return {name: self.exam.differences(best, other) for name, other in self.grades.items() if name != ours}

    @property
    def shown(self) -> tuple[str, ...]:
        """The metrics that tables show."""
        short, long = min(self.exam.config.lengths), max(self.exam.config.lengths)
        return (f"ndcg@{short}", f"recall@{long}", f"mrr@{short}", f"map@{short}", f"novelty@{short}")

    def encoders(self, *, teacher: tuple[IntArray, Path], student: tuple[IntArray, Path]) -> dict[str, EncoderScore]:
        """Teacher and student alone: (lists of the exam's users, directory of the encoder)."""
        best, other = (self.exam.grade(lists) for lists, _ in (teacher, student))
        return {
            "teacher": self._encoder(best, teacher[1]),
            "student": replace(self._encoder(other, student[1]), kept=self._kept(other, best)),
        }

    def _encoder(self, grades: Grades, directory: Path) -> EncoderScore:
        config = self.exam.config
        return EncoderScore(
            layers=int(read_json(directory / "encoder.json")["layers"]),
            size=sum(path.stat().st_size for path in weights(directory)),
            scores=estimates(grades.per_user[OVERALL], samples=config.samples, seed=config.seed),
        )

    def _kept(self, student: Grades, teacher: Grades) -> dict[str, Estimate]:
        """Leading metric → the student's mean over the teacher's; left out where the teacher has 0."""
        config = self.exam.config
        a, b = student.per_user[OVERALL], teacher.per_user[OVERALL]
        shares = {metric: ratio(a, b, metric, samples=config.samples, seed=config.seed) for metric in self.shown[:2]}
        return {metric: share for metric, share in shares.items() if share is not None}

    def sources(self, proposals: "Proposals") -> dict[str, SourceRecall]:
        """Recall of every source over the exam's users, alone and beside the others, and of their union."""
        config, n = self.exam.config, len(self.exam.user_idx)
        whole = self._recall(proposals, np.ones(len(proposals.item_idx), np.bool_))
        found = {}
        for bit, name in enumerate(SOURCES):
            proposed, only = (proposals.sources >> bit & 1) > 0, proposals.sources == 1 << bit
            alone, without = self._recall(proposals, proposed), self._recall(proposals, ~only)
            found[name] = SourceRecall(
                recall=estimate(alone, RECALL, samples=config.samples, seed=config.seed),
                candidates=np.count_nonzero(proposed) / n,
                lost=compare(whole, without, RECALL, samples=config.samples, seed=config.seed),
                only=np.count_nonzero(only) / n,
            )
        recall = estimate(whole, RECALL, samples=config.samples, seed=config.seed)
        return found | {ALL_SOURCES: SourceRecall(recall=recall, candidates=len(proposals.item_idx) / n)}

    def _recall(self, proposals: "Proposals", mask: BoolArray) -> pl.DataFrame:
        """user_idx and recall of the chosen candidates."""
        truth = self.exam.segments[OVERALL]
        counts = np.bincount(proposals.rows[mask], minlength=len(truth))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return candidate_recall(indptr, proposals.item_idx[mask], truth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """Who proposed what to whom.

    Attributes:
        rows: int64 (m,), ascending user rows.
        item_idx: int32 (m,).
        sources: uint16 (m,), bits of `SOURCES`.
    """

    rows: LongArray
    item_idx: IntArray
    sources: WordArray

    @classmethod
    def of(cls, recommender: Recommender, histories: Histories) -> "Proposals":
        """All candidates of these users as of the recommender's instant, block by block."""
        snapshot, as_of = recommender.snapshot, recommender.snapshot.items.as_of
        rows, items, sources = [], [], []
        for part in snapshot.blocks(len(histories)):
            block = histories.part(part.start, part.stop)
            allowed = snapshot.allowed(block, as_of=as_of)
            found = snapshot.retriever.retrieve(block, as_of=as_of, allowed=allowed)
            rows.append(found.rows + part.start)
            items.append(found.item_idx)
            sources.append(found.sources)
        return cls(rows=np.concatenate(rows), item_idx=np.concatenate(items), sources=np.concatenate(sources))


def weights(directory: Path) -> list[Path]:
    """The files a process loads to encode: the ONNX graph where there is one, else torch's weights."""
    exported = sorted(directory.glob("*.onnx*"))
    return exported or sorted(directory.rglob("*.safetensors"))


def training_curves(teacher: Path) -> dict[str, Curve]:
    """The looks at the validation window and the loss, by name, from the teacher's history."""
    looks = json.loads((teacher / "history.json").read_text())
    head = max((look["step"] for look in looks if look["phase"] == "head"), default=0)
    curves = {}
    for label, name in (("loss", "loss"), ("validation ndcg@10", "ndcg"), ("validation recall@20", "recall")):
        told = [look for look in looks if look[name] is not None]
        steps = tuple(look["step"] + head * (look["phase"] != "head") for look in told)
        curves[label] = Curve(steps=steps, values=tuple(look[name] for look in told))
    return curves


def data_card(
    name: str, interactions: Interactions, split: TimeSplit, quality: Mapping[str, Mapping[str, int]]
) -> DataCard:
    """What the figures were measured on; `quality` as the prepare stage wrote it."""
    events = interactions.events
    roles = events["event"].value_counts().sort("event")
    return DataCard(
        name=name,
        rows=len(events),
        filtered=quality["filtered"],
        rejects=quality["rejects"],
        users=len(interactions.users),
        items=interactions.n_items,
        events={EVENTS[code]: n for code, n in roles.iter_rows()},
        clock="real" if interactions.day == DAY else "order",
        first=int(events["at"][0]),
        encoder_end=split.encoder_end,
        ranker_end=split.ranker_end,
        end=split.end,
    )
