"""The lists a log showed, what they earned, and how likely each item was under two policies."""

from dataclasses import dataclass

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.off_policy.log.answers import picked
from recsys.schema import DoubleArray, IntArray, LongArray

_MOST = float(np.finfo(np.float64).max)
_LEAST = float(np.finfo(np.float64).tiny)
ONE = 1 + 1e-9
"""A probability that comes from a softmax may exceed 1 by rounding."""

_HEAVIEST = 1e100
"""No estimate can rest on a weight beyond it; up to it, sums and squares over a log stay within float64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Bounds, inclusive, and how a sentence calls them."""

    words: str
    least: float
    most: float


_PROPENSITY = _Range(words="in (0, 1]", least=_LEAST, most=ONE)
_PROBABILITY = _Range(words="in [0, 1]", least=0.0, most=ONE)
_REWARD = _Range(words="of at least 0", least=0.0, most=_MOST)
_NUMBER = _Range(words="that are finite", least=-_MOST, most=_MOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a reward model q says; q_j(x, a | a_<j) is the reward at position j of item a below the items a_<j.

    Attributes:
        predicted: float64 (m,), q_j(x, a_j | a_<j) of the logged item.
        value: float64 (n,), E_target[Σ_j q_j], over whole lists of the judged policy.
    """

    predicted: DoubleArray
    value: DoubleArray

    def take(self, which: LongArray, rows: LongArray) -> "Fitted":
        """Of some requests and their rows."""
        return Fitted(predicted=self.predicted[rows], value=self.value[which])


@dataclass(frozen=True, slots=True, kw_only=True)
class Marginals:
    """P(this item at this position), whatever stands above it.

    Attributes:
        logged: float64 (m,), in (0, 1].
        target: float64 (m,), in [0, 1].
    """

    logged: DoubleArray
    target: DoubleArray

    def take(self, rows: LongArray) -> "Marginals":
        """Of some rows."""
        return Marginals(logged=self.logged[rows], target=self.target[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Slates:
    """n requests and the m rows of their lists.

    Attributes:
        user_idx: int32 (n,), whose request each is, any dense code.
        indptr: int64 (n + 1,), request r has the rows indptr[r]:indptr[r + 1], by position; a list may be empty.
        reward: float64 (m,), ≥ 0.
        logged: float64 (m,), in (0, 1], P(item at this position | items above) under the policy that served.
        target: float64 (m,), in [0, 1], the same under the policy that is judged.
        model: what a reward model says; None without one.
        marginal: probabilities that do not look at the items above; None where unknown.
        pseudo: float64 (n,), pseudo-inverse weight of each list, may be negative; None where unknown.

    Raises:
        ShapeError: arrays that do not fit each other, or values outside their bounds.
    """

    user_idx: IntArray
    indptr: LongArray
    reward: DoubleArray
    logged: DoubleArray
    target: DoubleArray
    model: Fitted | None = None
    marginal: Marginals | None = None
    pseudo: DoubleArray | None = None

    def __post_init__(self) -> None:
        self._check_indptr()
        m, n = (len(self.reward), "row"), (len(self), "request")
        _check("user_idx", self.user_idx, n, _REWARD)
        _check("reward", self.reward, m, _REWARD)
        _check("logged", self.logged, m, _PROPENSITY)
        _check("target", self.target, m, _PROBABILITY)
        if self.model is not None:
            _check("model.predicted", self.model.predicted, m, _NUMBER)
            _check("model.value", self.model.value, n, _NUMBER)
        if self.marginal is not None:
            _check("marginal.logged", self.marginal.logged, m, _PROPENSITY)
            _check("marginal.target", self.marginal.target, m, _PROBABILITY)
        if self.pseudo is not None:
            _check("pseudo", self.pseudo, n, _NUMBER)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def total(self, values: DoubleArray) -> DoubleArray:
        """float64 (n,): the sum of each request's rows of values (m,); 0 for an empty list."""
        return self._reduced(np.add, values)

    def take(self, which: LongArray) -> "Slates":
        """Some of the requests, in the order given."""
        indptr, rows = picked(self.indptr, which)
        model, marginal, pseudo = self.model, self.marginal, self.pseudo
        return Slates(
            user_idx=self.user_idx[which],
            indptr=indptr,
            reward=self.reward[rows],
            logged=self.logged[rows],
            target=self.target[rows],
            model=None if model is None else model.take(which, rows),
            marginal=None if marginal is None else marginal.take(rows),
            pseudo=None if pseudo is None else pseudo[which],
        )

    def rewards(self) -> DoubleArray:
        """float64 (n,): what each list earned."""
        return self.total(self.reward)

    def ratios(self) -> DoubleArray:
        """float64 (m,): target / logged of each row."""
        return np.asarray(self.target / self.logged, np.float64)

    def weights(self) -> DoubleArray:
        """float64 (n,): Π_j target / logged, how much likelier the list was under the judged policy; 1 if empty."""
        with np.errstate(over="ignore", invalid="ignore"):
            return _bounded(self._reduced(np.multiply, self.ratios()))

    def cumulative_weights(self) -> DoubleArray:
        """float64 (m,): Π_{k ≤ j} target / logged, of each row and those above it.

        Goes down all lists at once, a position at a time: a product that ran over the whole log would leave float64.
        """
        out = self.ratios()
        row, end = self.indptr[:-1] + 1, self.indptr[1:]
        with np.errstate(over="ignore", invalid="ignore"):
            while len(row):
                below = row < end
                row, end = row[below], end[below]
                out[row] *= out[row - 1]
                row = row + 1
        return _bounded(out)

    def fitted(self, estimator: str) -> Fitted:
        """The reward model's part.

        Raises:
            ShapeError: there is none.
        """
        if self.model is None:
            raise ShapeError(
                f"{estimator}: expected what a reward model says (Slates.model), got None; "
                "fit one, or leave this estimator out."
            )
        return self.model

    def _reduced(self, operation: np.ufunc, values: DoubleArray) -> DoubleArray:
        """Over each request's rows; `reduceat` would give an empty one the row of the next."""
        filled = np.flatnonzero(self.indptr[1:] > self.indptr[:-1])
        out = np.full(len(self), float(operation.identity))
        out[filled] = operation.reduceat(values, self.indptr[filled])
        return out

    def _check_indptr(self) -> None:
        bounds, m = self.indptr, len(self.reward)
        fits = bounds.ndim == 1 and len(bounds) > 0 and bounds[0] == 0 and bounds[-1] == m
        if not (fits and (bounds[1:] >= bounds[:-1]).all()):
            raise ShapeError(
                f"Slates: expected indptr to rise from 0 to {m}, the number of rows, without a step down, got "
                f"{np.array2string(bounds, threshold=8)}; sort the rows by request and count them."
            )


def _bounded(product: DoubleArray) -> DoubleArray:
    """At most `_HEAVIEST`; 0 for what left float64 and then met a ratio of 0."""
    return np.minimum(np.nan_to_num(product, copy=False, nan=0.0), _HEAVIEST, out=product)


def _check(name: str, values: DoubleArray | IntArray, size: tuple[int, str], within: _Range) -> None:
    count, each = size
    if values.shape != (count,):
        raise ShapeError(
            f"Slates.{name}: expected shape ({count},), one for each {each}, got {values.shape}; "
            "make all arrays from the same log in the same order."
        )
    if count and not (values.min() >= within.least and values.max() <= within.most):
        at = int(np.argmin((values >= within.least) & (values <= within.most)))
        raise ShapeError(
            f"Slates.{name}: expected values {within.words}, got {values[at]} at {each} {at}; "
            f"leave that {'request' if each == 'request' else 'row and its request'} out, or mend the log."
        )
