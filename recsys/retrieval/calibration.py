"""From the dot product of user and item to the probability that the user takes the item.

Both curves are fitted on pairs of which those taken and those not taken weigh the same in all, whatever their number.
So interest .5 is a pair as typical of one as of the other, and its odds p / (1 - p) say how many times likelier the
score is among pairs taken. The chance among all pairs of a shop follows from its own share of pairs taken:
odds · taken ÷ not taken.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from scipy.optimize import isotonic_regression

from recsys.errors import ShapeError
from recsys.retrieval.balance import balance, bins
from recsys.schema import DoubleArray, FloatArray

KNOTS = 32
"""Most knots of an isotonic curve."""

_TAKEN_A_KNOT = 8
_NEWTON_STEPS, _CONVERGED, _CLIP, _RIDGE, _LEAST_SLOPE = 25, 1e-9, 30.0, 1e-5, 1e-3

Kind: TypeAlias = Literal["platt", "isotonic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platt:
    """A logistic curve: probability = 1 / (1 + exp(-(slope · score + intercept))) (Platt 1999).

    Attributes:
        slope: > 0, so that a higher score is a higher probability.
        intercept: log-odds at score 0.
    """

    kind: ClassVar[Kind] = "platt"
    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (0 < self.slope < math.inf and math.isfinite(self.intercept)):
            raise ShapeError(
                f"Platt: expected a finite slope above 0 and a finite intercept, got {self.slope}, {self.intercept}."
            )

    def probability(self, scores: FloatArray) -> FloatArray:
        """float32 in [0, 1], elementwise."""
        logits = np.float32(self.slope) * scores + np.float32(self.intercept)
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), np.float32)

    @property
    def logistic(self) -> "Platt":
        """Itself."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Isotonic:
    """A rising curve of any form (Zadrozny & Elkan 2002): linear between few knots, level beyond the outermost.

    Attributes:
        scores: of the knots, ascending.
        values: probability at each knot, ascending; a single one where the scores tell nothing.
    """

    kind: ClassVar[Kind] = "isotonic"
    scores: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(a < b for row in (self.scores, self.values) for a, b in itertools.pairwise(row))
        inside = all(map(math.isfinite, self.scores)) and all(0 < value < 1 for value in self.values)
        if not (0 < len(self.scores) == len(self.values) and rising and inside):
            raise ShapeError(
                f"Isotonic: expected ascending scores, each with a value between 0 and 1, ascending, got scores "
                f"{self.scores[:5]} and values {self.values[:5]}."
            )

    def probability(self, scores: FloatArray) -> FloatArray:
        """float32 in [0, 1], elementwise."""
        return np.asarray(np.interp(scores, self.scores, self.values), np.float32)

    @property
    def logistic(self) -> Platt:
        """The logistic curve nearest to the knots: least squares in log-odds."""
        values = np.array(self.values)
        odds = np.log(values / (1 - values))
        if len(odds) < 2:
            return Platt(slope=_LEAST_SLOPE, intercept=float(odds[0]))
        slope, intercept = np.polyfit(self.scores, odds, 1)
        return Platt(slope=max(float(slope), _LEAST_SLOPE), intercept=float(intercept))


Calibration: TypeAlias = Platt | Isotonic


def to_json(calibration: Calibration) -> dict[str, Any]:
    """JSON types; `from_json` gives back an equal value."""
    return {"kind": calibration.kind, **asdict(calibration)}


def from_json(body: Mapping[str, Any]) -> Calibration:
    """What `to_json` wrote.

    Raises:
        ValueError, TypeError, KeyError: no calibration.
        ShapeError: one that does not rise.
    """
    kind, fields = body["kind"], {name: value for name, value in body.items() if name != "kind"}
    if kind == Platt.kind:
        return Platt(**fields)
    if kind == Isotonic.kind:
        return Isotonic(**{name: tuple(map(float, row)) for name, row in fields.items()})
    raise ValueError(f'expected a calibration of kind "platt" or "isotonic", got {kind!r}')


def fit(kind: Kind, taken: FloatArray, others: FloatArray) -> Calibration:
    """The curve that fits scores of pairs taken and of pairs not taken.

    Args:
        kind: of the curve.
        taken: float (n,).
        others: float (m,); in all they weigh as much as those taken.

    Raises:
        ShapeError: no scores of one of the two, or scores that are no numbers.
    """
    if not (len(taken) and len(others) and np.isfinite(taken).all() and np.isfinite(others).all()):
        raise ShapeError(
            f"Calibration: expected finite scores of pairs taken and of pairs not taken, got {len(taken)} and "
            f"{len(others)}; bring a longer log or raise finetune.valid_fraction."
        )
    x = np.concatenate([taken, others]).astype(np.float64)
    y = np.concatenate([np.ones(len(taken)), np.zeros(len(others))])
    return _platt(x, y) if kind == Platt.kind else _isotonic(x, y)


def _platt(x: DoubleArray, y: DoubleArray) -> Platt:
    """Logistic regression by Newton's method.

    The ridge keeps separable or constant scores finite; too weak to move others.
    """
    weight = balance(y)
    design = np.stack([x, np.ones_like(x)])
    beta = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(beta @ design, -_CLIP, _CLIP)))
        gradient = design @ (weight * (p - y)) + _RIDGE * beta
        hessian = (design * (weight * p * (1 - p))) @ design.T + _RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta = beta - step
        if np.abs(step).max() < _CONVERGED:
            break
    return Platt(slope=max(float(beta[0]), _LEAST_SLOPE), intercept=float(beta[1]))


def _isotonic(x: DoubleArray, y: DoubleArray) -> Isotonic:
    """Isotonic regression of the shares taken in bins of equal weight; bins that come out alike are one knot.

    Bins, because a knot must stand on several pairs: the outermost blocks of a regression over single pairs are 0 and
    1 by chance. A share of no pair or of all is drawn off 0 and 1 as Platt does, by one pair of each kind.
    """
    weight = balance(y)
    n = int(y.sum())
    part = bins(x, weight, min(KNOTS, max(2, n // _TAKEN_A_KNOT)))
    mass, score, share = (np.bincount(part, values) for values in (weight, weight * x, weight * y))
    pair = 0.5 / n
    found = isotonic_regression((share + pair / 2) / (mass + pair), weights=mass)
    block = np.repeat(np.arange(len(found.weights)), np.diff(found.blocks))
    places = np.bincount(block, score) / np.bincount(block, mass)
    values = found.x[found.blocks[:-1]]
    return Isotonic(scores=tuple(places.tolist()), values=tuple(values.tolist()))
