"""Two methods over the same users: what each reaches, which share the first keeps, and whether a loss is certain."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.evaluation.compare import Difference, Estimate, compare, ratio

LEAST = 9
"""Users who must differ before a loss is called certain: of fewer, even if all lose, a dozen comparisons at once would
find one in a student as good as its teacher too often (sign test, 2 · 2^-9 = .004 = .05 / 12).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of two methods.

    Attributes:
        ours, other: means over the users who have the metric.
        share: ours ÷ other with its interval, paired; None where the other has 0.
        difference: ours - other with its interval, paired.
    """

    ours: float
    other: float
    share: Estimate | None
    difference: Difference

    @classmethod
    def of(
        cls, ours: pl.DataFrame, other: pl.DataFrame, metric: str, *, samples: int = 2000, seed: int = 0
    ) -> "Comparison":
        """From two per-user frames of `metrics.per_user`.

        Raises:
            ShapeError: the frames hold other users, no such metric, or no user has it.
        """
        difference = compare(ours, other, metric, samples=samples, seed=seed)
        return cls(
            ours=_mean(ours, metric),
            other=_mean(other, metric),
            share=ratio(ours, other, metric, samples=samples, seed=seed),
            difference=difference,
        )

    @property
    def certainly_worse(self) -> bool:
        """Whether the whole interval of the difference is below 0, or all lose the same, and `LEAST` users differ.

        The difference decides and not the share: where few users have hits, some resamples hold none of the other's,
        and a share of them has no interval.
        """
        d = self.difference
        alike = d.low is None and d.mean < 0
        return d.differing >= LEAST and (d.sign < 0 or alike)


def _mean(frame: pl.DataFrame, metric: str) -> float:
    return float(np.nanmean(frame[metric].cast(pl.Float64).fill_null(float("nan")).to_numpy()))
