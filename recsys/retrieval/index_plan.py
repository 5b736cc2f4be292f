"""Which index a catalogue gets: one function of how many vectors there are, how wide, and the memory for them."""

from dataclasses import dataclass, replace
from math import ceil, sqrt

from recsys.errors import ConfigError, ShapeError
from recsys.retrieval.config import FACTORY, IndexConfig

STRETCHES = 256
"""Stretches that product quantisation learns for each place: what a byte can tell apart."""

_REFINE = {"Flat": 1.0, "SQ8": 1.25, "PQ": 4.0}
"""Figures behind these: BENCHMARKS.md, "The index"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How item vectors are stored and searched.

    Attributes:
        factory: FAISS factory string, one of those `IndexConfig.factory` may be.
        effort: items (HNSW) or lists (IVF) that one search looks at; 0 where it looks at every item.
        few: where a filter leaves at most so many items, each of them is looked at.
    """

    factory: str
    effort: int
    few: int = 0

    @classmethod
    def of(cls, n_items: int, dim: int, config: IndexConfig) -> "Plan":
        """What to build for a catalogue.

        Every item is looked at up to `exact_up_to`. Beyond, a graph (HNSW: Malkov & Yashunin 2018, arXiv 1603.09320)
        up to `hnsw_up_to`, whose recall asks little of the vectors; then lists (IVF) of int8 codes, which are built and
        searched faster where vectors form clusters; and lists of product quantisation (Jégou et al. 2011) where
        `memory_mib` is too little for int8.

        Args:
            n_items: how many vectors; none has nothing to learn from and gets `Flat`.
            dim: their width.
            config: limits and strengths; a `factory` in it is obeyed in place of the above.

        Raises:
            ConfigError: nothing fits into the memory.
            ShapeError: a width that does not divide into the bytes of product quantisation.
        """
        factory = (config.factory or _by_size(n_items, dim, config)) if n_items else "Flat"
        parts = _Parts.of(factory)
        if parts.bytes and dim % parts.bytes:
            name = "PQ in retrieval.index.factory" if config.factory else "retrieval.index.pq_bytes"
            raise ShapeError(f"Expected vectors whose width {name} = {parts.bytes} divides, got {dim}; choose another.")
        lists = config.ivf_search if parts.lists > config.ivf_search else 0
        return cls(factory=factory, effort=config.hnsw_search if parts.links else lists, few=config.exact_up_to)

    def wider(self, n_items: int) -> "Plan":
        """One that looks at twice as many lists, or items of `n_items`, as far as there are so many."""
        return replace(self, effort=min(2 * self.effort, _Parts.of(self.factory).lists or n_items))

    @property
    def whole(self) -> bool:
        """Whether every item is looked at."""
        return self.effort == 0

    @property
    def lossless(self) -> bool:
        """Whether it finds all that comparing the vectors as they are would find."""
        return self.whole and self.factory.endswith("Flat")

    @property
    def refine(self) -> float:
        """Among how many times k hits by codes the k true ones are, but for very few."""
        return next(times for codes, times in _REFINE.items() if codes in self.factory)

    @property
    def least(self) -> int:
        """How many vectors its lists and stretches can be learned from at least."""
        parts = _Parts.of(self.factory)
        return max(parts.lists, STRETCHES if parts.bytes else 0)


def _by_size(n_items: int, dim: int, config: IndexConfig) -> str:
    product = f"PQ{config.pq_bytes}"
    if n_items <= config.exact_up_to:
        # one list of all items: faiss' plain PQ cannot leave items out
        return {"float32": "Flat", "int8": "SQ8", "pq": f"IVF1,{product}"}[config.storage]
    lists = f"IVF{min(n_items, round(2 * sqrt(n_items)))}"
    choices = [f"{lists},{product}"]
    if config.storage != "pq":
        choices.insert(0, f"{lists},SQ8")
        if n_items <= config.hnsw_up_to:
            choices.insert(0, f"HNSW{config.hnsw_neighbours},{'Flat' if config.storage == 'float32' else 'SQ8'}")
    sizes = [mebibytes(factory, n_items, dim) for factory in choices]
    fitting = [factory for factory, size in zip(choices, sizes, strict=True) if size <= config.memory_mib]
    if not fitting:
        raise ConfigError(
            f"retrieval.index.memory_mib: expected at least {ceil(min(sizes))} for {n_items} vectors of {dim} numbers, "
            f"got {config.memory_mib}; raise it, or lower retrieval.index.pq_bytes."
        )
    return fitting[0]


def mebibytes(factory: str, n_items: int, dim: int) -> float:
    """What an index takes: codes, links of a graph, numbers of items in lists and the lists' centres; in MiB."""
    parts = _Parts.of(factory)
    codes = parts.bytes or (4 * dim if factory.endswith("Flat") else dim)
    graph = (
        4 * (2 * parts.links + 4) if parts.links else 0
    )  # an offset, a level and few links of upper levels: 16 bytes
    return (n_items * (codes + graph + (8 if parts.lists else 0)) + 4 * dim * parts.lists) / 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The numbers in a factory string; 0 where it has none."""

    links: int = 0
    lists: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, factory: str) -> "_Parts":
        found = FACTORY.fullmatch(factory)
        return cls(**{name: int(text or 0) for name, text in found.groupdict().items()}) if found else cls()
