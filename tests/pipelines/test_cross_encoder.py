"""What a cross-encoder is worth on a run's teacher, as rows."""

import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.cross_encoder import rows
from recsys.errors import ConfigError, UsageError
from recsys.text.cross.reranking import Reranking


def test_rows_are_paired_with_the_two_towers():
    two = np.array([0.1, 0.5, 0.3, 0.0])
    found = rows(Reranking(two_tower=two, cross_encoder=two + 0.1, both=two, best=np.ones(4)))
    assert [row.order for row in found] == ["two towers", "cross-encoder", "both", "best possible"]
    assert found[0].difference is None
    assert found[0].ndcg.mean == pytest.approx(0.9 / 4)
    assert found[1].difference.mean == pytest.approx(0.1)
    assert found[3].ndcg.mean == 1


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ([], UsageError, "Expected a run at"),
        (["--set", "cross_encoder.stepps=3"], ConfigError, "did you mean cross_enc"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(tmp_path, arguments, error, said):
    found = CliRunner().invoke(app, ["bench", "cross-encoder", "--run", str(tmp_path), *arguments])
    assert isinstance(found.exception, error)
    assert said in str(found.exception)
