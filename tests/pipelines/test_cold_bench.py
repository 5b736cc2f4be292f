"""What the command prints."""

import json

import pytest
from typer.testing import CliRunner

from pipelines import cold_items, newcomers
from pipelines.bench_app import app
from pipelines.cold_bench import items_cells, measure, users_cells
from recsys.errors import ArtifactError, UsageError
from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.comparison import Comparison

HALF = Estimate(mean=0.5, low=0.4, high=0.6, n=1070)


def test_tables_tell_what_was_found():
    ahead = Difference(mean=0.1, low=0.05, high=0.15, n=1070, differing=900)
    ours = newcomers.Row(events=3, method="recsys", ndcg=HALF, recall=HALF, ahead=None)
    other = newcomers.Row(events=None, method="popularity", ndcg=HALF, recall=HALF, ahead=ahead)
    assert users_cells([ours, other])[1:] == [
        ["3", "recsys", "1,070", "0.5000 [0.4000, 0.6000]", "0.5000 [0.4000, 0.6000]", ""],
        ["all", "popularity", "1,070", *["0.5000 [0.4000, 0.6000]"] * 2, "+0.1000 [0.0500, 0.1500]"],
    ]
    beside = Comparison(ours=0.5, other=0.4, share=Estimate(mean=1.25, low=1.1, high=1.5, n=1070), difference=ahead)
    first = cold_items.Row(among="items", items=3459, method="zero-shot text", recall=HALF, beside=None)
    second = cold_items.Row(among="cold items", items=99, method="recsys", recall=HALF, beside=beside)
    assert items_cells([first, second])[1:] == [
        ["3,459 items", "zero-shot text", "1,070", "0.5000 [0.4000, 0.6000]", "", ""],
        [
            "99 cold items",
            "recsys",
            "1,070",
            "0.5000 [0.4000, 0.6000]",
            "+0.1000 [0.0500, 0.1500]",
            "1.25 [1.10, 1.50]",
        ],
    ]


def test_the_command_prints_both(evaluated):
    done = CliRunner().invoke(app, ["cold", "--run", str(evaluated), "--events", "2, 0", "--users", "20", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [(row["events"], row["method"]) for row in told["users"]] == [
        (n, who) for n in (0, 2, None) for who in ("recsys", "popularity")
    ]
    assert {row["ndcg"]["n"] for row in told["users"]} == {20}
    assert [row["among"] for row in told["items"]] == ["items"] * 4 + ["cold items"] * 4
    table = CliRunner().invoke(app, ["cold", "--run", str(evaluated), "--events", "0", "--users", "20"])
    first, second = table.stdout.split("\n\n")
    assert first.startswith("events  method")
    assert second.startswith("among ")
    assert len(first.splitlines()) == 2 + 4
    assert len(second.splitlines()) == 2 + 8


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (["1", "few"], "Expected --events as numbers from 0 up with commas between, got 'few'; correct it"),
        (["-1"], "Expected --events as numbers from 0 up with commas between, got '-1'; correct it"),
        ([], "Expected --events as numbers from 0 up with commas between, got none"),
    ],
)
def test_events_that_are_none(evaluated, events, said):
    with pytest.raises(UsageError, match=said):
        measure(evaluated, events, users=9, form="table")


def test_a_run_without_a_ranker(evaluated, tmp_path):
    for name in ("run.json", "catalog", "interactions", "vectors", "student"):
        (tmp_path / name).symlink_to(evaluated / name)
    with pytest.raises(ArtifactError, match="ranker"):
        measure(tmp_path, ["0"], users=9, form="table")
