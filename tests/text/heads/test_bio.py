"""Tags and the entities they make."""

import random

import pytest

from recsys.text.heads.bio import Entity, entities, is_tag, tags_of, types_of


def naive(tags):
    """conlleval's two questions, asked of every word: does an entity end before it, does one begin with it?"""
    found, start, kind = [], None, None
    before, before_type = "O", ""
    for place, tag in enumerate([*tags, "O"]):
        form, _, type_ = tag.partition("-")
        ends = before in "BI" and (form in "BO" or type_ != before_type)
        begins = form == "B" or (form == "I" and (before == "O" or type_ != before_type))
        if ends:
            found.append(Entity(start, place, kind))
        if begins:
            start, kind = place, type_
        before, before_type = form, type_
    return tuple(found)


@pytest.mark.parametrize("seed", range(200))
def test_any_sequence_gives_conllevals_entities(seed):
    draw = random.Random(seed)
    tags = draw.choices(("O", "B-x", "I-x", "B-y", "I-y"), k=draw.randrange(12))
    assert entities(tags) == naive(tags)


def test_forms_and_types():
    assert not any(map(is_tag, ("", "o", "B", "I-", "B- x", "S-x", "b-x")))
    assert is_tag("B-two-part")
    assert types_of([("O", "I-b"), ("B-a",), ()]) == ("a", "b")
    assert tags_of(("a", "b")) == ("O", "B-a", "I-a", "B-b", "I-b")
    assert entities(["B-two-part", "I-two-part"]) == (Entity(0, 2, "two-part"),)
