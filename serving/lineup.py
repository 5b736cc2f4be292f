"""Who answers whom: the bundle in use, the bundles of an experiment's arms, and which user gets which."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from recsys.errors import RecsysError
from serving.experiments import Arm, Experiment, Interleave
from serving.service import Service
from serving.treatment import DEFAULT, USUAL_TREATMENT, Contest, Treatment
from serving.turn import Q, Turn


class UnknownArmError(RecsysError):
    """A name that no arm has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineup:
    """All that answers at a moment.

    Attributes:
        main: the bundle in use.
        experiment: the one that runs, if one does.
        others: digest → service of each other bundle that one of its arms names.
    """

    main: Service
    experiment: Experiment | None = None
    others: Mapping[str, Service] = field(default_factory=dict)

    def turn(self, query: Q) -> Turn[Q]:
        """Who answers a request: by its user's arm, or by its own where it tells a history and no user."""
        query = _named(query)
        if self.experiment is None:
            return Turn(query=query, service=self.main, treatment=USUAL_TREATMENT)
        arm = self.experiment.arm(query.user_id or query.request_id or "", at=self.main.now)
        return self._turn(query, arm, seed=self.experiment.seed)

    def turn_of(self, query: Q, arm: str) -> Turn[Q]:
        """How an arm would answer a request, whoever's it is.

        Raises:
            UnknownArmError: none of this name runs.
        """
        arms = () if self.experiment is None else self.experiment.arms
        found: dict[str, Arm | str] = {DEFAULT: DEFAULT, **{each.name: each for each in arms}}
        if arm not in found:
            raise UnknownArmError(f"No arm is named {arm!r} right now; expected one of {', '.join(found)}.")
        return self._turn(_named(query), found[arm], seed=0 if self.experiment is None else self.experiment.seed)

    def _turn(self, query: Q, arm: Arm | str, *, seed: int) -> Turn[Q]:
        if isinstance(arm, str):
            return Turn(query=query, service=self.main, treatment=Treatment(arm=arm))
        service = self._of(arm.bundle)
        if arm.interleave is not None:
            return self._interleaved(query, arm, arm.interleave, seed=seed)
        return Turn(
            query=query,
            service=service,
            treatment=Treatment(arm=arm.name, policy=arm.policy, seed=seed),
            beside=self._beside(service) if arm.policy.kind != "deterministic" else (),
        )

    def _interleaved(self, query: Q, arm: Arm, interleave: Interleave, *, seed: int) -> Turn[Q]:
        first, second = self._of(arm.bundle), self._of(interleave.bundle)
        contest = Contest(kind=interleave.kind, first=first.bundle.digest, second=second.bundle.digest)
        treatment = Treatment(arm=arm.name, seed=seed, contest=contest)
        return Turn(query=query, service=first, treatment=treatment, second=second)

    def mapped(self, change: Callable[[Service], Service]) -> "Lineup":
        """The same with every service changed."""
        others = {digest: change(service) for digest, service in self.others.items()}
        return replace(self, main=change(self.main), others=others)

    def led_by(self, main: Service) -> "Lineup":
        """The same with another bundle in use; the one before stays where an arm names it."""
        return replace(self, main=main)._with({**self.others, self.main.bundle.digest: self.main})

    def running(self, experiment: Experiment | None, services: Mapping[str, Service]) -> "Lineup":
        """The same with another experiment, or none.

        Args:
            experiment: what runs from now on.
            services: by digest, at least those it names that are not here yet.
        """
        return replace(self, experiment=experiment)._with({**self.others, **services})

    def missing(self, experiment: Experiment | None) -> list[str]:
        """Digests of the bundles that an experiment names and that are not here."""
        here = {self.main.bundle.digest, *self.others}
        named = () if experiment is None else experiment.bundles
        return sorted({digest for digest in named if digest is not None} - here)

    def _with(self, services: Mapping[str, Service]) -> "Lineup":
        bundles = () if self.experiment is None else self.experiment.bundles
        named = set(bundles) - {self.main.bundle.digest}
        return replace(self, others={digest: service for digest, service in services.items() if digest in named})

    def _of(self, digest: str | None) -> Service:
        return self.others.get(digest or "", self.main)

    def _beside(self, service: Service) -> tuple[Service, ...]:
        assert self.experiment is not None
        every = {id(one): one for one in map(self._of, self.experiment.bundles)}
        return tuple(one for one in every.values() if one is not service)


def _named(query: Q) -> Q:
    return query if query.request_id is not None else query.model_copy(update={"request_id": str(uuid.uuid4())})
