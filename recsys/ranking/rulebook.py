"""The shop's rules, made out for one catalogue: which items they are about, and what each is called."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from recsys.data.catalog import Catalog
from recsys.ranking.config import RulesConfig
from recsys.ranking.prices import Prices
from recsys.ranking.recommendations import FlagArray
from recsys.ranking.state import ItemState
from recsys.schema import BoolArray, DoubleArray, IntArray

PINNED, DIVERSE, HELD_BACK, EXPLORED = (1 << bit for bit in range(4))
_COMMON = ("pinned", "diversity", "held back: in many lists", "explored")
_COLUMNS = {"category": "category", "brand": "brand", "tag": "tags"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Rules by item_idx.

    Attributes:
        config: the rules as they were set.
        added: float64 (n_items,), what boosts add, in units of the spread of a user's scores.
        boosted: bool (boosts, n_items), items that a boost is about.
        quotas: bool (quotas, n_items), items that a quota is about.
        groups: int32 (caps, n_items), code of the category or brand that a cap counts, -1 where none.
        pins: rank → item_idx, of items that the catalogue has.
        prices: what items pay for being in many lists; None where no exposure is limited.
        doubts: sentences about rules that this catalogue does not let work.
    """

    config: RulesConfig
    added: DoubleArray
    boosted: BoolArray
    quotas: BoolArray
    groups: IntArray
    pins: dict[int, int]
    prices: Prices | None
    doubts: tuple[str, ...]

    @classmethod
    def of(cls, config: RulesConfig, *, catalog: Catalog, items: ItemState) -> "Rulebook":
        """Look up who the rules are about; a name that nobody has is a doubt, since catalogues change daily."""
        boosted = _stacked([_having(catalog, boost.by, boost.value) for boost in config.boosts], len(catalog))
        quotas = [
            items.met == 0 if quota.by == "cold" else _having(catalog, quota.by, quota.value) for quota in config.quotas
        ]
        groups = [items.category if cap.by == "category" else items.brand for cap in config.caps]
        index = catalog.vocabulary.index
        return cls(
            config=config,
            added=np.array([boost.add for boost in config.boosts], np.float64) @ boosted,
            boosted=boosted,
            quotas=_stacked(quotas, len(catalog)),
            groups=np.array(groups, np.int32).reshape(-1, len(catalog)),
            pins={pin.rank: index[pin.item_id] for pin in config.pins if pin.item_id in index},
            prices=None,
            doubts=tuple(_doubts(config, catalog)),
        )

    def renewed(self, *, catalog: Catalog, items: ItemState) -> "Rulebook":
        """The same rules for a catalogue that items were put into, or counters that moved on; new items are free."""
        fresh = Rulebook.of(self.config, catalog=catalog, items=items)
        if self.prices is None:
            return fresh
        per_item = np.pad(self.prices.per_item, (0, len(catalog) - len(self.prices.per_item)))
        return replace(fresh, prices=replace(self.prices, per_item=per_item))

    @property
    def idle(self) -> bool:
        """Whether lists are in the order of the scores."""
        return not (self.boosted.any() or self.pins or self.prices is not None or self.chooses)

    @property
    def chooses(self) -> bool:
        """Whether an item's place depends on those above it."""
        return bool(len(self.quotas) or len(self.groups) or self.config.diversity.strength)

    @property
    def names(self) -> tuple[str, ...]:
        """What each bit of `Recommendations.rules` means: the common ones, then boosts, quotas and caps."""
        return (
            *_COMMON,
            *(f"{'boosted' if boost.add > 0 else 'lowered'}: {boost.by} {boost.value}" for boost in self.config.boosts),
            *(f"quota: {quota.by} {quota.value or 'items'}" for quota in self.config.quotas),
            *(f"over the cap: {cap.by}" for cap in self.config.caps),
        )

    def quota_bit(self, quota: int) -> int:
        """The bit of a quota."""
        return 1 << len(_COMMON) + len(self.boosted) + quota

    def cap_bit(self, cap: int) -> int:
        """The bit of a cap."""
        return 1 << len(_COMMON) + len(self.boosted) + len(self.quotas) + cap

    def lift(self, item_idx: IntArray) -> DoubleArray:
        """float64 (m,): boosts less prices of items, in units of the spread of a user's scores."""
        added = self.added[item_idx]
        return added if self.prices is None else added - self.prices.per_item[item_idx]

    def flags(self, item_idx: IntArray) -> FlagArray:
        """uint64 (m,): the bits of the boosts and prices of items."""
        flags = np.zeros(len(item_idx), np.uint64)
        for boost, about in enumerate(self.boosted):
            flags[about[item_idx]] |= np.uint64(1 << len(_COMMON) + boost)
        if self.prices is not None:
            flags[self.prices.per_item[item_idx] > 0] |= np.uint64(HELD_BACK)
        return flags

    def diversified(self, method: str, strength: float) -> "Rulebook":
        """The same with another diversity; depth and prices stay."""
        diversity = self.config.diversity.model_copy(update={"method": method, "strength": strength})
        return replace(self, config=self.config.model_copy(update={"diversity": diversity}))

    def priced(self, prices: Prices) -> "Rulebook":
        """The same with what items pay for being in many lists."""
        limit = self.config.exposure.share
        doubt = (
            f"rules.exposure: an item is still in a share of {prices.reached:.3g} of the lists, expected at most "
            f"{limit:g}; allow a larger share or more rules.exposure.rounds."
        )
        return replace(self, prices=prices, doubts=self.doubts if prices.meets(limit) else (*self.doubts, doubt))

    def save(self, directory: Path) -> None:
        """Write what cannot be looked up again into an existing directory: prices, where there are any."""
        if self.prices is not None:
            self.prices.save(directory)

    @classmethod
    def load(cls, directory: Path, *, config: RulesConfig, catalog: Catalog, items: ItemState) -> "Rulebook":
        """Look up the rest again.

        Raises:
            ArtifactError: prices of another catalogue.
        """
        prices = Prices.load(directory, n_items=len(catalog))
        rules = cls.of(config, catalog=catalog, items=items)
        return rules if prices is None else rules.priced(prices)


def _stacked(masks: Sequence[BoolArray], n_items: int) -> BoolArray:
    return np.array(masks, np.bool_).reshape(-1, n_items)


def _having(catalog: Catalog, by: str, value: str) -> BoolArray:
    column = pl.col(_COLUMNS[by])
    has = column.list.contains(value) if by == "tag" else column == value
    return np.asarray(catalog.items.select(has.fill_null(value=False)).to_series().to_numpy(), np.bool_)


def _doubts(config: RulesConfig, catalog: Catalog) -> Iterator[str]:
    for section, rules in (("boosts", config.boosts), ("quotas", config.quotas)):
        for rule in rules:
            if rule.by != "cold" and not _having(catalog, rule.by, rule.value).any():
                near = difflib.get_close_matches(rule.value, _values(catalog, rule.by), 1)
                hint = f"; did you mean {near[0]!r}?" if near else "."
                yield f"rules.{section}: no item has the {rule.by} {rule.value!r}, it moves nothing{hint}"
    for cap in config.caps:
        if not _values(catalog, cap.by):
            yield f"rules.caps: no item has a {cap.by}, it limits nothing."
    for pin in config.pins:
        if pin.item_id not in catalog.vocabulary.index:
            yield f"rules.pins: the catalogue has no item {pin.item_id!r}, rank {pin.rank} is filled by score."
    exposure, n = config.exposure, len(catalog)
    if exposure.share < 1 and exposure.share * n < exposure.length:
        yield (
            f"rules.exposure: {n} items in a share of {exposure.share:g} of lists each cannot fill lists of "
            f"{exposure.length}; expected at least {exposure.length / max(n, 1):.2g}."
        )


def _values(catalog: Catalog, by: str) -> list[str]:
    column = catalog.items[_COLUMNS[by]]
    return sorted(set((column.explode() if by == "tag" else column).drop_nulls().to_list()) - {""})
