"""BIO tags: what a word is of an entity, and the entities that a sentence's tags make."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

OUTSIDE = "O"

_TAG = re.compile(r"O|[BI]-\S+")


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """Words [start, end) of a sentence that name something of a type."""

    start: int
    end: int
    type: str


def is_tag(tag: str) -> bool:
    """Whether it is O, B-type or I-type.

    >>> [is_tag(tag) for tag in ("O", "B-brand", "I-brand", "brand", "B-", "E-brand")]
    [True, True, True, False, False, False]
    """
    return _TAG.fullmatch(tag) is not None


def tags_of(types: Sequence[str]) -> tuple[str, ...]:
    """O, then B and I of every type.

    >>> tags_of(["brand"])
    ('O', 'B-brand', 'I-brand')
    """
    return (OUTSIDE, *(f"{form}-{type_}" for type_ in types for form in "BI"))


def types_of(tags: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The types named by sentences' tags, in alphabetical order."""
    return tuple(sorted({tag[2:] for sentence in tags for tag in sentence if tag != OUTSIDE}))


def entities(tags: Sequence[str]) -> tuple[Entity, ...]:
    """The entities of a sentence as the CoNLL shared tasks' conlleval reads them (and seqeval by default).

    An entity goes on as long as tags I of its type follow; an I that continues nothing begins one like a B.

    >>> entities(["B-x", "I-x", "I-y", "O", "I-x"])
    (Entity(start=0, end=2, type='x'), Entity(start=2, end=3, type='y'), Entity(start=4, end=5, type='x'))
    """
    found: list[Entity] = []
    for place, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        last = found[-1] if found else None
        if tag[0] == "I" and last is not None and last.end == place and last.type == tag[2:]:
            found[-1] = Entity(last.start, place + 1, last.type)
        else:
            found.append(Entity(place, place + 1, tag[2:]))
    return tuple(found)
