"""Which arms are compared, and with which."""

from collections.abc import Mapping
from dataclasses import dataclass

from recsys.evaluation.off_policy.judging.refusals import MIN_USERS
from recsys.evaluation.refusal import Refusal

HOLDOUT, DEFAULT = "holdout", "default"
"""What the service calls users whom no experiment ever takes, and those who have no arm in the one that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the other arms are compared with.

    Attributes:
        arm: its name.
        why: this one, for people.
    """

    arm: str
    why: str

    @classmethod
    def of(cls, users: Mapping[str, int], shares: Mapping[str, float], asked: str | None) -> "Control | Refusal":
        """The one asked for, else one that is not treated, else the largest.

        The holdout comes first because no experiment touches it, so that whatever arm wins is compared with what was
        there before; unless it is too small to compare with.

        Args:
            users: arm → its users, of at least one arm.
            shares: arm → the share it was meant to have.
            asked: its name.
        """
        if asked is not None:
            return cls(arm=asked, why="it was asked for") if asked in users else _unknown(asked, users)
        if users.get(HOLDOUT, 0) >= MIN_USERS:
            return cls(arm=HOLDOUT, why="no experiment touches it")
        if DEFAULT in users:
            return cls(arm=DEFAULT, why="its users are in no experiment")
        meant = {arm: shares[arm] for arm in users if arm in shares}
        if meant and len(set(meant.values())) > 1:
            return cls(arm=max(sorted(meant), key=lambda arm: meant[arm]), why="it was meant to have the largest share")
        return cls(arm=max(sorted(users), key=lambda arm: users[arm]), why="it has the most users")


def _unknown(asked: str, users: Mapping[str, int]) -> Refusal:
    return Refusal(
        name="unknown-control",
        because=f"No user of the log has arm {asked!r} alone; there are {', '.join(sorted(users))}.",
        cure="Name one of these as control, or none: then the holdout is it, or the largest.",
    )


def compared(names: set[str], *, asked: str | None, shares: Mapping[str, float]) -> set[str]:
    """The arms of an experiment, of the names that answers have.

    Users of `DEFAULT` are in no experiment: they wait for a ramp to take them, or came when none ran. They are compared
    where somebody asks for it, or where there is but one arm else.

    >>> sorted(compared({"a", "b", "default"}, asked=None, shares={})), sorted(compared({"a", "default"}, asked=None,
    ...     shares={}))
    (['a', 'b'], ['a', 'default'])
    """
    others = names - {DEFAULT}
    return names if len(others) < 2 or asked == DEFAULT or DEFAULT in shares else others
