"""A teacher that goes on from the last one: what keeps old knowledge, and how much of it was kept."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from recsys.errors import ArtifactError
from recsys.retrieval.interest import InterestModel
from recsys.schema import Instant, LongArray
from recsys.text.config import ContinualConfig
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.losses.vector import vector_loss
from recsys.text.task import Penalty, Towers
from recsys.text.validation import Quality, Validation

WINDOWS = "windows.json"

Windows: TypeAlias = tuple[tuple[Instant, Instant], ...]
"""(start, end) of the validation windows that judged a teacher and those it went on from, its own last."""


def write_windows(corpus: Corpus, directory: Path) -> None:
    """Write windows.json beside a teacher: what judged it, so that none that goes on from it learns from that."""
    windows = [*corpus.earlier, (corpus.valid_start, corpus.end)]
    (directory / WINDOWS).write_text(json.dumps(windows))


def read_windows(directory: Path) -> Windows:
    """What `write_windows` wrote.

    Raises:
        ArtifactError: the file is missing or not of the expected form.
    """
    try:
        windows = tuple((int(start), int(end)) for start, end in json.loads((directory / WINDOWS).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(
            f"Expected a teacher with {WINDOWS} in {directory}, could not read it ({error}); set "
            "finetune.continual.start to the teacher directory of a finished run."
        ) from error
    if not windows:
        raise ArtifactError(
            f"Expected at least one window in {directory / WINDOWS}, got none; train the teacher again."
        )
    return windows


def penalty(config: ContinualConfig, towers: Towers, vectors_ND: Tensor) -> Penalty | None:
    """What is added to a step's loss to keep old knowledge; None where nothing is.

    Args:
        config: which, and its weight.
        towers: as the last teacher left them.
        vectors_ND: all texts' vectors by them.
    """
    if config.penalty == "none" or config.weight == 0:
        return None
    if config.penalty == "distill":
        return _distill(config.weight, towers, vectors_ND)
    return _l2sp(config.weight, towers)


def _distill(weight: float, towers: Towers, vectors_ND: Tensor) -> Penalty:
    """Mean of 1 - cosine to the last teacher's vectors (learning without forgetting, Li & Hoiem 2016, 1606.09282).

    Each text counts in both its parts: as a candidate, and as a history of its own, map · vector.
    """
    kept_ND = vectors_ND.detach().clone()
    as_history_ND = torch.nn.functional.normalize(kept_ND @ towers.user.map.detach().T, dim=1)

    def penalty(towers: Towers, rows: LongArray, texts_CD: Tensor) -> Tensor:
        old = torch.from_numpy(rows)
        history_CD = torch.nn.functional.normalize(texts_CD @ towers.user.map.T, dim=1)
        return weight * (vector_loss(texts_CD, kept_ND[old]) + vector_loss(history_CD, as_history_ND[old])) / 2

    return penalty


def _l2sp(weight: float, towers: Towers) -> Penalty:
    """Half the weight times Σ (w - w₀)², w₀ the last teacher's weights of what learns (Li et al. 2018, 1802.01483)."""
    starts = {name: parameter.detach().clone() for name, parameter in towers.named_parameters()}

    def penalty(towers: Towers, _rows: LongArray, _texts_CD: Tensor) -> Tensor:
        moved = [(p - starts[name]).square().sum() for name, p in towers.named_parameters() if p.requires_grad]
        return weight / 2 * torch.stack(moved).sum()

    return penalty


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How well the users of one window are served before and after an update, one value a user, in one order."""

    before: Quality
    after: Quality


def memories(corpus: Corpus, before: Path, after: Path, windows: Sequence[tuple[Instant, Instant]]) -> list[Memory]:
    """Two teachers on each of several windows, over the same texts, users and histories.

    Args:
        corpus: what was known when the second was trained.
        before: directory of the teacher that was gone on from.
        after: directory of the teacher that went on.
        windows: (start, end) of windows that neither has learned from.

    Raises:
        TrainingError: nobody with a history takes anything new in a window.
    """
    vectors = [TransformerEncoder.load(teacher).encode(corpus.texts) for teacher in (before, after)]
    interests = [InterestModel.load(teacher) for teacher in (before, after)]
    found = []
    for start, end in windows:
        judge = Validation.of(corpus.window(start, end))
        first, second = (judge.judge(i, np.asarray(v)) for i, v in zip(interests, vectors, strict=True))
        found.append(Memory(before=first, after=second))
    return found
