"""Whether a probability keeps its word: of the pairs given p, a share p is taken."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from pydantic import TypeAdapter, ValidationError

from recsys.errors import ArtifactError, ShapeError
from recsys.evaluation.compare import TAILS, Estimate
from recsys.retrieval.balance import balance, bins
from recsys.schema import BoolArray, DoubleArray, FloatArray, IntArray, LongArray

BINS = 10
FILE = "reliability.json"

_BLOCK = 500

Weighing: TypeAlias = Literal["balanced", "counted"]
"""balanced: pairs taken and not taken weigh the same in all, as interest means it; counted: all pairs weigh alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Pairs of like interest, or like probability.

    Attributes:
        interest: mean interest or probability.
        share: of the pairs taken, weighed as the table is.
        low, high: 95 % interval of the share, bootstrap over users; None with a single user.
        weight: of these pairs, of 1 in all.
        n: number of these pairs.
    """

    interest: float
    share: float
    low: float | None
    high: float | None
    weight: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """The reliability table of an interest or a probability and its expected calibration error (ECE).

    ECE = Σ_bins weight · |share - interest| (Guo et al. 2017). The bins are of equal weight where pairs taken and not
    taken weigh the same in all: of many pairs that are hardly ever taken, most bins hold the few that are. Chance alone
    makes it larger than 0, the more so the fewer pairs are taken: `chance` says by how much. With * for resamples of
    the users, noise = Σ_bins weight · |(share* - interest*) - (share - interest)| is how far chance moves the bins. The
    interval reaches down by the 95 % quantile of the noise, so to 0 where a perfect interest could show as much (the
    triangle inequality makes it cautious elsewhere), and up to 2 · ECE - the 2.5 % quantile of ECE* (basic bootstrap,
    Davison & Hinkley 1997, ch. 5).

    Attributes:
        ece: the error with its 95 % interval; n counts users.
        chance: the error that an interest without fault would show on so many pairs, on average.
        bins: ascending interest.
        taken: pairs taken.
        others: pairs not taken.
    """

    ece: Estimate
    chance: float
    bins: tuple[Bin, ...]
    taken: int
    others: int

    def save(self, directory: Path) -> None:
        """Write reliability.json into an existing directory."""
        (directory / FILE).write_bytes(TypeAdapter(Reliability).dump_json(self, indent=1) + b"\n")

    @classmethod
    def load(cls, directory: Path) -> "Reliability | None":
        """Read what `save` wrote; None where nothing was: too few users to judge.

        Raises:
            ArtifactError: not of the expected form.
        """
        path = directory / FILE
        if not path.is_file():
            return None
        try:
            return TypeAdapter(Reliability).validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            said = f"at {where}, {first['msg'].lower()}"
            raise ArtifactError(f"{path} is not a reliability table: {said}; make it again.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """What every user adds to every bin, (users, bins): pairs and summed interest, of those taken and of the others."""

    taken: DoubleArray
    others: DoubleArray
    taken_interest: DoubleArray
    others_interest: DoubleArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """(samples, bins) each, of resampled users; NaN where a bin stayed empty."""

    weights: DoubleArray
    shares: DoubleArray
    gaps: DoubleArray

    def error_of(self, gaps: DoubleArray) -> DoubleArray:
        """float64 (samples,): the gaps' absolute values, weighted."""
        return np.asarray(np.nansum(self.weights * np.abs(gaps), axis=1), np.float64)


def reliability(
    interest: FloatArray,
    taken: BoolArray,
    users: IntArray | LongArray,
    *,
    weighing: Weighing = "balanced",
    samples: int = 2000,
    seed: int = 0,
) -> Reliability:
    """Judge the interest, or the probability, of pairs of user and item.

    Args:
        interest: float32 (n,) in [0, 1].
        taken: bool (n,), whether the user took the item.
        users: int (n,), whose pair it is.
        weighing: of pairs in the error and in shares and means.
        samples: bootstrap resamples of users.
        seed: of the resamples.

    Raises:
        ShapeError: no pair taken, or none not taken, or an interest outside [0, 1].
    """
    count = int(taken.sum())
    inside = np.isfinite(interest).all() and (interest >= 0).all() and (interest <= 1).all()
    if not (0 < count < len(taken) and inside):
        raise ShapeError(
            f"Reliability: expected interest in [0, 1] of pairs taken and of pairs not taken, got {count} and "
            f"{len(taken) - count}{'' if inside else ' with values outside'}; judge more users or a longer window."
        )
    sums = _sums(interest, taken, users)
    whole = np.ones((1, len(sums.taken)))
    weight, share, mean = (row[0] for row in _table(sums, whole, weighing))
    drawn = _resampled(sums, weighing, samples=samples, seed=seed)
    noise = drawn.error_of(drawn.gaps - (share - mean))
    n = (sums.taken + sums.others).sum(axis=0).astype(np.int64)
    rows = zip(mean, share, _intervals(drawn.shares), weight, n, strict=True)
    return Reliability(
        ece=_bounded(float((weight * np.abs(share - mean)).sum()), drawn.error_of(drawn.gaps), noise, len(sums.taken)),
        chance=float(noise.mean()),
        bins=tuple(
            Bin(interest=float(p), share=float(q), low=low, high=high, weight=float(w), n=int(size))
            for p, q, (low, high), w, size in rows
        ),
        taken=count,
        others=len(taken) - count,
    )


def _sums(interest: FloatArray, taken: BoolArray, users: IntArray | LongArray) -> _Sums:
    part = bins(interest.astype(np.float64), balance(taken.astype(np.float64)), BINS)
    row = np.unique(users, return_inverse=True)[1]
    n_rows, n_bins = int(row.max()) + 1, int(part.max()) + 1

    def add(mask: BoolArray, values: FloatArray | None = None) -> DoubleArray:
        cells = row[mask] * n_bins + part[mask]
        weights = None if values is None else values[mask]
        total = np.bincount(cells, weights, minlength=n_rows * n_bins)
        return np.asarray(total.reshape(n_rows, n_bins), np.float64)

    return _Sums(
        taken=add(taken),
        others=add(~taken),
        taken_interest=add(taken, interest),
        others_interest=add(~taken, interest),
    )


def _table(sums: _Sums, times: DoubleArray, weighing: Weighing) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """(samples, bins) each: weight, share taken, mean interest, with every user counted `times`, (samples, users)."""
    taken, others = times @ sums.taken, times @ sums.others
    n_taken, n_others = taken.sum(axis=1, keepdims=True), others.sum(axis=1, keepdims=True)
    if weighing == "balanced":
        a, b = 0.5 / n_taken, 0.5 / n_others
    else:
        a = b = 1 / (n_taken + n_others)
    weight = a * taken + b * others
    mean = (a * (times @ sums.taken_interest) + b * (times @ sums.others_interest)) / weight
    return weight, a * taken / weight, mean


def _resampled(sums: _Sums, weighing: Weighing, *, samples: int, seed: int) -> _Drawn:
    """The tables of users drawn with replacement."""
    n = len(sums.taken)
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, samples, _BLOCK):
        times = rng.multinomial(n, np.full(n, 1 / n), min(_BLOCK, samples - start)).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append(_table(sums, times, weighing))
    weights, shares, means = (np.concatenate(rows) for rows in zip(*parts, strict=True))
    return _Drawn(weights=weights, shares=shares, gaps=shares - means)


def _bounded(error: float, errors: DoubleArray, noise: DoubleArray, n: int) -> Estimate:
    if n < 2:
        return Estimate(mean=error, low=None, high=None, n=n)
    low = error - float(np.quantile(noise, 0.95))
    high = 2 * error - float(np.quantile(errors, TAILS[0]))
    return Estimate(mean=error, low=max(0.0, low), high=max(error, high), n=n)


def _intervals(shares: DoubleArray) -> list[tuple[float | None, float | None]]:
    if np.ptp(shares, axis=0).max() == 0:
        return [(None, None)] * shares.shape[1]
    low, high = np.nanquantile(shares, TAILS, axis=0)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
