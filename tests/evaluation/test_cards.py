"""What stands on the cards that go with a bundle."""

from dataclasses import replace

from recsys.evaluation.cards import data_card, model_card
from recsys.evaluation.compare import Difference
from recsys.evaluation.gate import Check, Gate
from recsys.evaluation.results import Measured
from recsys.evaluation.segments import OVERALL
from recsys.evaluation.table import rows

OK = Check(what="nDCG@10, whole pipeline", against="teacher", judgement="ok", candidate=0.4, reference=0.4)
CLOCK = Check(what="one text, median", against="teacher", judgement="ok", candidate=2.5, reference=20.6, clock=True)
PARENTS = {"student": "a" * 64, "ranker": "b" * 64}


def card(evaluation, *checks, forced=""):
    return model_card(evaluation, Gate(checks=checks or (OK,), window=(0, 1), forced=forced), parents=PARENTS)


def test_the_model_card_tells_every_method_segment_and_part(evaluation):
    text = card(evaluation)
    for cells in rows(evaluation):
        assert all(cell in text for cell in cells)
    for segment in evaluation.methods[evaluation.ours].scores:
        assert f"| {segment} |" in text
    assert f"| student | {'a' * 64} |" in text
    for name in list(evaluation.importance)[:3]:
        assert f"- {name}: " in text
    assert "Verdict: passed." in text
    assert "| nDCG@10, whole pipeline | teacher | ok |  |" in text


def test_equal_inputs_give_equal_cards_whatever_the_clock_read(evaluation):
    later = replace(evaluation, measured=Measured(stage_seconds={"finetune": 7.0}))
    assert card(evaluation) == card(later, OK, CLOCK)


def test_a_forced_bundle_tells_why(evaluation):
    bad = replace(OK, judgement="refused")
    assert "Verdict: forced, because 'in a hurry'." in card(evaluation, bad, forced="in a hurry")


def test_what_was_not_shown_is_a_limit(evaluation):
    (name, *_) = evaluation.named("ablation") or evaluation.named("baseline")
    metric = evaluation.headline
    for low, told in ((-0.01, True), (0.01, False)):
        segments = {**evaluation.differences[name]}
        segments[OVERALL] = {
            **segments[OVERALL],
            metric: Difference(mean=0.02, low=low, high=0.05, n=100, differing=50),
        }
        changed = replace(evaluation, differences={**evaluation.differences, name: segments})
        assert (f"- Not shown to be better than {name}: +0.0200" in card(changed)) == told


def test_the_data_card_counts_what_is_there_and_what_is_not(evaluation):
    text = data_card(evaluation)
    for role, n in evaluation.data.events.items():
        assert f"| {role} | {n} |" in text
    for why, n in (*evaluation.data.filtered.items(), *evaluation.data.rejects.items()):
        assert f"| {why} | {n} |" in text
    assert f"{evaluation.data.rows} events of {evaluation.data.users} users" in text
    nothing = replace(evaluation, data=replace(evaluation.data, filtered={}, rejects={}, clock="order"))
    assert "| nothing | 0 |" in data_card(nothing)
    assert "Timestamps tell the order of events only." in data_card(nothing)


def test_no_name_breaks_a_table(evaluation):
    evil = replace(evaluation, data=replace(evaluation.data, filtered={"a|b\n<script>": 1}))
    assert "| a\\|b &lt;script> | 1 |" in data_card(evil)
