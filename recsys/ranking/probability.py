"""From a ranker's score to the probability that the user takes the item."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recsys.data.storage import read_json, write_json
from recsys.errors import ArtifactError, ShapeError
from recsys.ranking.table import RankerTable
from recsys.retrieval import calibration
from recsys.retrieval.calibration import Calibration, Kind
from recsys.schema import FloatArray, Instant

FILE = "probability.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probability:
    """P(the user takes the item within `window` | it is a candidate, and the user comes back within the window).

    Among the candidates of a user who takes anything at all within the window, of a hundred given .03 three are taken.
    Unlike interest, whose pairs are weighed so that as many are taken as not, this counts them as they are: odds of the
    balanced curve times taken ÷ not taken.

    Attributes:
        curve: score → probability where as many pairs are taken as not.
        taken, others: pairs it was fitted on that were taken and that were not.
        window: µs, the length of time in which to take the item.
    """

    curve: Calibration
    taken: int
    others: int
    window: Instant

    def __post_init__(self) -> None:
        if min(self.taken, self.others, self.window) < 1:
            raise ShapeError(
                f"Probability: expected pairs taken and not taken within a length of time, got {self.taken}, "
                f"{self.others} and {self.window} µs; train the ranker again."
            )

    @classmethod
    def fit(cls, kind: Kind, scores: FloatArray, table: RankerTable) -> "Probability | None":
        """Fit on float32 (m,) scores of a table whose labels the ranker has not seen; None where it has but one kind.

        Raises:
            ShapeError: scores that are no numbers.
        """
        taken = table.gain > 0
        count = int(taken.sum())
        if count in (0, len(taken)):
            return None
        curve = calibration.fit(kind, scores[taken], scores[~taken])
        return cls(curve=curve, taken=count, others=len(taken) - count, window=table.label_end - table.as_of)

    def of(self, scores: FloatArray) -> FloatArray:
        """float32 in [0, 1], elementwise."""
        balanced = self.curve.probability(scores).astype(np.float64)
        taken = balanced * self.taken
        return (taken / (taken + (1 - balanced) * self.others)).astype(np.float32)

    def save(self, directory: Path) -> None:
        """Write probability.json into an existing directory."""
        counts = {"taken": self.taken, "others": self.others, "window": self.window}
        write_json(directory / FILE, {"curve": calibration.to_json(self.curve), **counts})

    @classmethod
    def load(cls, directory: Path) -> "Probability | None":
        """Read what `save` wrote; None where nothing was: no instant was left to fit on.

        Raises:
            ArtifactError: not of the expected form.
        """
        path = directory / FILE
        if not path.is_file():
            return None
        body = read_json(path)
        try:
            counts = {name: int(body[name]) for name in ("taken", "others", "window")}
            return cls(curve=calibration.from_json(body["curve"]), **counts)
        except (KeyError, TypeError, ValueError, ShapeError) as error:
            raise ArtifactError(f"{path} is no calibration of a ranker ({error}); train it again.") from error
