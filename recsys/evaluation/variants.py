"""Variants of one run's encoder side by side, as values and as JSON: what each keeps, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from recsys.artifacts import verify
from recsys.errors import ArtifactError
from recsys.evaluation.compare import Estimate
from recsys.evaluation.comparison import Comparison
from recsys.retrieval.speed import Speed

KIND = "variants"
ROWS, MEASURED = "variants.json", "measured.json"

T = TypeVar("T")

Place: TypeAlias = Literal["teacher", "served", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One encoder.

    Attributes:
        name: of the row.
        place: teacher, in torch; served, the run's own student; other, what the run might have.
        why: what is special about it, in a few words.
        changes: settings, section.key=value, that would make it the served one.
        layers: of the transformer; 0 where there is none.
        dim: width of the vectors.
        megabytes: of the model file (10^6 bytes).
        ndcg: nDCG@10 on the validation window before encoder_end.
        kept: the same beside the teacher's, over the same users; None for the teacher.
    """

    name: str
    place: Place
    why: str
    changes: tuple[str, ...]
    layers: int
    dim: int
    megabytes: float
    ndcg: Estimate
    kept: Comparison | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """The table.

    Attributes:
        rows: in its order; names are distinct.
        speeds: name → clock readings of all rows, taken in one process.
        threads: with so many threads.
    """

    rows: tuple[Variant, ...]
    speeds: Mapping[str, Speed]
    threads: int

    def front(self) -> tuple[Variant, ...]:
        """The rows that no other row betters: higher nDCG and at most the time, or less time and at least the nDCG.

        By the median of one text; fastest first.
        """
        best: list[Variant] = []
        for row in sorted(self.rows, key=lambda row: (self.speeds[row.name].p50_ms, -row.ndcg.mean)):
            if not best or row.ndcg.mean > best[-1].ndcg.mean:
                best.append(row)
        return tuple(best)

    def save(self, directory: Path) -> None:
        """Write variants.json, which repeats with equal inputs, and measured.json, which does not."""
        (directory / ROWS).write_bytes(_ROWS.dump_json(self.rows, indent=1) + b"\n")
        measured = _Measured(threads=self.threads, speeds=dict(self.speeds))
        (directory / MEASURED).write_bytes(TypeAdapter(_Measured).dump_json(measured, indent=1) + b"\n")

    @classmethod
    def load(cls, directory: Path) -> "Variants":
        """Read what `save` wrote and `artifacts.publish` published.

        Raises:
            ArtifactError: it is missing, altered or malformed.
        """
        verify(directory, kind=KIND)
        rows = _read(directory / ROWS, _ROWS)
        measured = _read(directory / MEASURED, TypeAdapter(_Measured))
        return cls(rows=rows, speeds=measured.speeds, threads=measured.threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """measured.json."""

    threads: int
    speeds: Mapping[str, Speed]


_ROWS: TypeAdapter[tuple[Variant, ...]] = TypeAdapter(tuple[Variant, ...])


def _read(path: Path, form: TypeAdapter[T]) -> T:
    try:
        return form.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ArtifactError(
            f"{path} holds no variants of an encoder: at {where}, {first['msg'].lower()}; run `recsys bench student` "
            "again."
        ) from error
