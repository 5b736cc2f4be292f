"""One step's examples over its distinct texts."""

from dataclasses import dataclass

from recsys.schema import BoolArray, FloatArray, LongArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The B examples of one step over its C distinct texts; rows are padded to H events and K targets.

    Attributes:
        texts: int64 (C,), sorted indices into the corpus: every one is encoded once.
        history: int64 (B, H), positions in `texts`, oldest first; 0 where padded.
        hours: float32 (B, H), age of each event at the example's moment, 24 to a `day`; 0 where padded.
        weight: float32 (B, H), event weights; 0 where padded.
        targets: int64 (B, K), positions in `texts`; 0 where padded.
        target_weight: float32 (B, K), event weight over the user's number of targets; 0 where padded.
        own: bool (B, C), texts the user takes anywhere in the training log: never negatives.
        shown: int64 (B, S), positions in `texts` of what the user was shown of late and never takes; 0 where padded.
        present: bool (B, S), False where `shown` is padded.
    """

    texts: LongArray
    history: LongArray
    hours: FloatArray
    weight: FloatArray
    targets: LongArray
    target_weight: FloatArray
    own: BoolArray
    shown: LongArray
    present: BoolArray

    def part(self, index: int, size: int) -> "Batch":
        """Every `size`-th example from `index` on, over the same texts; none where there are not so many."""
        rows = slice(index, None, size)
        return Batch(
            texts=self.texts, **{name: getattr(self, name)[rows] for name in self.__slots__ if name != "texts"}
        )
