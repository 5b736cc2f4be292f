"""Item vectors: one unit row per item, bound to the catalogue and the encoder they come from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from recsys.data.catalog import Catalog
from recsys.data.storage import mapped
from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.products import products
from recsys.retrieval.texts import Texts
from recsys.retrieval.traits import Trait, load_traits, save_traits
from recsys.schema import FloatArray, IntArray

_COMPARED = 6144
"""Items that are compared with each other, at most."""


class TextEncoder(Protocol):
    """Text → vector; the only two real ones are the trained encoder and its served student."""

    @property
    def dim(self) -> int:
        """Width of a vector."""
        ...

    @property
    def digest(self) -> str:
        """Identity of the weights."""
        ...

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> FloatArray:
        """float32 (len(texts), dim), unit rows, in the order of the texts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemVectors:
    """The vectors of all items of one catalogue by one encoder.

    Attributes:
        vectors: float32 (n_items, dim), unit rows.
        catalog_digest: `Catalog.digest` the rows belong to.
        encoder_digest: `TextEncoder.digest` that made them.
        traits: what task heads read in the same texts, one row an item; none where no head is set.
        texts: which text each row was made of, so that it need not be read again; None where nobody noted it.
        products: float32 (n_items, n_items), of every item with every item, once `compared`; not saved.
    """

    vectors: FloatArray
    catalog_digest: str
    encoder_digest: str
    traits: tuple[Trait, ...] = ()
    texts: Texts | None = None
    products: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.vectors.dtype != np.float32:
            raise ShapeError(
                f"ItemVectors: expected float32 (n_items, dim), got {self.vectors.dtype} {self.vectors.shape}."
            )
        odd = [trait for trait in self.traits if len(trait) != len(self.vectors)]
        if odd:
            raise ShapeError(
                f"Expected one row of {odd[0].name} an item, got {len(odd[0])} for {len(self.vectors)}; embed again."
            )
        if self.texts is not None and len(self.texts) != len(self.vectors):
            raise ShapeError(
                f"Expected the digest of one text an item, got {len(self.texts)} for {len(self.vectors)}; embed again."
            )

    @classmethod
    def of(cls, catalog: Catalog, encoder: TextEncoder) -> "ItemVectors":
        """Encode each distinct text of the catalogue once."""
        texts, inverse = np.unique(np.array(catalog.texts, dtype=object), return_inverse=True)
        distinct = encoder.encode(texts.tolist())
        if distinct.shape != (len(texts), encoder.dim):
            raise ShapeError(
                f"The encoder gave vectors of shape {distinct.shape} for {len(texts)} texts; expected "
                f"({len(texts)}, {encoder.dim})."
            )
        vectors = np.ascontiguousarray(distinct[inverse], dtype=np.float32)
        return cls(vectors=vectors, catalog_digest=catalog.digest, encoder_digest=encoder.digest)

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return int(self.vectors.shape[1])

    def check(self, catalog: Catalog) -> None:
        """Refuse a catalogue other than the one these vectors were made from.

        Raises:
            ShapeError: another catalogue.
        """
        if self.catalog_digest != catalog.digest:
            raise ShapeError(
                f"These item vectors belong to catalogue {self.catalog_digest[:12]}…, got catalogue "
                f"{catalog.digest[:12]}…; embed the items again."
            )

    def of_texts(self, catalog: Catalog, texts: Sequence[str]) -> FloatArray:
        """float32 (len(texts), dim): the vector of an item for each of some texts of the catalogue.

        Raises:
            ShapeError: another catalogue.
        """
        self.check(catalog)
        item = {text: row for row, text in enumerate(catalog.texts)}
        return self.vectors[[item[text] for text in texts]]

    def put(self, catalog: Catalog, items: IntArray, vectors: FloatArray) -> "ItemVectors":
        """For a catalogue that some items were put into; what task heads read in these is not known, nor their texts.

        Args:
            catalog: what `Catalog.put` gave.
            items: int32 (m,), the item_idx of what was put, every new one among them.
            vectors: float32 (m, dim), unit rows, by the same encoder.
        """
        grown = np.concatenate([self.vectors, np.zeros((len(catalog) - len(self), self.dim), np.float32)])
        grown[items] = vectors
        traits = tuple(trait.put(items, len(catalog)) for trait in self.traits)
        return replace(self, vectors=grown, catalog_digest=catalog.digest, traits=traits, texts=None, products=None)

    def compared(self) -> "ItemVectors":
        """The same with `products`, for who will describe many users; too many items stay as they are.

        It takes a second and 144 MiB at most.
        """
        if len(self) > _COMPARED:
            return self
        vectors, out = np.ascontiguousarray(self.vectors), np.empty((len(self), len(self)), np.float32)
        products(vectors, vectors, out)
        return replace(self, products=out)

    def save(self, directory: Path) -> None:
        """Write vectors.npy, vectors.json, the traits and the texts' digests into an existing directory."""
        save_traits(self.traits, directory)
        if self.texts is not None:
            self.texts.save(directory)
        np.save(directory / "vectors.npy", self.vectors, allow_pickle=False)
        facts = {
            "catalog_digest": self.catalog_digest,
            "encoder_digest": self.encoder_digest,
            "shape": list(self.vectors.shape),
        }
        (directory / "vectors.json").write_text(json.dumps(facts, indent=1, sort_keys=True))

    @classmethod
    def load(cls, directory: Path) -> "ItemVectors":
        """Read what `save` wrote.

        Raises:
            ArtifactError: files that do not fit each other.
        """
        facts = json.loads((directory / "vectors.json").read_text())
        vectors = mapped(directory / "vectors.npy")
        if list(vectors.shape) != facts["shape"]:
            raise ArtifactError(
                f"Expected vectors of shape {facts['shape']} in {directory / 'vectors.npy'}, got {vectors.shape}; "
                "embed the items again."
            )
        return cls(
            vectors=vectors,
            catalog_digest=facts["catalog_digest"],
            encoder_digest=facts["encoder_digest"],
            traits=load_traits(directory),
            texts=Texts.load(directory),
        )
