"""Shares of answers, which may be 0, and their differences.

An interval of Wilson's (1927) for as many independent answers as tell what the users' answers tell,

    n' = p (1 - p) ÷ error²,

at most as many as there are; as many as there are users where the share is 0 or 1, which tells no error. Two of them
make the interval of b - a (Newcombe 1998, method 10):

    b - a - √((b - l_b)² + (u_a - a)²)   to   b - a + √((u_b - b)² + (a - l_a)²)
"""

from math import hypot, sqrt
from statistics import NormalDist

from recsys.evaluation.compare import Estimate
from recsys.evaluation.experiment.means import Mean


def bounds(share: Mean, answers: float, *, level: float) -> tuple[float, float]:
    """Of a share over users of so many answers; within [0, 1]."""
    p, z = min(max(share.value, 0.0), 1.0), NormalDist().inv_cdf((1 + level) / 2)
    n = float(share.users)
    if 0 < p < 1:
        n = min(answers, p * (1 - p) / share.error**2) if share.error > 0 else answers
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))


def difference(b: tuple[Mean, float], a: tuple[Mean, float], *, level: float) -> Estimate:
    """Of b less a, each a share and its answers."""
    (low_b, high_b), (low_a, high_a) = (bounds(*each, level=level) for each in (b, a))
    b_value, a_value = b[0].value, a[0].value
    mean = b_value - a_value
    low = mean - hypot(b_value - low_b, high_a - a_value)
    return Estimate(mean=mean, low=low, high=mean + hypot(high_b - b_value, a_value - low_a), n=b[0].users + a[0].users)
