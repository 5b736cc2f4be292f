"""Ids and indices map to each other, whatever the ids are."""

from hypothesis import given
from hypothesis import strategies as st

from recsys.data.vocabulary import Vocabulary

ids = st.lists(st.text(max_size=5), max_size=20)


@given(ids)
def test_equal_sets_give_equal_vocabularies(names: list[str]) -> None:
    vocabulary = Vocabulary.of(names)
    assert vocabulary == Vocabulary.of(reversed(names))
    assert vocabulary.ids == tuple(sorted(set(names)))
    assert len(vocabulary) == len(set(names))


@given(ids)
def test_decode_undoes_encode(names: list[str]) -> None:
    vocabulary = Vocabulary.of(names)
    assert vocabulary.decode(vocabulary.encode(names)) == names
    assert vocabulary.encode(names).dtype == "int32"


@given(ids, ids)
def test_unknown_ids_are_minus_one(known: list[str], asked: list[str]) -> None:
    encoded = Vocabulary.of(known).encode(asked).tolist()
    assert [i == -1 for i in encoded] == [name not in set(known) for name in asked]


def test_digest_depends_on_ids_and_order() -> None:
    assert Vocabulary.ordered(["a", "b"]).digest != Vocabulary.ordered(["b", "a"]).digest
    assert Vocabulary.ordered(["ab"]).digest != Vocabulary.ordered(["a", "b"]).digest
