"""Words that items share: against the formula written out, and as a catalogue grows."""

import math
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from recsys.data.interactions import Histories
from recsys.errors import ArtifactError
from recsys.retrieval import lexical
from recsys.retrieval.lexical import Lexicon
from recsys.schema import EVENT_CODES, DoubleArray

TEXTS = (
    "Red mug, Ferrini 12oz",
    "red MUG ferrini",
    "Blue plate Ferrini plate",
    "Blue plate by Örne",
    "örne 12oz",
    "",
)
ALL = np.ones(len(TEXTS), np.bool_)


@pytest.fixture(autouse=True)
def _nothing_is_common(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "_COMMON_SHARE", 1.0)


def cosines(texts: tuple[str, ...], known: range) -> DoubleArray:
    """The formula, item by item and word by word."""
    counted = [Counter(re.findall(r"\w+", text.lower())) for text in texts]
    rarity = {
        word: math.log((1 + len(known)) / (1 + sum(word in counted[i] for i in known)))
        for counts in counted
        for word in counts
    }
    rows = [{word: (1 + math.log(f)) * rarity[word] for word, f in counts.items()} for counts in counted]
    lengths = [math.sqrt(sum(w * w for w in row.values())) or 1.0 for row in rows]
    return np.array(
        [
            [sum(a[w] * b.get(w, 0.0) for w in a) / x / y for b, y in zip(rows, lengths, strict=True)]
            for a, x in zip(rows, lengths, strict=True)
        ]
    )


@pytest.mark.parametrize("known", [range(6), range(4)])
def test_the_cosine_is_as_the_formula_says(known: range) -> None:
    expected = cosines(TEXTS, known)
    lexicon = Lexicon.of(TEXTS, np.isin(np.arange(6), known))
    assert (lexicon.matrix @ lexicon.matrix.T).toarray() == pytest.approx(expected, abs=1e-6)


def history(*users: tuple[int, ...]) -> Histories:
    """Purchases of each user, one an hour; an impression of item 0 comes last."""
    sizes = [len(user) + 1 for user in users]
    weight = [w for user in users for w in (*[1.0] * len(user), 0.0)]
    return Histories(
        indptr=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        item_idx=np.array([item for user in users for item in (*user, 0)], np.int32),
        event=np.array([EVENT_CODES["purchase" if w else "impression"] for w in weight], np.uint8),
        at=np.concatenate([np.arange(size) for size in sizes]).astype(np.int64),
        value=np.zeros(sum(sizes)),
        weight=np.array(weight, np.float32),
    )


def test_a_score_is_the_mean_cosine_to_what_was_taken() -> None:
    expected = cosines(TEXTS, range(6))
    scores = Lexicon.of(TEXTS, ALL).scores(history((1, 1, 4), (), (5,)))
    assert scores[0] == pytest.approx((2 * expected[1] + expected[4]) / 3, abs=1e-6)
    assert not scores[1:].any()


def test_a_user_has_the_same_scores_alone_and_among_many() -> None:
    lexicon, users = Lexicon.of(TEXTS, ALL), [(1, 1, 4), (0, 2, 3), (2,)]
    together = lexicon.scores(history(*users))
    for row, user in enumerate(users):
        assert lexicon.scores(history(user))[0].tobytes() == together[row].tobytes()


def test_what_many_items_have_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "_COMMON_SHARE", 0.4)
    lexicon = Lexicon.of(TEXTS, ALL)
    silent = {word for word, column in lexicon.words.items() if lexicon.rarity[column] == 0}
    assert silent == {"ferrini"}  # 3 of 6; the others 2 at most
    assert lexicon.matrix[[2]].indices.tolist() == [lexicon.words["blue"], lexicon.words["plate"]]


def test_what_is_put_is_read_and_replaced() -> None:
    lexicon = Lexicon.of(TEXTS, ALL)
    grown = lexicon.put(np.array([6, 1], np.int32), ["12oz Örne unheard", "blue lamp"])
    found = (grown.matrix @ grown.matrix.T).toarray()
    assert found[6].nonzero()[0].tolist() == [0, 3, 4, 6]
    assert found[6, 4] == pytest.approx(1, abs=1e-6)  # a word the catalogue did not have is not seen
    assert found[1].nonzero()[0].tolist() == [1, 2, 3]  # mug and red no more
    stays = [0, 2, 3, 4, 5]
    assert grown.matrix[stays].toarray().tobytes() == lexicon.matrix[stays].toarray().tobytes()
    assert grown.scores(history((6,)))[0] == pytest.approx(found[6], abs=1e-6)


def test_a_loaded_lexicon_is_equal_and_must_fit_the_catalogue(tmp_path: Path) -> None:
    lexicon = Lexicon.of(TEXTS, ALL)
    lexicon.save(tmp_path)
    loaded = Lexicon.load(tmp_path, 6)
    assert list(loaded.words) == list(lexicon.words)
    assert loaded.matrix.toarray().tobytes() == lexicon.matrix.toarray().tobytes()
    assert loaded.read(["örne mug"]).toarray().tobytes() == lexicon.read(["örne mug"]).toarray().tobytes()
    with pytest.raises(ArtifactError, match=r"lexicon-\*.npy do not form a matrix of 7 x"):
        Lexicon.load(tmp_path, 7)
    np.save(tmp_path / "lexicon-rarity.npy", lexicon.rarity[1:])
    with pytest.raises(ArtifactError, match=rf"Expected how rare each of the {len(lexicon.words)} words .* is, got"):
        Lexicon.load(tmp_path, 6)


def test_a_catalogue_without_words() -> None:
    nothing = Lexicon.of(["", "!"], np.ones(2, np.bool_))
    assert nothing.matrix.nnz == 0
    assert nothing.scores(history((0, 1))).tolist() == [[0, 0]]
