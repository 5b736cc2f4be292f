"""Which texts were read, by digest, and by what exactly."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recsys.data.storage import mapped, read_json, write_json
from recsys.errors import ArtifactError, ShapeError
from recsys.schema import LongArray

DigestArray: TypeAlias = npt.NDArray[np.bytes_]
"""Dtype S16: the first 128 bits that BLAKE2b makes of a text; two texts of a billion share them once in 10^20 times."""

_BYTES = 16
_FILE, _FACTS = "texts.npy", "texts.json"


def digests(texts: Sequence[str]) -> DigestArray:
    """S16 (n,), one a text, equal where the texts are."""
    each = (hashlib.blake2b(text.encode(), digest_size=_BYTES).digest() for text in texts)
    return np.frombuffer(b"".join(each), f"S{_BYTES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts that rows of vectors were made of.

    Attributes:
        digests: S16 (n,), row by row; a text that several items share stands several times.
        reading: `OnnxEncoder.reading` of what read them.
    """

    digests: DigestArray
    reading: str

    def __post_init__(self) -> None:
        if self.digests.ndim != 1 or self.digests.dtype != f"S{_BYTES}":
            raise ShapeError(f"Expected one digest S{_BYTES} a text, got {self.digests.dtype} {self.digests.shape}.")

    def __len__(self) -> int:
        return len(self.digests)

    def take(self, rows: LongArray) -> "Texts":
        """Those of some rows, in their order."""
        return replace(self, digests=self.digests[rows])

    def save(self, directory: Path) -> None:
        """Write texts.npy and texts.json into an existing directory."""
        np.save(directory / _FILE, self.digests, allow_pickle=False)
        write_json(directory / _FACTS, {"reading": self.reading})

    @classmethod
    def load(cls, directory: Path) -> "Texts | None":
        """Read what `save` wrote; None where nothing was.

        Raises:
            ArtifactError: one file without the other, or not of the expected form.
        """
        if not (directory / _FACTS).exists() and not (directory / _FILE).exists():
            return None
        facts = read_json(directory / _FACTS)
        try:
            return cls(digests=mapped(directory / _FILE), reading=str(facts["reading"]))
        except (OSError, ValueError, KeyError, ShapeError) as error:
            raise ArtifactError(
                f"Expected the digests of texts in {directory / _FILE}, could not read them ({error}); embed again."
            ) from error
