"""The three cut-offs, so that no model is judged, or taught, by what it has already seen."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsys.data.config import SplitConfig
from recsys.data.interactions import Interactions
from recsys.errors import SplitError
from recsys.schema import Instant, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSplit:
    """Half-open windows over one log.

    Attributes:
        encoder_end: encoder, student and calibration learn from events before it.
        ranker_end: the ranker's labels end here; evaluation happens as of it.
        end: one microsecond after the last event.
        instants: where ranker rows are taken; the labels of one run to the next, of the last to ranker_end.
    """

    encoder_end: Instant
    ranker_end: Instant
    end: Instant
    instants: tuple[Instant, ...]

    @classmethod
    def of(cls, interactions: Interactions, config: SplitConfig) -> "TimeSplit":
        """Cut at quantiles ("nearest") of the positive events' timestamps.

        Raises:
            SplitError: too few distinct timestamps to give every window an event.
        """
        at = interactions.positives().events["at"]
        if len(at) == 0:
            raise SplitError("Expected positive events to split by time, found none; check event roles and weights.")
        order = np.sort(at.to_numpy())
        quantiles = np.linspace(config.encoder_end, config.ranker_end, config.instants + 1)
        cuts = [_nearest(order, q) for q in quantiles]
        if not int(order[0]) < cuts[0] or sorted(set(cuts)) != cuts:
            raise SplitError(
                f"Expected positive events spread over time, got {at.n_unique()} distinct timestamps in {len(at)} "
                f"events: the windows at quantiles {config.encoder_end} and {config.ranker_end} would be empty. "
                "Bring a longer log, true timestamps, or move split.encoder_end and split.ranker_end."
            )
        end = interactions.end
        return cls(encoder_end=cuts[0], ranker_end=cuts[-1], end=end, instants=tuple(cuts[:-1]))

    def label_windows(self) -> list[tuple[Instant, Instant]]:
        """(as_of, label end) of the ranker's rows, oldest first; the last is for validation."""
        return list(zip(self.instants, [*self.instants[1:], self.ranker_end], strict=True))


def _nearest(order: LongArray, quantile: float) -> Instant:
    """The value at a quantile of sorted values, by the "nearest" rule that polars and the field's scorers use."""
    return int(pl.Series(order).quantile(round(float(quantile), 9), "nearest") or 0)
