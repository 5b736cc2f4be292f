"""Sequence classification: one of several classes for a text, such as a review's sentiment or its topic."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from recsys.errors import SchemaError
from recsys.schema import FloatArray, LongArray, Progress
from recsys.text.heads.config import HeadConfig
from recsys.text.heads.examples import Texts
from recsys.text.heads.head import Head, HeadModel, starting_encoder
from recsys.text.heads.scores import Scores, class_scores
from recsys.text.heads.training import HeadCourse, Lesson, held_out, learn
from recsys.text.states import TOKENS
from recsys.text.threads import limited
from recsys.text.tokens import Tokens


def train_classifier(
    examples: Texts, *, start: Path, config: HeadConfig, progress: Progress
) -> tuple[Head, HeadCourse]:
    """Learn the classes of labelled texts by cross-entropy; accuracy on the examples held out stops it early.

    Args:
        examples: labelled texts.
        start: folder of a BERT-family model or of a teacher.
        config: the settings.
        progress: called after every step.

    Returns:
        The head, and how the training went.

    Raises:
        SchemaError: fewer than two classes, or a label that is not one of `config.labels`.
        TrainingError: too few examples, or a loss that is not a number.
        ArtifactError: nothing to start from.
    """
    labels = _classes(examples, config)
    truth = np.array([labels.index(label) for label in examples.labels], np.int64)
    with limited(config.threads):
        encoder = starting_encoder(start, config)
        tokens = encoder.tokens(examples.texts)
        model = HeadModel(encoder, len(labels), seed=config.seed)
        learning, judging = held_out(len(examples), config)
        lesson = Lesson(
            lengths=tokens.lengths[learning],
            loss=lambda rows: _loss(model, tokens, truth, learning[rows], config.dropout),
            judge=lambda: float((_probabilities(model, tokens, judging).argmax(axis=1) == truth[judging]).mean()),
        )
        course = learn(model, lesson, config, progress)
    return Head(task="classify", encoder=encoder, model=model.eval(), labels=labels), course


def _loss(model: HeadModel, tokens: Tokens, truth: LongArray, rows: LongArray, dropout: float) -> Tensor:
    logits_NC = model.linear(nn.functional.dropout(model.pooled(*tokens.padded(rows)), dropout))
    return nn.functional.cross_entropy(logits_NC, torch.from_numpy(truth[rows]))


def _classes(examples: Texts, config: HeadConfig) -> tuple[str, ...]:
    labels = tuple(sorted(set(config.labels or examples.labels)))
    check_labels(examples, labels, "head.labels")
    if len(labels) < 2 or len(set(examples.labels)) < 2:
        raise SchemaError(
            f"{examples.places[0]}: expected at least 2 classes in the file, got only {examples.labels[0]!r}; "
            "bring examples of another."
        )
    return labels


def check_labels(examples: Texts, labels: Sequence[str], owner: str) -> None:
    """Refuse a label that is not one of `labels`.

    Raises:
        SchemaError: the first such label, with its place.
    """
    for label, place in zip(examples.labels, examples.places, strict=True):
        if label not in labels:
            raise SchemaError(
                f"{place}: expected one of {owner} ({', '.join(labels)}), got {label!r}; correct the label or add it."
            )


def probabilities(head: Head, texts: Sequence[str]) -> FloatArray:
    """float32 (n, classes): how likely each class is for each text, rows sum to 1.

    Raises:
        ShapeError: a head for tags.
    """
    head.check("classify")
    return _probabilities(head.model, head.encoder.tokens(texts), np.arange(len(texts)))


def score_classifier(head: Head, examples: Texts) -> Scores:
    """Compare the likeliest class with the label.

    Raises:
        ShapeError: a head for tags.
        SchemaError: a label that the head does not know.
    """
    head.check("classify")
    check_labels(examples, head.labels, "the head's labels")
    found = probabilities(head, examples.texts).argmax(axis=1)
    return class_scores(examples.labels, [head.labels[i] for i in found])


def _probabilities(model: HeadModel, tokens: Tokens, rows: LongArray) -> FloatArray:
    out = np.zeros((len(tokens), model.linear.out_features), np.float32)
    with torch.inference_mode():
        for group in tokens.groups(rows, tokens=TOKENS):
            out[group] = torch.softmax(model.linear(model.pooled(*tokens.padded(group))), dim=1).numpy()
    return out[rows]
