"""How likely the place of a list is looked at: what was taken at a low place counts for those who never saw it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import TypeAdapter, ValidationError

from recsys.data.interactions import Interactions
from recsys.errors import ArtifactError
from recsys.schema import EVENT_CODES, DoubleArray, LongArray

FILE = "examination.json"

STEEPEST = 4.0
"""η is looked for from 0 up to here."""

LEAST_SURE = 0.25
"""An η of a larger standard error corrects nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """P(place p is looked at) ÷ P(place 1 is looked at) = p^-η.

    With it, a positive event at place p counts p^η times (inverse propensity; Joachims, Swaminathan & Schnabel 2017),
    at most `limit` times: few events at places hardly seen would else outweigh all others.

    Attributes:
        eta: η, from 0 up; 0 where all places are looked at alike.
        error: its standard error, if items are taken independently.
        taken: positive events it was estimated from.
        limit: from 1 up.
    """

    eta: float
    error: float
    taken: int
    limit: float

    @classmethod
    def of(cls, known: Interactions, *, limit: float) -> "Examination | None":
        """Estimate η from impressions and positive events of which the log tells the place.

        An item shown n_p times at place p is taken c_p times there, n_p · r · p^-η on average, whatever its appeal r.
        Given how often it is taken in all, its r drops out (fixed-effects Poisson regression; Hausman, Hall & Griliches
        1984): Σ_items Σ_p c_p · log(n_p p^-η ÷ Σ_q n_q q^-η) is highest at η. Only items seen at several places tell
        anything (intervention harvesting; Agarwal et al. 2019). Where a list puts an item higher for those who like
        it more, η comes out too large: then shuffle a share of the lists, or set ranking.position_limit = 1.

        Args:
            known: the log up to an instant.
            limit: of the correction; 1 asks for none.

        Returns:
            None where no correction is asked for, or the log tells too little: `LEAST_SURE`.
        """
        cells = _Cells.of(known)
        if limit == 1 or not cells.information(0.0):
            return None
        eta = cells.estimate()
        error = cells.information(eta) ** -0.5
        return cls(eta=eta, error=error, taken=int(cells.taken.sum()), limit=limit) if error <= LEAST_SURE else None

    def corrected(self, interactions: Interactions) -> Interactions:
        """The same events, each weight times p^η, at most `limit`.

        An event without a place has that of the event before it, of the same user and item: what was clicked in a list
        is bought elsewhere. Where none is told, the weight stays as it is.
        """
        place = pl.col("position").forward_fill().over("user_idx", "item_idx").cast(pl.Float64)
        times = (place**self.eta).clip(1.0, self.limit).fill_null(1.0)
        weight = (pl.col("weight") * times).cast(pl.Float32)
        return replace(interactions, events=interactions.events.with_columns(weight=weight))

    def save(self, directory: Path) -> None:
        """Write examination.json into an existing directory."""
        (directory / FILE).write_bytes(TypeAdapter(Examination).dump_json(self, indent=1) + b"\n")

    @classmethod
    def load(cls, directory: Path) -> "Examination | None":
        """Read what `save` wrote; None where nothing was: nothing was corrected.

        Raises:
            ArtifactError: not of the expected form.
        """
        path = directory / FILE
        if not path.is_file():
            return None
        try:
            return TypeAdapter(Examination).validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            said = f"at {where}, {first['msg'].lower()}"
            raise ArtifactError(f"{path} is no examination of places: {said}; train the ranker again.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """How often each item was shown at each place, and taken there; (cells,) each, an item's cells in one group."""

    item: LongArray
    log_place: DoubleArray
    shown: DoubleArray
    taken: DoubleArray

    @classmethod
    def of(cls, known: Interactions) -> "_Cells":
        placed = known.events.filter(pl.col("position").is_not_null())
        cells = (
            placed.group_by("item_idx", "position")
            .agg(
                shown=(pl.col("event") == EVENT_CODES["impression"]).sum().cast(pl.Float64),
                taken=(pl.col("weight") > 0).sum().cast(pl.Float64),
            )
            .filter(pl.col("shown") > 0)
            .sort("item_idx", "position")
        )
        return cls(
            item=cells["item_idx"].rle_id().to_numpy().astype(np.int64),
            log_place=np.log(cells["position"].to_numpy()),
            shown=cells["shown"].to_numpy(),
            taken=cells["taken"].to_numpy(),
        )

    def _per_item(self, values: DoubleArray) -> DoubleArray:
        return np.asarray(np.bincount(self.item, values), np.float64)

    def _moments(self, eta: float) -> tuple[DoubleArray, DoubleArray]:
        """(items,): mean and variance of log p where an item is taken, were every place looked at as η says."""
        weight = self.shown * np.exp(-eta * self.log_place)
        whole = self._per_item(weight)
        mean = self._per_item(weight * self.log_place) / whole
        return mean, self._per_item(weight * (self.log_place - mean[self.item]) ** 2) / whole

    def slope(self, eta: float) -> float:
        """Derivative of the likelihood; it falls as η rises."""
        mean, _ = self._moments(eta)
        return float(self._per_item(self.taken) @ mean - self.taken @ self.log_place)

    def information(self, eta: float) -> float:
        """Fisher's, of η; 0 where no item that is taken was seen at several places."""
        _, variance = self._moments(eta)
        return float(self._per_item(self.taken) @ variance)

    def estimate(self) -> float:
        """The η of highest likelihood from 0 to `STEEPEST`."""
        if self.slope(0.0) <= 0:
            return 0.0
        if self.slope(STEEPEST) >= 0:
            return STEEPEST
        from scipy.optimize import brentq  # here, so that whoever only reads the result stays light

        return float(brentq(self.slope, 0.0, STEEPEST, xtol=1e-9))
