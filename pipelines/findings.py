"""What an evaluation collects, method by method, until it is one `Evaluation`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from recsys.data.interactions import Histories, Interactions
from recsys.data.split import TimeSplit
from recsys.evaluation.compare import estimate, estimates, ratio
from recsys.evaluation.exam import Exam, Grades
from recsys.evaluation.metrics import candidate_recall
from recsys.evaluation.results import Curve, DataCard, EncoderScore, Role, SourceRecall
from recsys.evaluation.segments import OVERALL
from recsys.retrieval.candidates import SOURCES, Candidates
from recsys.schema import DAY, EVENTS, IntArray

ALL_SOURCES = "all sources"


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

    def encoder(self, recommended: IntArray, *, layers: int, size: int, teacher: Grades | None) -> EncoderScore:
        """Score an encoder's own lists; `teacher` is what it is compared with."""
        config = self.exam.config
        frame = self.exam.grade(recommended).per_user[OVERALL]
        kept = {}
        if teacher is not None:
            for metric in (f"ndcg@{min(config.lengths)}", f"recall@{max(config.lengths)}"):
                share = ratio(frame, teacher.per_user[OVERALL], metric, samples=config.samples, seed=config.seed)
                kept |= {} if share is None else {metric: share}
        scores = estimates(frame, samples=config.samples, seed=config.seed)
        return EncoderScore(layers=layers, size=size, scores=scores, kept=kept)

    def sources(self, candidates: Candidates) -> dict[str, SourceRecall]:
        """Recall of every source and of their union; `candidates` are of the exam's users, in its order."""
        bits = {name: 1 << bit for bit, name in enumerate(SOURCES)}
        masks = {name: (candidates.sources & bit) != 0 for name, bit in bits.items()}
        masks[ALL_SOURCES] = np.ones(len(candidates.item_idx), np.bool_)
        truth, config = self.exam.segments[OVERALL], self.exam.config
        found = {}
        for name, mask in masks.items():
            counts = np.bincount(candidates.rows[mask], minlength=len(candidates))
            indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            frame = candidate_recall(indptr, candidates.item_idx[mask], truth)
            recall = estimate(frame, "recall", samples=config.samples, seed=config.seed)
            found[name] = SourceRecall(recall=recall, candidates=float(counts.mean()))
        return found


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
