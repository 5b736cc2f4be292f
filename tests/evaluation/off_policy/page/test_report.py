"""The page says it all, loads nothing, trusts no name, and has no figure that the log cannot support."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.off_policy.estimators.estimator import ESTIMATORS
from recsys.evaluation.off_policy.judging.judge import Evidence, Policy, judge
from recsys.evaluation.off_policy.judging.judgement import Judged, Support, Unanswered
from recsys.evaluation.off_policy.judging.said import sentence
from recsys.evaluation.off_policy.page.report import PAGE, render, render_unanswered, save
from recsys.evaluation.refusal import Refusal
from recsys.evaluation.simulation.models import wrong
from tests.evaluation.off_policy.page.test_earned import rows
from tests.evaluation.off_policy.played_log import BASE, a_log, luce, target, worths
from tests.evaluation.off_policy.small_judgement import ANSWERED, FAR, JUDGEMENT, LATE, LITTLE, REFUSED
from tests.evaluation.test_report import Page

EVIL = "<script>alert('1')</script>&\"x\""
TITLES = ("What a list earns", "Every estimator")


def parse(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def words(text: str) -> str:
    return unescape(re.sub("<.*?>", "", text))


def test_the_page_has_everything_in_its_order():
    text = render(JUDGEMENT, sections=["<section><h2>Seen online</h2><p>x</p></section>\n"])
    assert re.findall("<h2>(.*?)</h2>", text) == [
        "What a list earns",
        "Every estimator",
        "Overlap",
        "Parts of the log",
        "What stands in the way",
        "Seen online",
        "Data",
    ]
    assert "<h1>new, odd, far, late by logs/may</h1>" in text
    assert "Brackets hold 90 % intervals" in text
    assert "beside the lists that were shown. A difference of 2 % is" in text
    parse(text)


def test_each_policy_has_a_sentence_before_all_else():
    heads = render(JUDGEMENT).split("<section>")[0]
    for name in ("new", "odd"):
        assert f'<p class="headline">{sentence(name, JUDGEMENT.policies[name], JUDGEMENT.base)}</p>' in unescape(heads)
    assert "new is better by 3.1 % (1.2 to 5.0)." in heads


def test_who_is_refused_has_reasons_and_cures_instead():
    heads = render(JUDGEMENT).split("<section>")[0]
    assert re.findall('<p class="headline worse">(.*?)</p>', heads) == [
        "far cannot be answered:",
        "late cannot be answered:",
    ]
    far, late = re.findall("<ul>(.*?)</ul>", heads)
    assert [words(each) for each in re.findall("<li>(.*?)</li>", far)] == [str(each) for each in REFUSED.reasons]
    assert late == f"<li>{LATE.because} <b>{LATE.cure}</b></li>"


def test_what_stands_in_the_way_of_a_part_and_of_a_kind_of_weights():
    told = render(JUDGEMENT).split("<h2>What stands in the way</h2>")[1].split("</section>")[0]
    assert re.findall("<h3>(.*?)</h3>|<p>(.*?)</p>", told) == [
        ("new", ""),
        ("", "Part: second half"),
        ("odd", ""),
        ("", "By whole lists"),
        ("far", ""),
        ("", "By whole lists"),
        ("", "By rows and those above"),
        ("late", ""),
        ("", "Every estimate"),
    ]
    assert told.count(f"<i>little-overlap</i> {LITTLE.because} <b>{LITTLE.cure}</b>") == 3


def test_nothing_stands_in_the_way():
    policy = replace(ANSWERED, segments={})
    assert "stands in the way" not in render(replace(JUDGEMENT, policies={"new": policy}))


def test_figures_that_the_log_cannot_support_are_nowhere():
    """Before a log that was played: one policy has figures, another has them by rows alone, a third has none."""
    played, logged = a_log()
    policies = {"good": luce(0.6), "odd": luce(0.15, times=-1), "far": luce(0.05, times=-3)}
    targets = {name: target(played, policy, model=wrong(BASE)) for name, policy in policies.items()}
    found = judge(
        Evidence(logged=logged, worths=worths(played, wrong(BASE))),
        {name: Policy(source=name, target=each) for name, each in targets.items()},
        config=OffPolicyConfig(samples=200),
    )
    text = render(found)
    parse(text)
    assert [each.headline for each in found.policies.values()] == ["doubly_robust", "cascade", None]
    own, table = (rows(text.split(f"<h2>{title}</h2>")[1].split("</section>")[0]) for title in TITLES)
    for n, judged in enumerate(found.policies.values()):
        for each in ESTIMATORS:
            assert (table[each.label][n][0] == "–") is (each.name not in judged.estimates)
    assert {cell[0] for cell in own["far"]} == {cell[0] for row in table.values() for cell in row[2:]} == {"–"}


def test_nothing_is_loaded_and_nothing_runs():
    page = parse(render(JUDGEMENT))
    assert not {"script", "link", "img", "iframe", "object", "a", "base"} & set(page.tags)
    assert not {"src", "href", "xlink:href"} & {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_names_from_outside_are_text():
    refused = (Refusal(name=EVIL, because=EVIL, cure=EVIL),)
    far = Judged(source=EVIL, support={"list": Support(overlap=FAR, refused=refused)}, refused=refused)
    card = replace(JUDGEMENT.card, directory=EVIL, arms={EVIL: 1}, rewards={EVIL: 1.0})
    policies = {EVIL: replace(ANSWERED, segments={EVIL: refused}), EVIL + "2": far}
    segments = {EVIL: JUDGEMENT.logged}
    text = render(replace(JUDGEMENT, card=card, base=EVIL, policies=policies, segments=segments))
    assert "<script" not in text
    assert EVIL in "".join(parse(text).words)
    whole = render_unanswered(Unanswered(said="Nothing is told", refused=refused), Path(EVIL))
    assert "<script" not in whole
    assert EVIL in "".join(parse(whole).words)


def test_equal_judgements_give_equal_bytes():
    assert render(JUDGEMENT) == render(replace(JUDGEMENT))
    assert render(JUDGEMENT) != render(replace(JUDGEMENT, samples=2_001))


@pytest.mark.parametrize("policies", [{"far": REFUSED}, {"late": JUDGEMENT.policies["late"]}])
def test_a_log_that_says_nothing_of_any_policy_has_its_own_figures(policies):
    text = render(replace(JUDGEMENT, policies=policies))
    parse(text)
    assert "1.2500" in text


def test_a_log_that_is_refused_as_a_whole():
    text = render_unanswered(Unanswered(said="Nothing is told", refused=(LITTLE, LATE)), Path("logs/may"))
    parse(text)
    assert "<h1>Nothing by logs/may</h1>" in text
    assert re.findall('<p class="headline worse">(.*?)</p>', text) == ["Nothing is told"]
    assert [words(each) for each in re.findall("<li>(.*?)</li>", text)] == [
        f"{each.name} {each.because} {each.cure}" for each in (LITTLE, LATE)
    ]


def test_the_file_is_replaced_in_one_step(tmp_path):
    (tmp_path / PAGE).write_text("old")
    assert save(tmp_path, "µ") == tmp_path / "ab.html"
    assert (tmp_path / PAGE).read_bytes() == b"\xc2\xb5"
    assert [path.name for path in tmp_path.iterdir()] == [PAGE]
