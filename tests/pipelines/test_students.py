"""Rows of the student benches: what each changes, and what is refused."""

import pytest
from typer.testing import CliRunner

from pipelines import students
from pipelines.__main__ import app
from recsys import settings
from recsys.errors import UsageError

ALL = students.variants(depth=6, width=384)


@pytest.mark.parametrize("option", ALL, ids=lambda o: o.name)
def test_every_variant_changes_settings_that_exist(option):
    unlike = ("distill.layers=9", "compress.precision=fp16")
    assert settings.load(None, [*unlike, *option.changes]) != settings.load(None, unlike)


def test_names_are_distinct_and_tell_the_layers():
    names = [option.name for option in ALL]
    assert len(set(names)) == len(names)
    assert not {students.TEACHER, students.SERVED} & set(names)
    by_name = {option.name: settings.load(None, option.changes) for option in ALL}
    assert by_name["teacher-fp32"].distill.layers == 6
    assert by_name["2-layers-int8"].distill.layers == 2
    assert by_name["narrow"].distill.width == 192
    assert by_name["matryoshka-64"].compress.dim == 64


def test_a_shallow_and_narrow_teacher_has_fewer_variants():
    names = {option.name for option in students.variants(depth=2, width=128)}
    assert "3-layers-fp32" not in names
    assert {"2-layers-fp32", "pca-64"} <= names
    assert not {"pca-128", "matryoshka-256"} & names
    narrowest = {option.name for option in students.variants(depth=2, width=64)}
    assert not {name for name in narrowest if name.startswith(("matryoshka", "pca"))}


def test_chosen_variants_come_in_the_tables_order():
    assert [option.name for option in students.chosen(ALL, ["static", "narrow"])] == ["narrow", "static"]
    assert students.chosen(ALL, []) == ALL


def test_an_unknown_variant_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"Unknown variant 'narow'; did you mean narrow\? There are: teacher-fp32, "):
        students.chosen(ALL, ["narow"])


def test_the_curve_has_both_kinds_of_each_amount_and_the_whole_once():
    found = {option.name: settings.load(None, option.changes).distill for option in students.pruned(["0", ".4", "0.2"])}
    assert list(found) == ["whole", "structured 20%", "structured 40%", "magnitude 20%", "magnitude 40%"]
    assert (found["magnitude 40%"].prune, found["magnitude 40%"].pruning) == (0.4, "magnitude")
    assert found["whole"].prune == 0


@pytest.mark.parametrize("amount", ["1", "-.1", "much"])
def test_an_amount_that_is_none(amount):
    with pytest.raises(UsageError, match=rf"Expected amounts from 0 up to but not 1, .* got {amount}; correct"):
        students.pruned(["0", amount])


@pytest.mark.parametrize("command", ["student", "prune"])
def test_no_run_is_told_before_anything_is_trained(tmp_path, command):
    found = CliRunner().invoke(app, ["bench", command, "--run", str(tmp_path)])
    assert isinstance(found.exception, UsageError)
    assert "Expected a run at" in str(found.exception)


def test_rows_are_what_they_say_whatever_the_run_serves():
    narrow = settings.load(None, ["distill.width=96", "distill.prune=.5", "distill.hidden=1", "compress.dim=64"])
    three = settings.changed(narrow, next(o for o in ALL if o.name == "3-layers-int8").changes)
    assert (three.distill.width, three.distill.prune, three.compress.dim) == (0, 0, 0)
    assert three.distill.hidden == 1
    static = settings.changed(narrow, next(o for o in ALL if o.name == "static").changes)
    assert static.distill.kind == "static"
