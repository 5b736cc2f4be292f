"""How small an effect an experiment can find, and how long it takes to find a given one.

With standard error e, a two-sided test at α = 1 - level finds an effect with probability `power` from

    δ = (z_{1 - α/2} + z_power) · e,     e² = v_a ÷ n_a + v_b ÷ n_b

upwards (Lachin 1981; the chance of a finding on the wrong side is left out, below 10^-5 at the defaults). v is the
variance over users of one user's value, of a ratio that of `clusters.linearised`. It takes both means for normal: with
100 users of skewed values in the smaller arm, 83 % were found where 80 % were planned.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

from recsys.errors import ShapeError

LEVEL, POWER = 0.95, 0.8


def detectable(error: float, *, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest effect that is found with probability `power` where the estimate has this standard error."""
    normal = NormalDist()
    return (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(power)) * error


def times_longer(error: float, effect: float, *, level: float = LEVEL, power: float = POWER) -> float:
    """How many times the users behind `error` it takes to find the effect; below 1 where fewer would do.

    Errors fall with the root of the number of users, whatever the estimator, so it serves off-policy estimates as well.

    Raises:
        ShapeError: an effect of 0.
    """
    return (detectable(error, level=level, power=power) / _some(effect)) ** 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoArms:
    """A comparison of two arms by users.

    Attributes:
        variance_a, variance_b: over the users of an arm, of one user's value.
        share_b: of all users, who are in arm B; half is best where the variances are alike.
    """

    variance_a: float
    variance_b: float
    share_b: float = 0.5

    def error(self, users: float) -> float:
        """Standard error of the difference, of `users` in both arms together."""
        return sqrt((self.variance_a / (1 - self.share_b) + self.variance_b / self.share_b) / users)

    def detectable(self, users: float, *, level: float = LEVEL, power: float = POWER) -> float:
        """The smallest difference that `users` in both arms together find with probability `power`."""
        return detectable(self.error(users), level=level, power=power)

    def users(self, effect: float, *, level: float = LEVEL, power: float = POWER) -> int:
        """Users in both arms together who find the effect with probability `power`.

        Raises:
            ShapeError: an effect of 0.
        """
        return ceil(times_longer(self.error(1), effect, level=level, power=power))

    def days(self, effect: float, *, new_users: float, level: float = LEVEL, power: float = POWER) -> int:
        """Days until the effect is found with probability `power`.

        Args:
            effect: the difference to find.
            new_users: users a day who were not in the experiment before; who comes back makes his value less noisy,
                not the users more.
            level: of the test, 1 - α.
            power: probability that it finds the effect.

        Raises:
            ShapeError: an effect of 0, or nobody new.
        """
        if not new_users > 0:
            raise ShapeError(f"Expected new users a day above 0, got {new_users:g}; without them no day adds anything.")
        return ceil(self.users(effect, level=level, power=power) / new_users)


def _some(effect: float) -> float:
    if effect == 0:
        raise ShapeError("Expected an effect other than 0, got 0: no number of users finds none; ask for equivalence.")
    return effect
