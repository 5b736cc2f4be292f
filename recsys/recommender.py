"""Retrieve → features → rank → rules: one code path for one user or a million."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.data.split import TimeSplit
from recsys.ranking.config import RecommenderConfig
from recsys.ranking.ranker import Ranker, RankerTable
from recsys.retrieval.candidates import Retriever
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.interest import InterestModel
from recsys.schema import BoolArray, ByteArray, FloatArray, Instant, IntArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """Ranked lists of n users in compressed rows.

    Attributes:
        indptr: int64 (n + 1,), row u holds entries indptr[u]:indptr[u + 1], best first.
        item_idx: int32 (m,).
        score: float32 (m,), higher is better; comparable within one row only.
        interest: float32 (m,), the encoder's probability in [0, 1].
        propensity: float32 (m,), 1 where no policy explores.
        sources: uint16 (m,), bit s is set where `source_names[s]` proposed the item.
        source_names: names of the bits.
    """

    indptr: LongArray
    item_idx: IntArray
    score: FloatArray
    interest: FloatArray
    propensity: FloatArray
    sources: LongArray
    source_names: tuple[str, ...]


class Recommender:
    """To be filled in the next commit; the signatures stand.

    recommend and rank take histories of events before `as_of`.
    """

    @classmethod
    def assemble(
        cls,
        *,
        catalog: Catalog,
        vectors: ItemVectors,
        interest: InterestModel,
        interactions: Interactions,
        as_of: Instant,
        ranker: Ranker | None,
        config: RecommenderConfig,
    ) -> "Recommender":
        """Fit everything behavioural on what was known at `as_of`."""
        raise NotImplementedError

    def recommend(
        self,
        histories: Histories,
        *,
        k: int,
        as_of: Instant,
        allowed: BoolArray | None = None,
        exclude_seen: bool | None = None,
    ) -> Recommendations:
        """At most k items for each user, best first."""
        raise NotImplementedError

    def rank(self, histories: Histories, items: Sequence[IntArray], *, as_of: Instant) -> Recommendations:
        """Each user's given items, best first."""
        raise NotImplementedError

    def save(self, directory: Path) -> None:
        """Write all parts into an existing directory."""
        raise NotImplementedError

    @classmethod
    def load(cls, directory: Path) -> "Recommender":
        """Read what `save` wrote: catalogue, vectors, index, interest, behaviour, state, ranker, configuration."""
        raise NotImplementedError


def training_rows(
    *,
    catalog: Catalog,
    vectors: ItemVectors,
    interest: InterestModel,
    interactions: Interactions,
    split: TimeSplit,
    config: RecommenderConfig,
) -> list[RankerTable]:
    """The ranker's rows, one table per instant of the split, oldest first."""
    raise NotImplementedError
