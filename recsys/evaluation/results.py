"""Everything an evaluation found, as values and as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from recsys.errors import ArtifactError, ShapeError
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.forgetting import Change
from recsys.evaluation.metrics import Exposure
from recsys.evaluation.reliability import Reliability
from recsys.evaluation.segments import OVERALL
from recsys.ranking.draw import Draw
from recsys.ranking.examination import Examination
from recsys.ranking.trials import Trials
from recsys.schema import Instant

METRICS = "metrics.json"
MEASURED = "measured.json"
T = TypeVar("T")

WHOLE = "whole pipeline"
TEXT_ALONE = "text alone"
Comparisons: TypeAlias = Mapping[str, Mapping[str, Comparison]]
"""Segment → metric → ours beside the other."""

Role: TypeAlias = Literal["ours", "ablation", "baseline"]
"""ours: the method of this run; ablation: ours without something; baseline: something simpler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How one method did: segment → metric → mean over users with its interval."""

    role: Role
    scores: Mapping[str, Mapping[str, Estimate]]
    exposure: Exposure


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderScore:
    """An encoder alone, lists by the dot product of user and item vector.

    Attributes:
        layers: transformer layers.
        size: bytes of its weights on disk.
        scores: metric → mean over users with its interval.
        kept: metric → its mean ÷ the teacher's, paired; empty for the teacher itself and where the teacher has 0.
    """

    layers: int
    size: int
    scores: Mapping[str, Estimate]
    kept: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecall:
    """What one source of candidates could give a ranker.

    Attributes:
        recall: mean share of a user's truth that is among the source's candidates.
        candidates: mean number of candidates per user.
        lost: what the recall of all sources loses without this one, paired: the share of a user's truth that no other
            source proposes. None for all sources together.
        only: mean number of candidates per user that no other source proposes; None likewise.
    """

    recall: Estimate
    candidates: float
    lost: Difference | None = None
    only: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCard:
    """What the figures were measured on.

    Attributes:
        name: of the data set.
        rows: event rows used.
        filtered: reason → event rows that the source drops by its own rule.
        rejects: reason → malformed rows left out.
        users, items: with an event, and in the catalogue.
        events: event role → rows.
        clock: real where timestamps are times, order where only their order means something.
        first, encoder_end, ranker_end, end: instants, µs since 1970 UTC; the test window is [ranker_end, end).
    """

    name: str
    rows: int
    filtered: Mapping[str, int]
    rejects: Mapping[str, int]
    users: int
    items: int
    events: Mapping[str, int]
    clock: Literal["real", "order"]
    first: Instant
    encoder_end: Instant
    ranker_end: Instant
    end: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A quantity followed over training steps: one finite value for each."""

    steps: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.values) or not all(map(math.isfinite, self.values)):
            raise ShapeError(
                f"Curve: expected one finite value for each of {len(self.steps)} steps, got {len(self.values)} values: "
                f"{list(self.values[:5])}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Clock readings: true of one machine on one day, so kept apart from what repeats bit by bit.

    Attributes:
        encoder_ms: encoder → milliseconds for one text, one thread.
        stage_seconds: stage → seconds it took.
    """

    encoder_ms: Mapping[str, float] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One run's evaluation.

    Attributes:
        data: what it was measured on.
        target: all: anything counts; new: only items the user had not taken before.
        shown: the metrics that tables show; the first is the headline, the first two are leading: told everywhere.
        ours: name of the run's own method.
        methods: name → scores, ours included.
        differences: other method → segment → metric → ours - other, paired over users.
        encoders: name → the encoder alone; the teacher is called "teacher".
        kept: `WHOLE` and `TEXT_ALONE` → with the student's vectors, beside the same with the teacher's.
        sources: source of candidates → what it could give; the union of all is called "all sources".
        training: quantity → its curve over the encoder's training.
        forgetting: old window or new window → what a teacher kept or gained that went on from another; else empty.
        reliability: whose interest, and where → how far it is to be believed; the first is what is served.
        probability: whose, and where → how far the ranker's probability is to be believed.
        importance: feature → share of what all features decide in the ranker, largest first.
        trials: settings of the ranker's trees that were tried; None where the given ones were taken.
        draw: which users the ranker learned from; None where there was room for all.
        examination: how likely places were looked at, where the ranker's labels were corrected for it.
        measured: clock readings.
    """

    data: DataCard
    target: Literal["all", "new"]
    shown: tuple[str, ...]
    ours: str
    methods: Mapping[str, Method]
    differences: Mapping[str, Mapping[str, Mapping[str, Difference]]]
    encoders: Mapping[str, EncoderScore] = field(default_factory=dict)
    kept: Mapping[str, Comparisons] = field(default_factory=dict)
    sources: Mapping[str, SourceRecall] = field(default_factory=dict)
    training: Mapping[str, Curve] = field(default_factory=dict)
    forgetting: Mapping[str, Change] = field(default_factory=dict)
    reliability: Mapping[str, Reliability] = field(default_factory=dict)
    probability: Mapping[str, Reliability] = field(default_factory=dict)
    importance: Mapping[str, float] = field(default_factory=dict)
    trials: Trials | None = None
    draw: Draw | None = None
    examination: Examination | None = None
    measured: Measured = field(default_factory=Measured)

    def __post_init__(self) -> None:
        if self.ours not in self.methods:
            raise ShapeError(f"Evaluation: expected our method {self.ours!r} among {sorted(self.methods)}.")
        for name, method in self.methods.items():
            missing = set(self.leading).difference(method.scores.get(OVERALL, {}))
            if name != self.ours:
                missing |= set(self.leading).difference(self.differences.get(name, {}).get(OVERALL, {}))
            if missing or not self.shown:
                raise ShapeError(
                    f"Evaluation: expected {', '.join(self.leading) or 'a metric to show'} overall for {name!r}, and "
                    f"as a difference of ours to it; missing {sorted(missing)}."
                )

    @property
    def headline(self) -> str:
        """The metric that the first sentence and the order of the methods go by."""
        return self.shown[0]

    @property
    def leading(self) -> tuple[str, ...]:
        """The one or two metrics that every table has room for."""
        return self.shown[:2]

    def named(self, role: Role) -> list[str]:
        """Methods of a role, best headline first."""
        return sorted(
            (name for name, m in self.methods.items() if m.role == role),
            key=lambda name: (-self.methods[name].scores[OVERALL][self.headline].mean, name),
        )

    def save(self, directory: Path) -> None:
        """Write metrics.json, which repeats with equal inputs, and measured.json, which does not."""
        body = TypeAdapter(Evaluation).dump_json(self, indent=1, exclude={"measured"})
        (directory / METRICS).write_bytes(body + b"\n")
        (directory / MEASURED).write_bytes(TypeAdapter(Measured).dump_json(self.measured, indent=1) + b"\n")

    @classmethod
    def load(cls, directory: Path) -> "Evaluation":
        """Read what `save` wrote.

        Raises:
            ArtifactError: no file, or not an evaluation.
        """
        found = _read(directory / METRICS, TypeAdapter(Evaluation))
        measured = _read(directory / MEASURED, TypeAdapter(Measured))
        return replace(found, measured=measured)


def _read(path: Path, form: TypeAdapter[T]) -> T:
    try:
        return form.validate_json(path.read_bytes())
    except OSError as error:
        raise ArtifactError(
            f"Expected an evaluation at {path}, cannot read it ({error.strerror}); run the evaluate stage."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ArtifactError(
            f"{path} is not an evaluation: at {where}, {first['msg'].lower()}; run the evaluate stage again."
        ) from error
