"""What each source of candidates finds, alone and beside the others, by hand."""

import numpy as np
import pytest

from pipelines.findings import ALL_SOURCES, Findings, Proposals
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.evaluation.results import Evaluation
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.truth import Truth
from recsys.retrieval.candidates import SOURCES

COSINE, TEXT, OWN = (1 << SOURCES.index(name) for name in ("cosine", "text", "own"))


@pytest.fixture
def findings():
    """Two users: the first takes items 0, 1, 2, 3, the second item 4."""
    truth = Truth(
        user_idx=np.array([7, 9], np.int32), indptr=np.array([0, 4, 5]), item_idx=np.array([0, 1, 2, 3, 4], np.int32)
    )
    config = EvaluationConfig(samples=100)
    exam = Exam(user_idx=truth.user_idx, segments={OVERALL: truth}, information=np.zeros(9), config=config)
    return Findings(exam=exam)


def test_recall_alone_and_what_is_lost_without(findings):
    proposals = Proposals(
        rows=np.array([0, 0, 0, 0, 1, 1]),
        item_idx=np.array([0, 1, 2, 8, 4, 5], np.int32),
        sources=np.array([COSINE, COSINE | TEXT, TEXT, TEXT, COSINE | TEXT | OWN, OWN], np.uint16),
    )
    found = findings.sources(proposals)
    assert list(found) == [*SOURCES, ALL_SOURCES]
    told = {name: (s.recall.mean, s.candidates, s.lost and s.lost.mean, s.only) for name, s in found.items()}
    assert told["cosine"] == pytest.approx(((2 / 4 + 1) / 2, 3 / 2, (1 / 4 + 0) / 2, 1 / 2))
    assert told["text"] == pytest.approx(((2 / 4 + 1) / 2, 4 / 2, (1 / 4 + 0) / 2, 2 / 2))
    assert told["own"] == pytest.approx(((0 + 1) / 2, 2 / 2, 0, 1 / 2))
    assert told["als"] == (0, 0, 0, 0)
    assert told[ALL_SOURCES] == ((3 / 4 + 1) / 2, 6 / 2, None, None)
    assert (found["text"].lost.n, found["text"].lost.differing) == (2, 1)


def test_no_source_loses_more_than_it_finds(evaluated):
    sources = Evaluation.load(evaluated / "evaluation").sources
    everything = sources[ALL_SOURCES]
    assert list(sources) == [*SOURCES, ALL_SOURCES]
    for name in SOURCES:
        part = sources[name]
        assert 0 <= part.lost.mean <= min(part.recall.mean, everything.recall.mean) + 1e-12
        assert 0 <= part.only <= part.candidates <= everything.candidates
    assert sum(sources[name].only for name in SOURCES) <= everything.candidates
    assert any(sources[name].only > 0 for name in SOURCES)
