"""All estimators by name: what each weighs by, and what it takes for granted."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Literal, TypeAlias

from recsys.evaluation.off_policy.estimators.cascade import cascade
from recsys.evaluation.off_policy.estimators.clipped import clipped
from recsys.evaluation.off_policy.estimators.direct import direct
from recsys.evaluation.off_policy.estimators.doubly_robust import doubly_robust
from recsys.evaluation.off_policy.estimators.independent import independent
from recsys.evaluation.off_policy.estimators.ips import ips
from recsys.evaluation.off_policy.estimators.pseudo_inverse import pseudo_inverse
from recsys.evaluation.off_policy.estimators.reward_interaction import reward_interaction
from recsys.evaluation.off_policy.estimators.shrunk import shrunk
from recsys.evaluation.off_policy.estimators.slates import Slates
from recsys.evaluation.off_policy.estimators.snips import snips
from recsys.evaluation.off_policy.estimators.switch import switch
from recsys.evaluation.off_policy.estimators.terms import Terms

Weighing: TypeAlias = Literal["list", "rows", "places", "slots", "nothing"]
"""What an estimator weighs by: how much likelier the judged policy is to show the whole list; each row and those above
it; each item at its place; each item at each place, by a pseudo-inverse; or it weighs nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """One way to say what a policy would have earned.

    Attributes:
        name: for machines.
        label: for people.
        weighing: what it weighs by.
        modelled: whether it asks a reward model.
        assumes: what must hold beside right propensities; empty where nothing must.
        of: the formula.
    """

    name: str
    label: str
    weighing: Weighing
    modelled: bool
    assumes: str
    of: Callable[[Slates], Terms]


_LARGE = "large weights matter little"
_READ = "a row's reward depends on its item and those above it"


def _by(
    label: str, weighing: Weighing, of: Callable[[Slates], Terms], *, modelled: bool = False, assumes: str = ""
) -> Estimator:
    name = of.__name__.lstrip("_")
    return Estimator(name=name, label=label, weighing=weighing, modelled=modelled, assumes=assumes, of=of)


def _clipped(slates: Slates) -> Terms:
    """A largest weight of √n keeps the bias below what chance adds (Ionides 2008, sect. 3)."""
    return clipped(slates, most=max(1.0, sqrt(len(slates))))


def _switch(slates: Slates) -> Terms:
    return switch(slates, most=max(1.0, sqrt(len(slates))))


def _shrunk(slates: Slates) -> Terms:
    """λ = n: no weight exceeds √n / 2."""
    return shrunk(slates, strength=max(1.0, float(len(slates))))


ESTIMATORS = (
    _by("doubly robust", "list", doubly_robust, modelled=True),
    _by("SNIPS", "list", snips),
    _by("IPS", "list", ips),
    _by("clipped IPS", "list", _clipped, assumes=_LARGE),
    _by("SWITCH-DR", "list", _switch, modelled=True, assumes=_LARGE),
    _by("DRos", "list", _shrunk, modelled=True, assumes=_LARGE),
    _by("cascade-DR", "rows", cascade, modelled=True, assumes=_READ),
    _by("reward interaction", "rows", reward_interaction, assumes=_READ),
    _by("independent IPS", "places", independent, assumes="a row's reward depends on its item and place alone"),
    _by("pseudo-inverse", "slots", pseudo_inverse, assumes="a list earns the sum of what items add at their places"),
    _by("direct method", "nothing", direct, modelled=True, assumes="the reward model is right"),
)
"""The less is assumed, the earlier."""

BY_NAME = {each.name: each for each in ESTIMATORS}

HEADLINES = ("doubly_robust", "snips", "cascade", "reward_interaction", "independent", "pseudo_inverse")
"""What a verdict may rest on, the first that the log supports: weights decide that, never what was earned."""
