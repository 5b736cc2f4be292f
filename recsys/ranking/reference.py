"""How what the ranker reads was spread at a release: bins, and how far later values have moved among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError, ShapeError
from recsys.ranking.observation import Observation
from recsys.schema import DoubleArray, FloatArray, LongArray

FILE = "reference.json"
BINS = 10
"""Bins of about as many values each; fewer where many values are equal, and one more for what is missing."""

FLOOR = 1e-4
"""A share below this counts as this, so that an empty bin does not make a distance without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How the values of a column were spread.

    Attributes:
        edges: float64 (b - 1,), ascending; bin i holds edges[i - 1] < x ≤ edges[i], the first and the last are open.
        counts: int64 (b + 1,), how many values each bin held; the last is of NaN.
    """

    edges: DoubleArray
    counts: LongArray

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.edges) + 2,) or (self.counts < 0).any():
            raise ShapeError(f"Expected {len(self.edges) + 2} counts of at least 0, got {self.counts.tolist()}.")
        if not (np.isfinite(self.edges).all() and (np.diff(self.edges) > 0).all()):
            raise ShapeError(f"Expected finite, ascending edges of bins, got {self.edges.tolist()}.")

    @classmethod
    def of(cls, values: FloatArray) -> "Histogram":
        """Cut at the deciles of what is finite; a value that is several of them has a bin to itself.

        Args:
            values: float32 (m,), NaN where missing.
        """
        there = values[np.isfinite(values)]
        edges = np.zeros(0)
        if len(there):
            quantiles = np.quantile(there, np.arange(1, BINS) / BINS, method="inverted_cdf").astype(np.float32)
            several = quantiles[1:][np.diff(quantiles) == 0]
            edges = np.unique([*quantiles, *np.nextafter(several, np.float32(-np.inf))]).astype(np.float64)
        return cls(edges=edges, counts=count(values, edges))

    def distance(self, counts: LongArray) -> float:
        """The population stability index of later values: Σ (q - p) ln(q / p) over the bins, p and q their shares.

        Siddiqi, Credit Risk Scorecards (2006), with his reading: below .1 little, above .25 much has changed. It is the
        sum of both Kullback-Leibler divergences. From n and m independent values of one distribution it is about
        (bins - 1) (1 / n + 1 / m) by chance alone (Yurdakul and Naranjo 2020).

        Args:
            counts: int64, as `self.counts`.
        """
        p, q = (np.maximum(each / max(each.sum(), 1), FLOOR) for each in (self.counts, counts))
        return float(((q - p) * np.log(q / p)).sum())


def count(values: FloatArray, edges: DoubleArray) -> LongArray:
    """int64 (len(edges) + 2,): how many values fall into each bin, NaN into the last."""
    missing = np.isnan(values)
    bins = np.where(missing, len(edges) + 1, np.searchsorted(edges, values))
    return np.bincount(bins, minlength=len(edges) + 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The histograms of all columns of an observation.

    Attributes:
        columns: name → its histogram.
        lists: how many were looked at.
    """

    columns: Mapping[str, Histogram]
    lists: int

    @classmethod
    def of(cls, seen: Observation) -> "Reference":
        """Of what was seen at a release."""
        columns = {name: Histogram.of(column) for name, column in zip(seen.names, seen.values.T, strict=True)}
        return cls(columns=columns, lists=seen.lists)

    def counts(self, seen: Observation) -> dict[str, LongArray]:
        """Name → the values of an observation by the bins of that column; columns that are not there are left out."""
        return {
            name: count(column, self.columns[name].edges)
            for name, column in zip(seen.names, seen.values.T, strict=True)
            if name in self.columns
        }

    def save(self, directory: Path) -> None:
        """Write reference.json into an existing directory."""
        columns = {
            name: {"edges": each.edges.tolist(), "counts": each.counts.tolist()} for name, each in self.columns.items()
        }
        write_json(directory / FILE, {"lists": self.lists, "columns": columns})

    @classmethod
    def load(cls, directory: Path) -> "Reference | None":
        """What `save` wrote; None where there is no such file.

        Raises:
            ArtifactError: not a reference.
        """
        if not (directory / FILE).is_file():
            return None
        body = read_json(directory / FILE)
        try:
            return cls(columns={name: _read(each) for name, each in body["columns"].items()}, lists=int(body["lists"]))
        except (KeyError, TypeError, ValueError, AttributeError, ShapeError) as error:
            raise ArtifactError(
                f"{directory / FILE} is not a reference ({error}); release the bundle again."
            ) from error


def _read(column: Mapping[str, Any]) -> Histogram:
    edges, counts = column["edges"], column["counts"]
    return Histogram(edges=np.array(edges, np.float64), counts=np.array(counts, np.int64))
