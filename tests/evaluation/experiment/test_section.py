"""The page's section."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.config import OffPolicyConfig
from recsys.evaluation.experiment.readout import Readout
from recsys.evaluation.experiment.section import readout_section
from tests.evaluation.experiment.small_experiment import LATER, drawn


@pytest.fixture(scope="module")
def readout() -> Readout:
    made = drawn(np.random.default_rng(0), 900, arms=("holdout", "b<", "c"))
    found = Readout.of(made.log(), OffPolicyConfig(), as_of=LATER)
    assert isinstance(found, Readout)
    return found


def test_it_is_one_well_formed_section(readout):
    page = ET.fromstring(readout_section(readout))
    assert (page.tag, page.find("h2").text) == ("section", "The experiment")
    assert [len(table.findall("tbody/tr")) for table in page.iter("table")] == [3, 2, 6]
    assert [each.text for each in page.iter("h3")] == ["Beside the control", "Guardrails", "At any time", "b<", "c"]
    assert len(page.findall(".//div[@class='charts']/div/svg")) == 2
    assert len(page.findall("div[@class='plot']/svg")) == 2


def test_its_words_are_those_of_the_terminal(readout):
    text = re.sub("<[^>]+>", "", readout_section(readout)).replace("&lt;", "<")
    for sentence in [each.sentence for each in (*readout.contrasts, *readout.paths)]:
        assert sentence in text
    assert "narrowest at 5,000 users of two arms" in text


def test_without_a_comparison_it_says_why(readout):
    told = readout_section(replace(readout, contrasts=(), guardrails=(), paths=(), refused=_refused()))
    page = ET.fromstring(told)
    assert page.find("p[@class='worse']").text.startswith("Refused (few-users): Arm")
    assert len(list(page.iter("table"))) == 1
    assert list(page.iter("svg")) == []


def _refused():
    few = drawn(np.random.default_rng(0), 90)
    return Readout.of(few.log(), OffPolicyConfig(), as_of=LATER).refused


def test_a_control_that_earned_nothing_has_no_plot(readout):
    none = replace(readout.contrasts[0], gap=replace(readout.contrasts[0].gap, relative=None))
    page = ET.fromstring(readout_section(replace(readout, contrasts=(none,))))
    assert page.find("div[@class='plot']") is None
