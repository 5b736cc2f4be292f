"""Runs of nights: one folder of bundles, a teacher to go on from, and no more of them than are needed."""

import pytest

from pipelines.nights import opened, settled, tidied
from pipelines.run_directory import RunDirectory
from pipelines.served import Served
from recsys import settings
from recsys.artifacts import publish_by_digest
from recsys.data.split import TimeSplit

OWN = settings.changed(
    settings.load(), ["data.mapping.timezone=Europe/Berlin", "data.text_chars=300", "finetune.continual.start=own"]
)


@pytest.fixture
def night(tmp_path):
    """Makes the run of an input that has been prepared, its encoder_end as told."""
    (tmp_path / "bundles").mkdir()

    def made(number, encoder_end, before=None):
        source = publish_by_digest(tmp_path / "inputs", lambda work: (work / "n").write_text(str(number)), kind="input")
        run = opened(tmp_path, source, OWN, before)
        (run / "interactions").mkdir(exist_ok=True)
        split = TimeSplit(encoder_end=encoder_end, ranker_end=1000, end=1001, instants=(encoder_end, 900, 950))
        split.save(run / "interactions")
        return run

    return made


def start(run):
    return run.settings.finetune.continual.start


def served(run):
    return Served(bundle="b", night=run.path.name)


def test_a_run_reads_its_input_in_the_plain_form_and_shares_the_bundles(night, tmp_path):
    run = night(1, 10)
    assert run.settings.data.mapping == settings.load().data.mapping
    assert run.settings.data.text_chars == 300
    assert (run / "bundles").samefile(tmp_path / "bundles")
    assert RunDirectory.open(run.path) == run
    assert night(1, 10) == run


def test_it_goes_on_from_the_served_teacher_where_it_knows_more(night):
    first, later, same = night(1, 10), night(2, 11), night(3, 10)
    assert start(settled(first, None)) == "own"
    assert start(settled(same, served(first))) == "own"
    found = settled(later, served(first))
    assert start(found) == str(first / "teacher")
    assert RunDirectory.open(later.path) == found
    assert start(night(2, 11)) == str(first / "teacher")  # as it was begun, whatever the settings say
    assert settled(found, served(later)) == found


def test_its_windows_are_not_before_the_served_nights(night):
    first = night(1, 10)
    assert first.floor == ()
    second = night(2, 11, served(first))
    assert second.floor == (10, 900, 950, 1000)
    assert RunDirectory.open(second.path) == second
    assert night(2, 11, served(second)).floor == second.floor  # served by now, it is as it was begun
    assert night(3, 12, served(second)).floor == (11, 900, 950, 1000)


def test_only_what_is_needed_stays(night, tmp_path):
    first, second, third, refused = (night(n, 10 + n) for n in range(4))
    settled(second, served(first))
    settled(third, served(second))
    tidied(tmp_path, third, served(second))
    assert not refused.path.exists()
    for kind in ("nights", "inputs"):
        names = {path.name for path in (tmp_path / kind).iterdir()}
        assert names == {run.path.name for run in (first, second, third)}
    tidied(tmp_path, third, served(third))
    assert {path.name for path in (tmp_path / "nights").iterdir()} == {second.path.name, third.path.name}
    assert (tmp_path / "bundles").is_dir()
