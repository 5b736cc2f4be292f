"""Why there is no estimate: a value that is returned where an estimate would mislead."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A question that the data cannot answer.

    Attributes:
        name: a slug for machines, such as "no-support".
        because: a sentence with the number that caused it.
        cure: a sentence that says what to do about it.
    """

    name: str
    because: str
    cure: str

    def __str__(self) -> str:
        return f"{self.because} {self.cure}"


Refusals: TypeAlias = tuple[Refusal, ...]
"""All that stands against an estimate; empty where nothing does."""
