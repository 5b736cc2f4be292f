"""Whether interest and the ranker's probability keep their word: on the validation window, and on the test window."""

from pathlib import Path

import numpy as np

from pipelines.parts import Parts
from pipelines.run_directory import RunDirectory
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.evaluation.reliability import Reliability, reliability
from recsys.evaluation.truth import Truth
from recsys.ranking.rows import table_of
from recsys.ranking.rules import available, unseen
from recsys.recommender import Recommender
from recsys.retrieval.interest import InterestModel
from recsys.schema import FloatArray, LongArray
from recsys.text.corpus import Corpus
from recsys.text.validation import Validation

_PAIRS = 8_000_000


def on_validation(corpus: Corpus, interest: InterestModel, vectors: FloatArray) -> Reliability | None:
    """Every user's pairs by the calibration that the other half of the users gives; None with a single user.

    Args:
        corpus: what was known at encoder_end.
        interest: its kind of calibration is judged, not its fit.
        vectors: float32 (n_texts, d), of the corpus' texts.
    """
    validation = Validation.of(corpus)
    if len(validation.histories) < 2:
        return None
    pairs = validation.pairs(interest, vectors)
    return reliability(pairs.crossfitted(interest.calibration.kind), pairs.taken, pairs.user)


def on_test(parts: Parts, exam: Exam) -> Reliability | None:
    """The served interest as of ranker_end, against what is taken anew in the test window.

    Over the exam's users with a history and all items they could be offered and have not met, at most eight million
    pairs; None where nobody takes anything new.
    """
    as_of, end, n_items = parts.split.ranker_end, parts.split.end, len(parts.catalog)
    truth = Truth.of(parts.interactions, exam.user_idx, start=as_of, end=end, target="new")
    known = np.diff(parts.interactions.histories(exam.user_idx, as_of=as_of).positives().indptr) > 0
    truth = truth.take(_spread(np.flatnonzero(known & (truth.sizes > 0)), max(1, _PAIRS // n_items)))
    histories = parts.interactions.histories(truth.user_idx, as_of=as_of)
    taken = np.zeros((len(truth), n_items), np.bool_)
    taken[truth.rows, truth.item_idx] = True
    offered = unseen(histories, n_items) & available(parts.catalog, as_of=as_of)
    if not (taken & offered).any() or not (~taken & offered).any():
        return None
    users = parts.interest.user_vectors(histories, parts.vectors.vectors, as_of=as_of)
    scores = (users @ parts.vectors.vectors.T)[offered]
    rows = np.repeat(np.arange(len(truth)), offered.sum(axis=1))
    config = exam.config
    return reliability(parts.interest.interest(scores), taken[offered], rows, samples=config.samples, seed=config.seed)


def of_ranker(
    ours: Recommender, parts: Parts, config: EvaluationConfig, *, folder: Path | None = None
) -> dict[str, Reliability]:
    """The ranker's probability as of ranker_end, against what is taken in a window as long as the one it is about.

    Over the candidates of users with a history who take anything in it, at most `ranking.users_per_instant`; empty
    where the ranker has no probability, or nobody takes a candidate. Features lie in a file in `folder`, if given.
    """
    ranker, split = ours.ranker, parts.split
    if ranker is None or ranker.probability is None:
        return {}
    until = min(split.ranker_end + ranker.probability.window, split.end)
    rows = table_of(ours.snapshot, parts.interactions, label_end=until, folder=folder)
    taken = rows.gain > 0
    if not taken.any() or taken.all():
        return {}
    chance = ranker.chance(ranker.score(rows.features.select(ranker.features)))
    found = reliability(chance, taken, rows.rows, weighing="counted", samples=config.samples, seed=config.seed)
    return {"ranker, test window": found}


def told(opened: RunDirectory, test: Reliability | None) -> dict[str, Reliability]:
    """Whose interest, and where → how reliable; what could not be judged is left out."""
    found = {
        "student, test window": test,
        "student, validation": Reliability.load(opened / "student"),
        "teacher, validation": Reliability.load(opened / "teacher"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _spread(rows: LongArray, most: int) -> LongArray:
    """At most so many of the rows, evenly spread."""
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
