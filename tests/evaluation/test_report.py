"""The page says it all, loads nothing, and trusts no name."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from recsys.evaluation.compare import Difference
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.gate import Check, Gate
from recsys.evaluation.report import render
from recsys.evaluation.results import Measured, SourceRecall
from recsys.evaluation.wording import ablation, headline
from recsys.ranking.draw import Draw
from tests.evaluation.test_variants import make

EVIL = "<script>alert('1')</script>&\"x\""
VOID = {"meta", "path", "rect", "circle"}


class Page(HTMLParser):
    """Tags, attributes and text; complains about tags that do not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words.append(data)


def parse(evaluation):
    page = Page()
    page.feed(render(evaluation))
    page.close()
    assert page.open == []
    return page


def test_page_is_whole_and_says_what_was_found(evaluation):
    page = parse(evaluation)
    text = " ".join(page.words)
    assert headline(evaluation) in text
    assert ablation(evaluation, "recsys without text") in text
    for said in ("toy shop", "EASE", "cold items", "teacher", "95.0%", "1.2", "text.interest", "56 cancelled",
                 "7 item_id is null", "1970-04-01 00:00", "312 candidates a user", "finetune 0:06:52",
                 "97.5%", "1970-01-01 00:00 to", "looked at p^−0.75 times", "at most 8", "14 settings",
                 "99,325"):  # fmt: skip
        assert said in text, said
    assert page.tags.count("section") == 13


def test_every_method_stands_with_its_interval(evaluation):
    text = render(evaluation)
    for name, method in evaluation.methods.items():
        score = method.scores["overall"]["ndcg@10"]
        assert name in text
        assert f"[{score.low:.4f}, {score.high:.4f}]" in text


def test_a_metric_that_a_method_lacks_is_a_dash(evaluation):
    lists_are_empty = replace(evaluation, shown=("ndcg@10", "recall@20", "map@10"))
    assert render(lists_are_empty).count("<td>–</td>") >= len(evaluation.methods)


def test_nothing_is_loaded_and_nothing_runs(evaluation):
    page = parse(evaluation)
    assert not {"script", "link", "img", "iframe", "object", "a", "base"} & set(page.tags)
    assert not {"src", "href", "xlink:href"} & {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert "url(" not in render(evaluation)
    assert "@import" not in render(evaluation)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_names_from_outside_are_text(evaluation):
    data = replace(evaluation.data, name=EVIL, filtered={EVIL: 1}, rejects={EVIL: 1}, events={EVIL: 1})
    evil = replace(
        evaluation,
        data=data,
        ours=EVIL,
        methods={EVIL: evaluation.methods["recsys"], EVIL + "2": evaluation.methods["EASE"],
                 EVIL + "3": evaluation.methods["recsys without text"]},
        differences={EVIL + "2": evaluation.differences["EASE"], EVIL + "3": {
            **evaluation.differences["recsys without text"], EVIL: evaluation.differences["EASE"]["overall"]}},
        encoders={EVIL: evaluation.encoders["student"]},
        sources={EVIL: evaluation.sources["near"]},
        training={EVIL: evaluation.training["loss"]},
        reliability={EVIL: evaluation.reliability["student, test window"]},
        importance={EVIL: 1.0},
        measured=Measured(stage_seconds={EVIL: 1.0}),
    )  # fmt: skip
    page = parse(evil)
    assert "script" not in page.tags
    assert EVIL in "".join(page.words)
    assert "<script" not in render(evil)


def test_equal_evaluations_give_equal_bytes(evaluation):
    assert render(evaluation) == render(replace(evaluation))


def test_empty_parts_are_left_out(evaluation):
    bare = replace(
        evaluation,
        methods={"recsys": evaluation.methods["recsys"]},
        differences={},
        encoders={},
        sources={},
        training={},
        forgetting={},
        reliability={},
        probability={},
        importance={},
        trials=None,
        examination=None,
        measured=Measured(),
    )
    titles = re.findall("<h2>(.*?)</h2>", render(bare))
    assert titles == ["Methods", "Segments", "All metrics", "Data and time"]
    parse(bare)


def test_what_each_source_adds_to_the_others_is_told_where_it_was_measured(evaluation):
    text = render(evaluation)
    row = text[text.index("<td>near</td>") :].split("</tr>")[0]
    assert "<td>7.2</td>" in row
    assert "+0.0300</span><small>[0.0100, 0.0500]</small>" in row
    assert "<td>all sources</td>" not in text
    older = {"near": SourceRecall(recall=evaluation.sources["near"].recall, candidates=60.0)}
    assert "One source less" not in render(replace(evaluation, sources=older))


def test_variants_of_the_encoder_are_drawn_where_they_were_measured(evaluation):
    page = Page()
    page.feed(render(evaluation, make()))
    page.close()
    assert page.open == []
    assert page.tags.count("section") == 14
    assert page.tags.count("circle") == parse(evaluation).tags.count("circle") + 4
    assert "Variants of the encoder" in page.words


def test_a_ranker_that_learned_from_some_users_says_so(evaluation):
    draw = Draw(users=3, rows=9, of_users=8, of_rows=24)
    assert "drawn at random" not in render(evaluation)
    assert f"The ranker {draw.sentence}." in render(replace(evaluation, draw=draw))


def test_long_importance_is_cut_and_says_so(evaluation):
    many = replace(evaluation, importance={f"f{i}": 1 / (i + 1) for i in range(25)})
    text = render(many)
    assert "5 smaller features left out" in text
    assert "f19<" in text
    assert "f20<" not in text


@pytest.mark.parametrize(("clock", "said"), [("order", True), ("real", False)])
def test_a_log_without_clock_is_called_one(evaluation, clock, said):
    text = render(replace(evaluation, data=replace(evaluation.data, clock=clock)))
    assert ("no real clock" in text) is said


def test_the_gate_and_what_distillation_kept_have_sections_where_there_is_something_to_tell(evaluation):
    assert "The gate" not in render(evaluation)
    assert "What distillation kept" not in render(evaluation)
    check = Check(what="memory", against="limit", judgement="ok")
    assert "<h2>The gate</h2>" in render(evaluation, None, Gate(checks=(check,), window=(0, 1)))
    loss = Difference(mean=-0.01, low=-0.02, high=0.0, n=9, differing=9)
    one = Comparison(ours=0.1, other=0.11, share=None, difference=loss)
    told = replace(evaluation, kept={"text alone": {"overall": {"ndcg@10": one}}})
    assert "<h2>What distillation kept</h2>" in render(told)
