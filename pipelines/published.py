"""The bundle now published, judged as if it had been this run's: on the same log, users and truth, as of ranker_end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from pipelines import lists
from pipelines.baselines import Baselines
from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from pipelines.stages import VERDICT
from recsys.artifacts import Manifest, read_manifest
from recsys.bundle import CURRENT, KIND, Bundle
from recsys.data.catalog import Catalog
from recsys.evaluation.exam import Exam
from recsys.evaluation.gate import window_of
from recsys.evaluation.results import TEXT_ALONE, WHOLE, Comparisons, Evaluation
from recsys.ranking.config import RulesConfig
from recsys.ranking.rules import available
from recsys.recommender import Recommender
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.traits import Trait
from recsys.schema import SECOND, FloatArray, Instant, IntArray

_MODELS = ("student", "ranker")
"""A ranker knows its parents: where both are the same, so are log, catalogue, vectors and settings of candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What is served today.

    Attributes:
        directory: its folder.
        manifest: what it was made from; its files are not compared with it yet.
    """

    directory: Path
    manifest: Manifest

    @classmethod
    def of(cls, root: Path) -> "Published | None":
        """The one that root/current points to; None where nothing was published.

        Raises:
            ArtifactError: no bundle there, or an altered manifest.
        """
        if not (root / CURRENT).is_symlink():
            return None
        directory = (root / CURRENT).resolve()
        return cls(directory=directory, manifest=read_manifest(directory, kind=KIND))

    def is_of(self, parents: Mapping[str, str], rules: RulesConfig) -> bool:
        """Whether its models are these very ones, name of an artifact → digest, and its lists obey the same rules."""
        same = all(self.manifest.parents.get(name) == parents[name] for name in _MODELS)
        return same and RulesConfig.model_validate(self.manifest.config.get("rules", {})) == rules

    def unfair(self, start: Instant) -> str:
        """Why it cannot be judged by labels from `start` on: it may have learned from them; empty where it has not."""
        verdict = self.manifest.config.get(VERDICT)
        learned_until = window_of(verdict)[0] if verdict else None
        if learned_until is not None and learned_until <= start:
            return ""
        until = (
            "does not say until when it learned" if learned_until is None else f"learned until {_day(learned_until)}"
        )
        return f"it {until}, this test window begins at {_day(start)}: it may know the answers; bring a longer log"

    def compared(self, opened: RunDirectory, parts: Parts, evaluation: Evaluation) -> Mapping[str, Comparisons]:
        """`WHOLE` and `TEXT_ALONE` → the run's candidate beside it.

        Its encoder reads the run's catalogue; its user tower, ranker and settings are its own, but for the task, which
        is the run's. All that is behavioural is fitted on the run's log as of ranker_end, as the candidate's was.

        Raises:
            ArtifactError: it is not whole.
            ShapeError: its ranker reads features that are no more.
        """
        resit = _Resit.of(opened, parts)
        loaded = Bundle.load(self.directory)
        theirs = _assembled(loaded, parts)
        whole = resit.whole(theirs)
        text = resit.text(loaded.recommender.retriever.interest, theirs.vectors.vectors)
        grade, metrics = resit.exam.grade, evaluation.leading
        return {
            WHOLE: resit.exam.comparisons(grade(resit.stored(opened)), grade(whole), metrics),
            TEXT_ALONE: resit.exam.comparisons(
                grade(resit.text(parts.interest, parts.vectors.vectors)), grade(text), metrics
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resit:
    """The evaluation's exam, sat once more.

    Attributes:
        parts: of the run.
        exam: the same users, truth and resamples as the evaluation's.
        k: items a list.
    """

    parts: Parts
    exam: Exam
    k: int

    @classmethod
    def of(cls, opened: RunDirectory, parts: Parts) -> "_Resit":
        settings, split = opened.settings, parts.split
        users = parts.interactions.before(split.ranker_end).user_indices()
        config = settings.evaluation
        exam = parts.exam(users, config)
        return cls(parts=parts, exam=exam, k=max(20, *config.lengths))

    def stored(self, opened: RunDirectory) -> IntArray:
        """The candidate's lists, as the evaluation left them."""
        users = self.parts.interactions.users.decode(self.exam.user_idx)
        return lists.stored(opened / "evaluation" / "recommendations", users, self.parts.catalog.vocabulary, self.k)

    def whole(self, recommender: Recommender) -> IntArray:
        as_of = self.parts.split.ranker_end
        histories = self.parts.interactions.histories(self.exam.user_idx, as_of=as_of)
        found = recommender.recommend(histories, k=self.k, as_of=as_of)
        return lists.matrix(found, np.arange(len(self.exam.user_idx)), self.k)

    def text(self, interest: InterestModel, vectors: FloatArray) -> IntArray:
        as_of = self.parts.split.ranker_end
        one_score = Baselines(
            histories=self.parts.interactions.histories(self.exam.user_idx, as_of=as_of),
            as_of=as_of,
            target=self.parts.config.target,
            available=available(self.parts.catalog, as_of=as_of),
            k=self.k,
        )
        return one_score.text(interest, vectors)


def _assembled(bundle: Bundle, parts: Parts) -> Recommender:
    config = bundle.recommender.snapshot.config
    return Recommender.assemble(
        catalog=parts.catalog,
        vectors=_vectors(bundle, parts.catalog),
        interest=bundle.recommender.retriever.interest,
        interactions=parts.interactions,
        as_of=parts.split.ranker_end,
        ranker=bundle.recommender.ranker,
        config=config.model_copy(update={"target": parts.config.target, "threads": parts.config.threads}),
    )


def _vectors(bundle: Bundle, catalog: Catalog) -> ItemVectors:
    """Another catalogue as the bundle reads it: texts that it knows have their vectors, the others are encoded."""
    known = bundle.recommender.vectors
    row_of = {text: row for row, text in enumerate(bundle.catalog.texts)}
    rows = [row_of.get(text) for text in catalog.texts]
    new = sorted({text for text, row in zip(catalog.texts, rows, strict=True) if row is None})
    place_of = row_of | {text: len(known) + place for place, text in enumerate(new)}
    stacked = np.concatenate([known.vectors, bundle.encoder.encode(new)]) if new else known.vectors
    return ItemVectors(
        vectors=np.ascontiguousarray(stacked[[place_of[text] for text in catalog.texts]]),
        catalog_digest=catalog.digest,
        encoder_digest=bundle.encoder.digest,
        traits=tuple(_moved(trait, rows) for trait in known.traits),
    )


def _moved(trait: Trait, rows: list[int | None]) -> Trait:
    """The readings of other rows; nothing where no head has read the text."""
    return Trait.of(trait.name, trait.table.select(pl.all().gather(pl.Series(rows, dtype=pl.UInt32))))


def _day(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at / SECOND, UTC):%Y-%m-%d %H:%M:%S}"
