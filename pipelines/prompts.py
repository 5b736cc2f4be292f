"""`recsys bench prompts`: what cloze prompts know of interest beyond popularity, without a label and with a few.

For a shop that has no log yet: the base is pretrained on the item texts known at encoder_end; then it is asked about
pairs of an item a user took after encoder_end and one as popular that the user did not. k labelled users, none of
them among those who judge, tell it what they took in the last tenth before encoder_end.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from pipelines.console import err, progress
from pipelines.source import base_folder
from pipelines.survey import Survey
from recsys import settings
from recsys.evaluation.compare import Estimate, estimate
from recsys.evaluation.matched import takers
from recsys.evaluation.metrics import USER
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray
from recsys.text.masked.catalogue_pairs import catalogue_pairs
from recsys.text.masked.few_shot import Labelled, tuned
from recsys.text.masked.model import MaskedModel
from recsys.text.masked.pretrain import pretrain
from recsys.text.masked.prompt import Cloze

DEFAULTS = ("pretrain.steps=200", "pretrain.tokens_per_step=2048")
"""Settings of this command where nothing else is said: the base known by name has no head of its own."""

KS = (16, 64, 256)
SEEDS = (0, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One score, judged.

    Attributes:
        name: of the score.
        labelled: users it has learned from.
        auc: mean over the judging users, over `seeds` first; its interval is that of another draw of users.
        seeds: mean AUC of each draw of labelled users; empty where nothing is drawn.
    """

    name: str
    labelled: int
    auc: Estimate
    seeds: tuple[float, ...] = ()


def measure(data: str, *, assignments: Sequence[str], until: str | None, form: Literal["json", "table"]) -> None:
    """Print the AUC of every score, each with its interval.

    Raises:
        UsageError: a source or setting that does not exist.
        RecsysError: what reading, pretraining and prompting raise.
    """
    survey = Survey.of(data, settings.load(None, [*DEFAULTS, *assignments]), until)
    rows = []
    for row in _rows(survey):
        err.print(f"  {row.name}, {row.labelled} labelled users: AUC {figure(row.auc)}", markup=False)
        rows.append(row)
    print(json.dumps([asdict(row) for row in rows], indent=1) if form == "json" else _table(rows))


def _rows(survey: Survey) -> Iterator[Row]:
    yield _popularity(survey)
    yield _vectors(survey)
    name, cloze = "prompt", Cloze.of(_model(survey), survey.settings.prompt)
    yield Row(name=name, labelled=0, auc=_estimate(_auc(survey, cloze)))
    if survey.settings.prompt.catalogue_pairs:
        name, cloze = f"{name}, taught by the catalogue", _taught(survey, cloze)
        yield Row(name=name, labelled=0, auc=_estimate(_auc(survey, cloze)))
    available = len(np.unique(survey.labelled.user_idx))
    for k in KS:
        if k <= available:
            yield _few_shot(survey, cloze, name, k)


def _model(survey: Survey) -> MaskedModel:
    """The base with its head, after pretraining where the settings ask for it."""
    encoder, config = survey.settings.encoder, survey.settings.pretrain
    base = base_folder(encoder.base, revision=encoder.revision)
    if config.steps == 0:
        return MaskedModel.of_base(base)
    with tempfile.TemporaryDirectory() as work, progress("pretraining") as show:
        return pretrain(survey.corpus.texts, base=base, config=config, workdir=Path(work), progress=show).model


def _taught(survey: Survey, cloze: Cloze) -> Cloze:
    """After the catalogue's own questions."""
    config, known = survey.settings.prompt, np.flatnonzero(survey.known)
    titles = {survey.titles[i]: i for i in known.tolist()}
    vectors = survey.vectors[list(titles.values())]
    asked = catalogue_pairs(list(titles), vectors, n=config.catalogue_pairs, seed=config.seed)
    with progress("catalogue") as show:
        return tuned(cloze, asked, config.catalogue, show)


def _few_shot(survey: Survey, cloze: Cloze, name: str, k: int) -> Row:
    frames = []
    for seed in SEEDS:
        err.print(f"  {k} labelled users, draw {seed + 1} of {len(SEEDS)}", markup=False)
        rng = np.random.default_rng([seed, k])
        pairs = survey.labelled.of_users(rng.permutation(np.unique(survey.labelled.user_idx))[:k])
        histories, candidates = survey.asked(pairs, survey.corpus.valid_start)
        labels = [1] * len(pairs) + [0] * len(pairs)
        with progress("step") as show:
            told = Labelled(histories=histories, candidates=candidates, labels=labels)
            frames.append(_auc(survey, tuned(cloze, told, survey.settings.prompt.labelled, show)))
    mean = pl.concat(frames).group_by(USER).agg(pl.col("auc").mean()).sort(USER)
    seeds = tuple(float(np.mean(frame["auc"].to_numpy())) for frame in frames)
    return Row(name=name, labelled=k, auc=_estimate(mean), seeds=seeds)


def _auc(survey: Survey, cloze: Cloze) -> pl.DataFrame:
    scores = cloze.scores(*survey.asked(survey.judged, survey.split.encoder_end))
    return _judged(survey, scores)


def _judged(survey: Survey, scores: FloatArray) -> pl.DataFrame:
    n = len(survey.judged)
    return survey.judged.auc(scores[:n], scores[n:])


def _popularity(survey: Survey) -> Row:
    """The control: what is left for a score that knows of each item how many take it, and nothing of the user."""
    counts = takers(survey.interactions, survey.split.encoder_end, survey.split.end).astype(np.float32)
    scores = counts[np.concatenate([survey.judged.positive, survey.judged.negative])]
    return Row(name="popularity in the window", labelled=0, auc=_estimate(_judged(survey, scores)))


def _vectors(survey: Survey) -> Row:
    """The other thing that needs no label: the dot product of an item with the mean of the history."""
    users = np.unique(survey.judged.user_idx)
    histories = survey.interactions.histories(users, as_of=survey.split.encoder_end)
    model = InterestModel.zero_shot(survey.vectors.shape[1], survey.interactions.day)
    of_user = model.user_vectors(histories, survey.vectors, as_of=survey.split.encoder_end)
    rows = np.tile(np.searchsorted(users, survey.judged.user_idx), 2)
    items = np.concatenate([survey.judged.positive, survey.judged.negative])
    scores = (of_user[rows] * survey.vectors[items]).sum(axis=1)
    return Row(name="vectors, zero-shot", labelled=0, auc=_estimate(_judged(survey, scores)))


def _estimate(per_user: pl.DataFrame) -> Estimate:
    return estimate(per_user, "auc")


def _table(rows: Sequence[Row]) -> str:
    head = ["score", "labelled users", "AUC", "by draw"]
    body = [[r.name, str(r.labelled), figure(r.auc), " ".join(f"{auc:.3f}" for auc in r.seeds)] for r in rows]
    return aligned([head, *body])
