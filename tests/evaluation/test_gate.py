"""A gate's table, its verdict, and what is kept of them."""

import json
from dataclasses import replace

import pytest

from recsys.errors import ArtifactError, GateError
from recsys.evaluation.compare import Estimate
from recsys.evaluation.gate import Check, Gate, rows
from recsys.evaluation.table import aligned

WORSE = Check(
    what="recall@20, whole pipeline",
    against="published bundle",
    judgement="refused",
    candidate=0.2,
    reference=0.25,
    share=Estimate(mean=0.8, low=0.75, high=0.85, n=90),
    limit=0.95,
)
FINE = replace(WORSE, what="nDCG@10, whole pipeline", judgement="ok")
SLOW = Check(
    what="one text, p50",
    against="published bundle",
    judgement="refused",
    candidate=3.0,
    reference=2.0,
    unit="ms",
    limit=1.25,
    bound="times",
    clock=True,
)
HEAVY = replace(SLOW, what="memory", against="limit", reference=None, unit="MB", limit=2, bound="most")
NONE = Check(what="quality", against="published bundle", judgement="not judged", note="none yet")


def gate(*checks, forced=""):
    return Gate(checks=checks, window=(5, 9), forced=forced)


def test_one_no_is_enough_and_unjudged_or_uncertain_rows_pass():
    passed = gate(FINE, NONE, replace(FINE, judgement="uncertain"))
    assert passed.verdict == "passed"
    passed.enforce()
    refused = gate(FINE, NONE, WORSE)
    assert refused.verdict == "refused"
    with pytest.raises(GateError, match="no from 1 of 3"):
        refused.enforce()


def test_the_sentence_names_every_no_with_its_figures():
    with pytest.raises(GateError) as stopped:
        gate(WORSE, FINE, SLOW, HEAVY, replace(NONE, judgement="refused")).enforce()
    said = str(stopped.value)
    assert stopped.value.exit_code == 3
    expected = "recall@20, whole pipeline 0.2000 against published bundle's 0.2500, 80.0% [75.0%, 85.0%], limit ≥ 95.0%"
    assert expected in said
    assert "one text, p50 3 ms against published bundle's 2 ms, 1.50 ×, limit ≤ 1.25 ×" in said
    assert "memory 3 MB, limit ≤ 2 MB" in said
    assert "quality against published bundle: none yet" in said
    assert "nDCG" not in said
    assert 'recsys release --force "reason"' in said


def test_a_reason_lets_it_go_and_stays():
    forced = gate(WORSE, forced="the old one is broken")
    forced.enforce()
    assert forced.verdict == "forced"
    assert forced.lasting()["forced"] == "the old one is broken"
    assert gate(FINE, forced="no need").verdict == "passed"


def test_what_lasts_holds_no_clock_readings(tmp_path):
    both = gate(FINE, SLOW)
    other_day = gate(FINE, replace(SLOW, candidate=3.1))
    assert both.lasting() == other_day.lasting()
    assert [check["what"] for check in both.lasting()["checks"]] == [FINE.what]
    assert both.lasting() == json.loads(json.dumps(both.lasting()))
    both.save(tmp_path)
    assert Gate.load(tmp_path) == both


def test_a_missing_or_broken_verdict_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"Expected a gate's verdict in .*; run the release stage"):
        Gate.load(tmp_path)
    gate(FINE).save(tmp_path)
    (tmp_path / "measured.json").write_text('[{"what": 1}]')
    with pytest.raises(ArtifactError, match="Expected a gate's verdict in"):
        Gate.load(tmp_path)


def test_the_table_shows_every_check_with_both_values_limit_and_verdict():
    table = aligned(rows(gate(WORSE, SLOW, HEAVY, NONE, replace(FINE, judgement="uncertain"))))
    lines = [" ".join(line.split()) for line in table.splitlines()]
    assert lines[0] == "check against candidate reference ratio limit verdict"
    share = "0.2000 0.2500 80.0% [75.0%, 85.0%] ≥ 95.0%"
    assert lines[2] == f"recall@20, whole pipeline published bundle {share} NO"
    assert lines[3] == "one text, p50 published bundle 3 ms 2 ms 1.50 × ≤ 1.25 × NO"
    assert lines[4] == "memory limit 3 MB – – ≤ 2 MB NO"
    assert lines[5] == "quality published bundle – – – – not judged: none yet"
    assert lines[6] == f"nDCG@10, whole pipeline published bundle {share} ok: loss not certain"
