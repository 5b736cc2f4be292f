"""The three cut-offs, so that no model is judged, or taught, by what it has already seen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.config import SplitConfig
from recsys.data.interactions import Interactions
from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError, SplitError
from recsys.schema import Instant, LongArray, moment


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
    def of(cls, interactions: Interactions, config: SplitConfig, floor: Sequence[Instant] = ()) -> "TimeSplit":
        """Cut at quantiles ("nearest") of the positive events' timestamps, and nowhere before a floor.

        Args:
            interactions: the whole log.
            config: the quantiles.
            floor: cuts of an earlier split of the same log, ascending. Events that are told late lie before them and
                draw the quantiles back, but no model may be judged by what one before it has learned from.

        Raises:
            SplitError: too few distinct timestamps to give every window an event, or no positive event since the last
                cut of the floor.
        """
        at = interactions.positives().events["at"]
        if len(at) == 0:
            raise SplitError("Expected positive events to split by time, found none; check event roles and weights.")
        order = np.sort(at.to_numpy())
        quantiles = np.linspace(config.encoder_end, config.ranker_end, config.instants + 1)
        cuts = [nearest(order, q) for q in quantiles]
        if not int(order[0]) < cuts[0] or sorted(set(cuts)) != cuts:
            raise SplitError(
                f"Expected positive events spread over time, got {at.n_unique()} distinct timestamps in {len(at)} "
                f"events: the windows at quantiles {config.encoder_end} and {config.ranker_end} would be empty. "
                "Bring a longer log, true timestamps, or move split.encoder_end and split.ranker_end."
            )
        cuts = _not_before(floor, cuts, last=int(order[-1]))
        end = interactions.end
        return cls(encoder_end=cuts[0], ranker_end=cuts[-1], end=end, instants=tuple(cuts[:-1]))

    def label_windows(self) -> list[tuple[Instant, Instant]]:
        """(as_of, label end) of the ranker's rows, oldest first; the last is for validation."""
        return list(zip(self.instants, [*self.instants[1:], self.ranker_end], strict=True))

    def save(self, directory: Path) -> None:
        """Write `split.json` into an existing directory."""
        write_json(directory / "split.json", asdict(self))

    @classmethod
    def load(cls, directory: Path) -> "TimeSplit":
        """Read what `save` wrote.

        Raises:
            ArtifactError: the file is missing or malformed, or the cut-offs are out of order.
        """
        body = read_json(directory / "split.json")
        try:
            instants = tuple(int(at) for at in body["instants"])
            encoder_end, ranker_end, end = (int(body[name]) for name in ("encoder_end", "ranker_end", "end"))
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"{directory / 'split.json'}: expected four cut-offs, got {body}.") from error
        order = [*instants, ranker_end, end]
        if instants[:1] != (encoder_end,) or sorted(set(order)) != order:
            raise ArtifactError(f"{directory / 'split.json'}: expected cut-offs in order, got {body}.")
        return cls(encoder_end=encoder_end, ranker_end=ranker_end, end=end, instants=instants)


def _not_before(floor: Sequence[Instant], cuts: Sequence[Instant], *, last: Instant) -> list[Instant]:
    """Cuts of which none lies before the floor's at its place; still ascending.

    Raises:
        SplitError: the last positive event lies before them.
    """
    if not floor:
        return list(cuts)
    if floor[-1] > last:
        raise SplitError(
            f"Expected positive events from {moment(floor[-1]):%F %T} UTC on, where an earlier test window of this log "
            "begins, got none: what was there has left the log. Bring one that goes on."
        )
    places = np.interp(np.linspace(0, 1, len(cuts)), np.linspace(0, 1, len(floor)), floor)
    return [max(cut, int(least)) for cut, least in zip(cuts, places, strict=True)]


def nearest(order: LongArray, quantile: float) -> Instant:
    """The value at a quantile of sorted values, by the "nearest" rule that polars and the field's scorers use."""
    return int(pl.Series(order).quantile(round(float(quantile), 9), "nearest") or 0)
