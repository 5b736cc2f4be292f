"""What the encoder may see: texts and positive events before encoder_end, and nothing later."""

import hashlib
import zlib
from dataclasses import dataclass, field, replace

import numpy as np

from recsys.artifacts import digest_of
from recsys.data.catalog import Catalog
from recsys.data.interactions import Histories, Interactions
from recsys.errors import TrainingError
from recsys.schema import EVENT_CODES, BoolArray, FloatArray, Instant, IntArray, LongArray
from recsys.text.impressions import Impressions

_EVERY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Distinct texts of the items known before encoder_end, and who took them when.

    Items with equal text are one text here: no encoder can tell them apart. Items without text are left out with
    their events: nothing can be learned about them here.

    Attributes:
        texts: the distinct texts, sorted; none is empty.
        user: int32 (m,), positive events before `end`, sorted by user, then time.
        text: int32 (m,), index into `texts`.
        at: int64 (m,), µs since the epoch.
        weight: float32 (m,), finite and > 0.
        day: µs that count as a day of age.
        valid_start: start of the validation window, which lasts up to `end`.
        end: encoder_end.
        judges: bool (n_users,), by user: the third whose events in the validation window judge. It goes by the user's
            id, so that a longer log of the same shop has the same ones.
        earlier: (start, end) of windows that judged earlier teachers, which a teacher that goes on from them must not
            learn from either.
        impressions: what was shown before `end` and is no positive.
        textless: number of positive events left out because their item has no text.
    """

    texts: tuple[str, ...]
    user: IntArray
    text: IntArray
    at: LongArray
    weight: FloatArray
    day: Instant
    valid_start: Instant
    end: Instant
    judges: BoolArray
    earlier: tuple[tuple[Instant, Instant], ...] = ()
    impressions: Impressions = field(default_factory=Impressions.none)
    textless: int = 0

    def __post_init__(self) -> None:
        bad = ~(np.isfinite(self.weight) & (self.weight > 0))
        if bad.any():
            raise TrainingError(
                f"Expected finite event weights above 0 of positive events, got {self.weight[bad][0]} and {bad.sum()} "
                "such events in all; correct data.event_weights and prepare the log again."
            )

    @classmethod
    def of(cls, catalog: Catalog, interactions: Interactions, end: Instant, *, valid_fraction: float) -> "Corpus":
        """Read what was known at `end`; the last `valid_fraction` of the positive events are the validation window.

        Raises:
            TrainingError: no item has a text, or there are fewer than two texts or two distinct instants: nothing to
                learn from.
        """
        seen = interactions.before(end)
        texts, text_of = _texts(catalog, catalog.known_before(end, seen.seen_items()))
        events = seen.events.sort("user_idx", "at", maintain_order=True)
        told = text_of[events["item_idx"].to_numpy()] >= 0
        positive = events["weight"].to_numpy() != 0
        shown = events.filter(told & ~positive & (events["event"].to_numpy() == EVENT_CODES["impression"]))
        events = events.filter(told & positive)
        valid_start = events["at"].quantile(1 - valid_fraction, "nearest")
        if len(texts) < 2 or valid_start is None or events["at"].n_unique() < 2:
            raise TrainingError(
                f"Expected at least 2 distinct texts and 2 instants with positive events before encoder_end, got "
                f"{len(texts)} texts and {events['at'].n_unique()} instants; bring a longer log or items with text."
            )
        return cls(
            texts=texts,
            user=events["user_idx"].to_numpy(),
            text=text_of[events["item_idx"].to_numpy()],
            at=events["at"].to_numpy(),
            weight=events["weight"].to_numpy(),
            day=interactions.day,
            valid_start=int(valid_start),
            end=end,
            judges=np.array([_judges(user_id) for user_id in interactions.users.ids], np.bool_),
            impressions=Impressions(
                user=shown["user_idx"].to_numpy(), text=text_of[shown["item_idx"].to_numpy()], at=shown["at"].to_numpy()
            ),
            textless=int((positive & ~told).sum()),
        )

    @property
    def digest(self) -> str:
        """sha256 over everything here."""
        shown = self.impressions
        arrays = (self.user, self.text, self.at, self.weight, self.judges, shown.user, shown.text, shown.at)
        digests = [hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for array in arrays]
        return digest_of([list(self.texts), digests, self.day, self.valid_start, self.end, self.earlier])

    @property
    def judging(self) -> BoolArray:
        """(m,) true for the events that judge and do not teach: the judges' in the validation window.

        The other users' events there teach, lest the encoder be a tenth of its log out of date when it is used.
        """
        return self._held_out(self.user, self.at, ((self.valid_start, self.end),))

    def _held_out(self, user: IntArray, at: LongArray, windows: tuple[tuple[Instant, Instant], ...]) -> BoolArray:
        inside = np.zeros(len(at), np.bool_)
        for start, end in windows:
            inside |= (at >= start) & (at < end)
        return np.asarray(self.judges[user] & inside, np.bool_)

    def teaching(self) -> "Corpus":
        """The same texts with the events that teach: none that judges, or judged an earlier teacher."""
        windows = (*self.earlier, (self.valid_start, self.end))
        shown = self.impressions
        return self._only(
            ~self._held_out(self.user, self.at, windows),
            shown.where(~self._held_out(shown.user, shown.at, windows)),
            self.end,
        )

    def until(self, end: Instant) -> "Corpus":
        """The same texts with the events before `end` only."""
        return self._only(self.at < end, self.impressions.where(self.impressions.at < end), end)

    def after(self, windows: tuple[tuple[Instant, Instant], ...]) -> "Corpus":
        """What a teacher may learn that goes on from another: nothing that judged it; what judges now comes after it.

        Args:
            windows: (start, end) of the windows that judged earlier teachers, the last one's last; its `end` is the
                encoder_end of that teacher.

        Raises:
            TrainingError: the log ends where the last teacher's did, or before.
        """
        last = windows[-1][1]
        if last >= self.end:
            ends = [np.datetime64(end, "us") for end in (last, self.end)]
            raise TrainingError(
                f"Expected a log that goes on after {ends[0]}, the last teacher's encoder_end, got one with "
                f"encoder_end {ends[1]}; bring newer events, or leave finetune.continual.start out."
            )
        return replace(self, earlier=windows, valid_start=max(self.valid_start, last))

    def window(self, start: Instant, end: Instant) -> "Corpus":
        """What was known at `end` of the same texts, with another validation window: from `start` up to `end`."""
        return replace(self.until(end), valid_start=start)

    def _only(self, keep: BoolArray, impressions: Impressions, end: Instant) -> "Corpus":
        return replace(
            self,
            user=self.user[keep],
            text=self.text[keep],
            at=self.at[keep],
            weight=self.weight[keep],
            impressions=impressions,
            end=end,
        )

    def histories(self, users: IntArray) -> Histories:
        """The users' positive events before `end`, with text indices as items."""
        starts, ends = np.searchsorted(self.user, users), np.searchsorted(self.user, users, side="right")
        lengths = ends - starts
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        pick = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)
        return Histories(
            indptr=indptr,
            item_idx=self.text[pick],
            event=np.zeros(len(pick), np.uint8),
            at=self.at[pick],
            value=np.full(len(pick), np.nan),
            weight=self.weight[pick],
        )


def _texts(catalog: Catalog, known: BoolArray) -> tuple[tuple[str, ...], IntArray]:
    """Sorted distinct texts of the known items, and each item's place among them, -1 where unknown or without text."""
    of_item = catalog.texts
    told = [i for i in np.flatnonzero(known).tolist() if of_item[i]]
    if known.any() and not told:
        raise TrainingError(
            f"Expected items with a title, description, category, brand or tags, got {known.sum()} items known before "
            "encoder_end without any text; add one of these columns to items.parquet or map it in data.mapping.items."
        )
    texts = tuple(sorted({of_item[i] for i in told}))
    index = {text: position for position, text in enumerate(texts)}
    text_of = np.full(len(catalog), -1, np.int32)
    text_of[told] = [index[of_item[i]] for i in told]
    return texts, text_of


def _judges(user_id: str) -> bool:
    return zlib.crc32(user_id.encode()) % _EVERY == 0
