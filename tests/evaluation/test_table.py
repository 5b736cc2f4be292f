"""The terminal table."""

from dataclasses import replace

from recsys.evaluation.table import in_order, rows, table


def test_rows_name_metrics_and_the_lead(evaluation):
    got = rows(evaluation)
    assert got[0] == ["method", "nDCG@10", "recall@20", "recsys - method, nDCG@10"]
    assert got[1] == ["recsys", "0.3000 [0.2900, 0.3100]", "0.3500 [0.3400, 0.3600]", ""]
    assert got[3] == ["EASE", "0.2000 [0.1900, 0.2100]", "0.2500 [0.2400, 0.2600]", "+0.1000 [0.0800, 0.1200]"]


def test_ours_then_ablations_then_baselines_best_first(evaluation):
    assert in_order(evaluation) == ["recsys", "recsys without text", "EASE", "popularity"]


def test_columns_line_up(evaluation):
    lines = table(evaluation).splitlines()
    assert len(lines) == 2 + 4
    for head, mean in (("nDCG@10", "0.3000 ["), ("recall@20", "0.3500 [")):
        column = lines[0].index(head)
        assert lines[2][column:].startswith(mean)
        assert {line[column - 2 : column] for line in [lines[0], *lines[2:]]} == {"  "}
    assert lines == [line.rstrip() for line in lines]


def test_only_leading_metrics_have_room(evaluation):
    assert table(replace(evaluation, shown=("ndcg@10", "recall@20", "novelty@10"))) == table(evaluation)
