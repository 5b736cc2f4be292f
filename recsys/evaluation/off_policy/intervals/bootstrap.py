"""Intervals of ratios of sums by a bootstrap over users, for many statistics and their differences on the same draws.

Statistic j is θ_j = Σ_r value_rj ÷ Σ_r weight_rj over requests r. As many users as there are, U, are drawn with
replacement, and every ratio is recomputed whole, numerator and denominator:

    θ*_j = Σ_u t_u V_uj ÷ Σ_u t_u W_uj,    t ~ Multinomial(U; 1/U, …),   V_uj, W_uj a user's sums

(Efron & Tibshirani 1993, ch. 13; over clusters: Davison & Hinkley 1997, sect. 3.8). The interval holds the middle of
the draws; it takes a little more of them where users are few, so that the one of a mean is as wide as Student's
(Hesterberg 2015, doi:10.1080/00031305.2015.1089789, "expanded percentile"), and reads quantile p at place
p (samples + 1), since the usual place makes 200 draws miss 5.9 % instead of 5 %.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from recsys.errors import ShapeError
from recsys.evaluation.clusters import checked, totals
from recsys.evaluation.compare import Estimate
from recsys.schema import DoubleArray, IntArray

LEVEL = 0.95
_SAME = 1e-12
_BLOCK = 400_000
"""Counts at a time: few enough to stay in a core's cache, which makes a draw of a million users ten times faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What one policy earns by one estimator, request by request: value.sum() / weight.sum().

    Attributes:
        name: of the statistic.
        value: float64 (n,).
        weight: float64 (n,); all 1 where the estimator does not normalise itself.
        users: how many it is of, where it is of a part of them; None where of all.
    """

    name: str
    value: DoubleArray
    weight: DoubleArray
    users: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampled:
    """A statistic and what it came out as on each draw of users.

    Attributes:
        mean: on the users as they are; NaN where it is undefined.
        draws: float64 (samples,); NaN or infinite where it was undefined.
        users: how many there are.
    """

    mean: float
    draws: DoubleArray
    users: int

    @property
    def error(self) -> float:
        """Standard error: the spread of the draws, for U - 1 degrees of freedom; NaN where a draw was undefined."""
        if self.users < 2:
            return float("nan")
        with np.errstate(invalid="ignore"):
            return float(self.draws.std(ddof=1) * np.sqrt(self.users / (self.users - 1)))

    @property
    def p_value(self) -> float:
        """Two-sided, of the statistic being 0: Student's t of mean ÷ error, since 200 draws tell no share below .01.

        NaN where nothing can be told.
        """
        from scipy import special  # a tenth of a second that the intervals alone do not need

        if not self.error > 0:
            return float("nan")
        return float(2 * special.stdtr(self.users - 1, -abs(self.mean) / self.error))

    def interval(self, level: float = LEVEL) -> Estimate:
        """The middle `level` of the draws; without bounds where a draw was undefined, or all came out the same.

        Raises:
            ShapeError: fewer draws than one beyond each bound.
        """
        least = int(np.ceil(2 / (1 - level) - 1e-9)) - 1
        if len(self.draws) < least:
            got = f"{len(self.draws):,}"
            raise ShapeError(
                f"Expected at least {least:,} draws for a {100 * level:g} % interval, got {got}; draw more."
            )
        if not np.isfinite(self.draws).all() or np.ptp(self.draws) <= _SAME:
            return Estimate(mean=self.mean, low=None, high=None, n=self.users)
        tail = _tail(level, self.users)
        low, high = np.quantile(self.draws, [tail, 1 - tail], method="weibull")
        return Estimate(mean=self.mean, low=float(low), high=float(high), n=self.users)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """m statistics on the same draws of users.

    Attributes:
        names: of the statistics.
        point: float64 (m,), on the users as they are.
        draws: float64 (samples, m).
        users: how many each statistic is of.
    """

    names: tuple[str, ...]
    point: DoubleArray
    draws: DoubleArray
    users: tuple[int, ...]

    @classmethod
    def of(cls, user_idx: IntArray, columns: Iterable[Column], *, samples: int = 200, seed: int = 0) -> "Bootstrap":
        """Columns are summed per user one after the other, so a generator of them never holds two.

        Args:
            user_idx: int32 (n,), whose request each is; any code >= 0.
            columns: of n requests each.
            samples: draws of users.
            seed: of the draws.

        Raises:
            ShapeError: no column, or one of another length or with values that are no numbers.
        """
        names, values, weights, users = [], [], [], []
        for column in columns:
            checked(user_idx, column.value, column.weight)
            names.append(column.name)
            users.append(column.users)
            values.append(totals(user_idx, column.value))
            weights.append(totals(user_idx, column.weight))
        if not names or len(set(names)) < len(names):
            raise ShapeError(f"Expected at least one statistic, each under its own name, got {names}.")
        over, under = np.stack(values, axis=1), np.stack(weights, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            point = over.sum(0) / under.sum(0)
            sums = drawn_sums((over, under), samples=samples, seed=seed)
            draws = sums[0] / sums[1]
        every = tuple(len(over) if some is None else some for some in users)
        return cls(names=tuple(names), point=point, draws=draws, users=every)

    def value(self, name: str) -> Resampled:
        """One statistic."""
        j = self._at(name)
        return Resampled(mean=float(self.point[j]), draws=self.draws[:, j], users=self.users[j])

    def difference(self, name: str, other: str) -> Resampled:
        """`name` less `other`, on the same draws."""
        a, b = self.value(name), self.value(other)
        return Resampled(mean=a.mean - b.mean, draws=a.draws - b.draws, users=min(a.users, b.users))

    def relative(self, name: str, other: str) -> Resampled:
        """`name` ÷ `other` - 1, on the same draws; undefined where `other` is not above 0."""
        a, b = self.value(name), self.value(other)
        under = np.where(b.draws > 0, b.draws, np.nan)
        mean = a.mean / b.mean - 1 if b.mean > 0 else float("nan")
        return Resampled(mean=mean, draws=a.draws / under - 1, users=min(a.users, b.users))

    def _at(self, name: str) -> int:
        if name not in self.names:
            raise ShapeError(f"Expected a statistic among {', '.join(self.names)}, got {name!r}.")
        return self.names.index(name)


def drawn_sums(columns: tuple[DoubleArray, ...], *, samples: int, seed: int) -> list[DoubleArray]:
    """Σ_u t_u x_u of each column: (users, m) → (samples, m), t the same for all of them.

    Users come in blocks: how many of a draw fall into each block is multinomial, and within a block all are as likely,
    which together is the one multinomial draw of them all.
    """
    rng = np.random.default_rng(seed)
    users = len(columns[0])
    starts = np.arange(0, users, max(1, _BLOCK // samples))
    sizes = np.diff(starts, append=users)
    share = rng.multinomial(users, sizes / users, samples)
    sums = [np.zeros((samples, column.shape[1])) for column in columns]
    for start, size, here in zip(starts.tolist(), sizes.tolist(), share.T, strict=True):
        whose = rng.integers(0, size, int(here.sum())) + np.repeat(np.arange(samples) * size, here)
        times = np.bincount(whose, minlength=samples * size).reshape(samples, size).astype(np.float64)
        for total, column in zip(sums, columns, strict=True):
            total += times @ column[start : start + size]
    return sums


def _tail(level: float, users: int) -> float:
    """The share of draws beyond each bound, so that the interval of a mean over few users has Student's width."""
    from scipy import special

    tail = (1 - level) / 2
    if users < 2:
        return tail
    wide = np.sqrt(users / (users - 1)) * special.stdtrit(users - 1, tail)
    return min(tail, NormalDist().cdf(float(wide)))
