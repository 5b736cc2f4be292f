"""Token classification: which words of a sentence name a brand, an attribute, a person; BIO tags."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import SchemaError
from recsys.schema import LongArray, Progress
from recsys.text.heads.bio import OUTSIDE, entities, tags_of, types_of
from recsys.text.heads.config import HeadConfig
from recsys.text.heads.examples import Sentences
from recsys.text.heads.head import Head, HeadModel, starting_encoder
from recsys.text.heads.pieces import Pieces
from recsys.text.heads.scores import Scores, entity_scores
from recsys.text.heads.training import HeadCourse, Lesson, held_out, learn
from recsys.text.states import TOKENS
from recsys.text.threads import limited
from recsys.text.tokens import Tokens

Tags = tuple[tuple[str, ...], ...]
"""One tag a word, sentence by sentence."""

_IGNORED = -100
_WORD = re.compile(r"\w+(?:[-'’.,]\w+)*|[^\w\s]")


def train_tagger(
    examples: Sentences, *, start: Path, config: HeadConfig, progress: Progress
) -> tuple[Head, HeadCourse]:
    """Learn the tags of words by cross-entropy; entity F1 on the sentences held out stops it early.

    The first piece of a word carries its tag; its other pieces, special tokens and padding are ignored.

    Args:
        examples: tagged sentences.
        start: folder of a BERT-family model or of a teacher.
        config: the settings.
        progress: called after every step.

    Returns:
        The head, and how the training went.

    Raises:
        SchemaError: no entity, or one of a type that is not one of `config.labels`.
        TrainingError: too few sentences, or a loss that is not a number.
        ArtifactError: nothing to start from.
    """
    labels = tags_of(_types(examples, config))
    learning, judging = held_out(len(examples), config)
    with limited(config.threads):
        encoder = starting_encoder(start, config)
        model = HeadModel(encoder, len(labels), seed=config.seed)
        pieces = Pieces.of(encoder.tokenizer, [examples.words[i] for i in learning])
        truth = _targets(pieces, [labels.index(tag) for i in learning for tag in examples.tags[i]])
        known = [examples.tags[i] for i in judging]
        judged = [examples.words[i] for i in judging]
        head = Head(task="tag", encoder=encoder, model=model.eval(), labels=labels)
        lesson = Lesson(
            lengths=pieces.tokens.lengths,
            loss=lambda rows: _loss(model, pieces.tokens, truth, rows, config.dropout),
            judge=lambda: entity_scores(known, tags(head, judged)).f1,
        )
        course = learn(model, lesson, config, progress)
    return head, course


def _loss(model: HeadModel, tokens: Tokens, truth: Tensor, rows: LongArray, dropout: float) -> Tensor:
    places_NT, mask_NT = tokens.places(rows)
    target_NT = truth[places_NT].masked_fill(~mask_NT, _IGNORED)
    logits_NTC = model.linear(nn.functional.dropout(model.states(*tokens.padded(rows)), dropout))
    return nn.functional.cross_entropy(logits_NTC.flatten(0, 1), target_NT.flatten(), ignore_index=_IGNORED)


def _types(examples: Sentences, config: HeadConfig) -> tuple[str, ...]:
    types = tuple(sorted(set(config.labels))) or types_of(examples.tags)
    check_types(examples, types, "head.labels")
    if not types_of(examples.tags):
        raise SchemaError(
            f"{examples.places[0]}: expected at least 2 tags in the file, got only {OUTSIDE}; bring sentences in which "
            "something is tagged."
        )
    return types


def check_types(examples: Sentences, types: Sequence[str], owner: str) -> None:
    """Refuse a tag of a type that is not one of `types`.

    Raises:
        SchemaError: the first such tag, with its place.
    """
    for own, place in zip(examples.tags, examples.places, strict=True):
        for tag in own:
            if tag != OUTSIDE and tag[2:] not in types:
                raise SchemaError(
                    f"{place}: expected tags of {owner} ({', '.join(types)}), got {tag!r}; correct the tag or add it."
                )


def _targets(pieces: Pieces, of_word: Sequence[int]) -> Tensor:
    """int64 (m,): each token's tag; ignored where it begins no word."""
    target = np.array([*of_word, _IGNORED], np.int64)[pieces.word]
    return torch.from_numpy(target)


def tags(head: Head, sentences: Sequence[Sequence[str]]) -> Tags:
    """The likeliest tag of every word.

    Raises:
        ShapeError: a head for classes.
    """
    head.check("tag")
    pieces = Pieces.of(head.encoder.tokenizer, sentences)
    found = np.full(pieces.words, head.labels.index(OUTSIDE))
    with torch.inference_mode():
        for rows in pieces.tokens.groups(np.arange(len(pieces.tokens)), tokens=TOKENS):
            places_NT, mask_NT = pieces.tokens.places(rows)
            logits_NTC = head.model.linear(head.model.states(*pieces.tokens.padded(rows)))
            word = pieces.word[places_NT[mask_NT].numpy()]
            found[word[word >= 0]] = logits_NTC.argmax(dim=2)[mask_NT].numpy()[word >= 0]
    names = iter(head.labels[i] for i in found)
    return tuple(tuple(next(names) for _ in words) for words in sentences)


def score_tagger(head: Head, examples: Sentences) -> Scores:
    """Compare the entities found with those tagged.

    Raises:
        ShapeError: a head for classes.
        SchemaError: a type of entity that the head does not know.
    """
    head.check("tag")
    check_types(examples, types_of([head.labels]), "the head's types")
    return entity_scores(examples.tags, tags(head, examples.words))


def words(text: str) -> tuple[str, ...]:
    """A text's words and punctuation marks.

    >>> words("A re-imagined Birch & Co mug, 2.5 l")
    ('A', 're-imagined', 'Birch', '&', 'Co', 'mug', ',', '2.5', 'l')
    """
    return tuple(_WORD.findall(text))


def named(head: Head, texts: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], ...]:
    """For each text, type → what it names of that type: distinct, in lower case, in alphabetical order.

    Raises:
        ShapeError: a head for classes.
    """
    sentences = [words(text) for text in texts]
    found = []
    for own, tagged in zip(sentences, tags(head, sentences), strict=True):
        of_type: dict[str, set[str]] = {type_: set() for type_ in types_of([head.labels])}
        for entity in entities(tagged):
            of_type[entity.type].add(" ".join(own[entity.start : entity.end]).lower())
        found.append({type_: tuple(sorted(strings)) for type_, strings in of_type.items()})
    return tuple(found)
