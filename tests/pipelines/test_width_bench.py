"""What a teacher keeps when its vectors are cut."""

import json

import pytest
import torch

from pipelines.run_directory import RunDirectory
from pipelines.width_bench import Row, cells, measure, widths
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.errors import UsageError
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.comparison import Comparison
from recsys.retrieval.interest import InterestModel
from recsys.text.encoder import TransformerEncoder
from tests.pipelines.small_run import put, resettled
from tests.tiny import write_base


def test_a_table_tells_what_is_kept():
    whole = Row(run="r", reduction="prefix", dim=32, ndcg=Estimate(mean=0.2, low=0.1, high=0.3, n=150), kept=None)
    comparison = Comparison(
        ours=0.18,
        other=0.2,
        share=Estimate(mean=0.9, low=0.8, high=1.01, n=150),
        difference=Difference(mean=-0.02, low=-0.03, high=-0.01, n=150, differing=150),
    )
    half = Row(run="r", reduction="pca", dim=16, ndcg=Estimate(mean=0.18, low=0.1, high=0.2, n=150), kept=comparison)
    assert cells([whole, half])[1:] == [
        ["r", "32", "all", "0.2000 [0.1000, 0.3000]", "", ""],
        [
            "r",
            "16",
            "principal components",
            "0.1800 [0.1000, 0.2000]",
            "-0.0200 [-0.0300, -0.0100]",
            "90.0% [80.0%, 101.0%]",
        ],
    ]


@pytest.fixture(scope="module")
def run(shop, tmp_path_factory):
    """A run with a teacher: a random BERT, its vectors centred."""
    folder = tmp_path_factory.mktemp("widths")
    split = TimeSplit.of(shop.interactions, SplitConfig())
    encoder = TransformerEncoder.of_base(write_base(folder), max_tokens=16, pooling="mean")
    with torch.no_grad():
        encoder.tower.head.bias.copy_(torch.from_numpy(-encoder.encode(shop.catalog.texts).mean(axis=0)))

    def log(work):
        shop.interactions.save(work)
        split.save(work)

    def teacher(work):
        encoder.save(work)
        InterestModel.zero_shot(encoder.dim, shop.interactions.day).save(work)

    path = folder / "run"
    resettled(path)
    for kind, write in (("catalog", shop.catalog.save), ("interactions", log), ("teacher", teacher)):
        put(path, kind, write)
    return path


def test_the_whole_width_loses_nothing_and_narrow_ones_are_told_beside_it(run, capsys):
    rows = list(widths(RunDirectory.open(run), ["32", "4"]))
    assert [(row.reduction, row.dim) for row in rows] == [
        ("prefix", 32),
        ("prefix", 32),
        ("pca", 32),
        ("prefix", 4),
        ("pca", 4),
    ]
    assert rows[0].ndcg == rows[1].ndcg
    for row in rows[1:]:
        assert row.kept is not None
        assert row.kept.other == rows[0].ndcg.mean
        assert row.kept.difference.mean == pytest.approx(row.ndcg.mean - rows[0].ndcg.mean)
    assert rows[2].kept.difference.mean == pytest.approx(0, abs=0.01)
    assert rows[3].ndcg != rows[4].ndcg
    measure([run, run], ["4"], form="json")
    told = json.loads(capsys.readouterr().out)
    assert [row["dim"] for row in told] == [32, 4, 4] * 2
    assert told[1]["ndcg"]["mean"] == rows[3].ndcg.mean


@pytest.mark.parametrize("told", ["33", "0", "half"])
def test_a_width_that_is_not_there(run, told):
    with pytest.raises(UsageError, match=rf"Expected --dims from 1 to 32, .* teacher's vectors, got {told}; correct"):
        list(widths(RunDirectory.open(run), [told]))
