"""A two-tower teacher as others see it: item vectors, and a user tower over them."""

from dataclasses import dataclass

from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoTower:
    """What proposes candidates, and says which are hard.

    Attributes:
        interest: the user tower.
        vectors: float32 (n_texts, d), of a corpus' texts.
    """

    interest: InterestModel
    vectors: FloatArray
