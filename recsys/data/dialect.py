"""How a stranger's CSV is written, by a look at its beginning: a draft for a person."""

import codecs
import csv
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

_BEGINNING = 2**18
"""Bytes that are looked at."""
_SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What a CSV may be written in.

    Attributes:
        encoding: name of a codec; utf8 where the beginning is.
        separator: what stands between fields; a comma where nothing tells.
    """

    encoding: str = "utf8"
    separator: str = ","

    @classmethod
    def of(cls, path: Path) -> "Dialect":
        """Of the file at `path`, which is read no further than its first lines."""
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
        encoding = _encoding(beginning)
        text = beginning.decode(encoding, errors="replace")
        try:
            return cls(encoding=encoding, separator=csv.Sniffer().sniff(text, delimiters=_SEPARATORS).delimiter)
        except csv.Error:  # one column, or lines that agree on nothing
            return cls(encoding=encoding)


def _encoding(text: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf8")().decode(text)  # which leaves a character that the end cuts for later
    except UnicodeDecodeError:
        best = from_bytes(text).best()
        return best.encoding if best is not None else "utf8"
    return "utf8"
