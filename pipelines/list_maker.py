"""A bundle that makes lists for many users at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from pipelines import lists
from recsys.bundle import Bundle
from recsys.errors import UsageError
from recsys.recommender import Recommendations
from recsys.schema import BoolArray
from serving.filters import Shelves
from serving.schemas import Filters

_BLOCK = 128
"""Users whose lists are made at once; more need more memory than a processor's caches have, and take longer each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What lists are wanted; small enough to be sent to every process that makes some.

    Attributes:
        bundle: a bundle directory, its digest in its name or not.
        k: items a list.
        filters: what the lists may hold, JSON as in a request; everything if None.
        experiment: whose arms make them, JSON as in PUT /v1/experiment; the bundle alone if None.
    """

    bundle: Path
    k: int
    filters: str | None = None
    experiment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListMaker:
    """A loaded bundle.

    Attributes:
        bundle: the bundle.
        k: items a list.
        allowed: bool (n_items,), what the filters leave; all items if None.
    """

    bundle: Bundle
    k: int
    allowed: BoolArray | None

    @classmethod
    def load(cls, wanted: Wanted) -> "ListMaker":
        """Read the bundle, one thread to a prediction.

        Raises:
            ArtifactError: the bundle is incomplete or altered.
            UsageError: filters that no request could have.
        """
        filters = None if wanted.filters is None else read_filters(wanted.filters)
        bundle = Bundle.load(wanted.bundle, threads=1)
        allowed = None if filters is None else Shelves.of(bundle.catalog).allowed(filters)
        return cls(bundle=replace(bundle, recommender=bundle.recommender.compared()), k=wanted.k, allowed=allowed)

    def table(self, users: Sequence[str]) -> pl.DataFrame:
        """The users' lists as of the bundle's end, as of `lists.table`; a user nobody knows gets a newcomer's."""
        vocabulary = self.bundle.catalog.vocabulary
        found = [self._recommended(users[start : start + _BLOCK]) for start in range(0, len(users), _BLOCK)]
        return lists.table(Recommendations.concat(found or [self._recommended(users)]), list(users), vocabulary)

    def _recommended(self, users: Sequence[str]) -> Recommendations:
        histories, as_of = self.bundle.histories(users), self.bundle.end
        return self.bundle.recommender.recommend(histories, k=self.k, as_of=as_of, allowed=self.allowed)


def read_filters(text: str) -> Filters:
    """The filters of a request.

    Raises:
        UsageError: not JSON, or no filters.
    """
    try:
        return Filters.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(
            f'Expected --filters as in a request, such as {{"category": {{"any": ["toys"]}}}}, got {text!r}: '
            f"{first_told(error)}."
        ) from error


def first_told(error: ValidationError) -> str:
    """Where the first thing is that is wrong, and what."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the text'}: {first['msg']}"
