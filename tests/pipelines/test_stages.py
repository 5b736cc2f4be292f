"""Which stages a run has."""

import pytest

from pipelines.stages import CURRENT, STAGES, chosen, named
from recsys import bundle, settings
from recsys.errors import UsageError

WITH = settings.load(None, ["pretrain.steps=5"])
WITHOUT = settings.load(None, ["pretrain.steps=0"])


def names(stages):
    return [stage.name for stage in stages]


def test_all_stages_are_there_when_all_are_asked_for():
    assert chosen(WITH) == STAGES


def test_the_link_to_the_bundle_in_use_has_one_name():
    assert CURRENT == bundle.CURRENT


def test_a_stage_left_out_is_neither_run_nor_read():
    assert names(chosen(WITHOUT)) == [name for name in names(STAGES) if name != "pretrain"]
    assert named("finetune", WITH).reads == ("catalog", "interactions", "pretrained")
    assert named("finetune", WITHOUT).reads == ("catalog", "interactions")


def test_naming_one_that_is_left_out_says_what_to_set():
    with pytest.raises(UsageError, match=r"Expected pretrain.steps above 0 .*--set pretrain.steps=…"):
        named("pretrain", WITHOUT)
    assert named("pretrain", WITH).makes == ("pretrained",)


@pytest.mark.parametrize("given", [WITH, WITHOUT])
def test_every_stage_reads_only_what_an_earlier_one_makes(given):
    made: set[str] = set()
    for stage in chosen(given):
        assert set(stage.reads) <= made, stage.name
        made |= set(stage.makes)
