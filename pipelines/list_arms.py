"""The bundles of an experiment's arms, each making the lists of its users, as the endpoint would at that instant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
from pydantic import ValidationError

from pipelines import lists
from pipelines.list_maker import ListMaker, Wanted, first_told
from recsys.artifacts import digest_of
from recsys.bundle import Bundle
from recsys.data.vocabulary import Vocabulary
from recsys.errors import UsageError
from recsys.ranking.policy import Exploration, policy, randomness
from recsys.recommender import Recommendations
from recsys.schema import BoolArray, IntArray
from serving.experiments import Arm, Experiment
from serving.treatment import Treatment

_BLOCK = 128
"""Users whose lists are made at once: each has a bit for every item that other arms propose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListArms:
    """An experiment with its bundles.

    Attributes:
        experiment: who gets which arm.
        main: of the bundle that answers whoever has no arm, or an arm that names none.
        others: digest → of each other bundle that an arm names.
        known: digests of two bundles → int32, the second's item_idx of each item of the first, -1 where it has none.
        question: names all that a list depends on, the user apart.
    """

    experiment: Experiment
    main: ListMaker
    others: Mapping[str, ListMaker]
    known: Mapping[tuple[str, str], IntArray]
    question: str

    @classmethod
    def load(cls, wanted: Wanted) -> "ListArms":
        """Read the bundles; those of arms lie beside the one that is wanted, by their digests.

        Raises:
            ArtifactError: a bundle is incomplete or altered.
            UsageError: filters that no request could have, or an experiment that no service could run, or that has
                arms which are not for lists in bulk.
        """
        experiment = read_experiment(wanted.experiment or "")
        for arm in experiment.arms:
            if arm.interleave is not None:
                raise UsageError(
                    f"Expected arms of one ranking each, arm {arm.name!r} interleaves two; lists of both are made by "
                    "the endpoint alone, whose log tells which of them each place is from."
                )
        main = ListMaker.load(wanted)
        found = {arm.bundle: arm for arm in reversed(experiment.arms)}
        makers = [main, *(maker for arm in found.values() if (maker := _beside(wanted, arm, main)) is not main)]
        told = [main.bundle.digest, experiment.model_dump(mode="json"), wanted.k, wanted.filters]
        return cls(
            experiment=experiment,
            main=main,
            others={maker.bundle.digest: maker for maker in makers[1:]},
            known={
                (one.bundle.digest, two.bundle.digest): _items(two.bundle).encode(_items(one.bundle).ids)
                for one in makers
                for two in makers
                if one is not two
            },
            question=digest_of(told),
        )

    @property
    def bundle(self) -> Bundle:
        """The one whose end is the instant of the lists, and whose users are known."""
        return self.main.bundle

    def table(self, users: Sequence[str]) -> pl.DataFrame:
        """The users' lists, as of `lists.table`, and how each was made.

        Args:
            users: user_ids, each once.

        Returns:
            Rows as there, and experiment, arm, bundle, policy, request_id, and propensity (f32), each as in an answer
            of the endpoint that was asked by that request_id.
        """
        arms = [self.experiment.arm(user, at=self.bundle.end) for user in users]
        names = [arm if isinstance(arm, str) else arm.name for arm in arms]
        groups: dict[str, list[str]] = {}
        for user, name in zip(users, names, strict=True):
            groups.setdefault(name, []).append(user)
        of_name = dict(zip(names, arms, strict=True)) or {"": ""}  # of nobody there is a table, too
        made = [self._lists(arm, groups.get(name, [])) for name, arm in of_name.items()]
        place = pl.DataFrame({"user_id": list(users)}, schema={"user_id": pl.String}).with_row_index("place")
        return pl.concat(made).join(place, on="user_id").sort("place", "rank").drop("place")

    def _lists(self, arm: Arm | str, users: list[str]) -> pl.DataFrame:
        """Those of one arm's users."""
        if isinstance(arm, str):
            maker, treatment = self.main, Treatment(arm=arm)
        else:
            maker = self._of(arm.bundle)
            treatment = Treatment(arm=arm.name, policy=arm.policy, seed=self.experiment.seed)
        requests = [self._request(user) for user in users]
        found = Recommendations.concat(list(self._found(maker, treatment, users, requests)))
        lengths = np.repeat(np.arange(len(users)), np.diff(found.indptr))
        return lists.table(found, users, _items(maker.bundle)).with_columns(
            experiment=pl.lit(self.experiment.name),
            arm=pl.lit(treatment.arm),
            bundle=pl.lit(maker.bundle.digest),
            policy=pl.lit(treatment.kind),
            request_id=pl.Series(requests, dtype=pl.String).gather(lengths),
            propensity=pl.Series(found.propensity),
        )

    def _found(
        self, maker: ListMaker, treatment: Treatment, users: list[str], requests: list[str]
    ) -> Iterator[Recommendations]:
        """Block by block of users, at least one."""
        bundle, draws = maker.bundle, policy(treatment.policy)
        for start in range(0, max(len(users), 1), _BLOCK):
            rows = slice(start, start + _BLOCK)
            exploration = None
            if draws is not None:
                sources = [randomness(treatment.seed, name) for name in requests[rows]]
                besides = self._besides(maker, users[rows])
                exploration = Exploration(policy=draws, sources=sources, besides=besides)
            yield bundle.recommender.recommend(
                bundle.histories(users[rows]),
                k=maker.k,
                as_of=self.bundle.end,
                allowed=maker.allowed,
                exploration=exploration,
            )

    def _besides(self, maker: ListMaker, users: list[str]) -> BoolArray | None:
        """Bool (n, n_items): what the other arms' bundles would propose to each user; None where there are none."""
        named = dict.fromkeys(self._of(digest).bundle.digest for digest in self.experiment.bundles)
        others = [self._of(digest) for digest in named if digest != maker.bundle.digest]
        if not others:
            return None
        some = np.zeros((len(users), len(_items(maker.bundle)) + 1), np.bool_)  # the last: what this one has not, -1
        for other in others:
            items, start = self.known[other.bundle.digest, maker.bundle.digest], 0
            histories = other.bundle.histories(users)
            for found in other.bundle.recommender.proposed(histories, as_of=self.bundle.end, allowed=other.allowed):
                some[start + found.rows, items[found.item_idx]] = True
                start += len(found)
        return some[:, :-1]

    def _of(self, digest: str | None) -> ListMaker:
        return self.others.get(digest or "", self.main)

    def _request(self, user: str) -> str:
        """What a user's list is called: the same question, by whatever process, draws the same."""
        return blake2b(f"{self.question} {user}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


Maker: TypeAlias = ListMaker | ListArms


def loaded(wanted: Wanted) -> Maker:
    """Who makes the lists. Errors: as for both."""
    return ListMaker.load(wanted) if wanted.experiment is None else ListArms.load(wanted)


def read_file(path: Path) -> str:
    """An experiment as it is written.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"Cannot read --experiment {path}: {error}; expected the JSON of PUT /v1/experiment."
        ) from error


def read_experiment(text: str) -> Experiment:
    """The experiment of a service.

    Raises:
        UsageError: not JSON, or no experiment.
    """
    try:
        return Experiment.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(f"Expected --experiment as in PUT /v1/experiment, got {first_told(error)}.") from error


def _beside(wanted: Wanted, arm: Arm, main: ListMaker) -> ListMaker:
    """Of the bundle that an arm names."""
    if arm.bundle is None or arm.bundle == main.bundle.digest:
        return main
    directory = wanted.bundle.resolve().parent / arm.bundle
    if not directory.is_dir():
        raise UsageError(
            f"Expected bundle {arm.bundle[:12]}… of arm {arm.name!r} beside {wanted.bundle}, found none; copy it "
            "there, or name another."
        )
    maker = ListMaker.load(replace(wanted, bundle=directory))
    if maker.bundle.end != main.bundle.end:
        raise UsageError(
            f"Expected bundles that end at one instant, that of arm {arm.name!r} ends at another than {wanted.bundle}; "
            "what users did between is known to the endpoint alone, which can run this experiment."
        )
    return maker


def _items(bundle: Bundle) -> Vocabulary:
    return bundle.catalog.vocabulary
