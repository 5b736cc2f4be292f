"""Releasing in spite of a no, and the command line that says one."""

import sys

import pytest

from pipelines.__main__ import main
from pipelines.river import force
from pipelines.run_directory import RunDirectory
from pipelines.stages import named
from recsys.artifacts import verify
from recsys.errors import UsageError
from tests.pipelines.small_run import contents, opened, refused


def test_a_reason_publishes_in_spite_of_a_no_and_stays(run):
    opened(run, bundle_mb=0.001)
    before = contents(run / "bundles")[0]
    refused(run, "bundle, bytes")
    force(run, reason=" the disk was replaced ")
    current = (run / "bundles" / "current").resolve()
    verdict = verify(current, kind="bundle").config["verdict"]
    assert (verdict["verdict"], verdict["forced"]) == ("forced", "the disk was replaced")
    assert [c["what"] for c in verdict["checks"] if c["judgement"] == "refused"] == ["bundle, bytes"]
    after = contents(run / "bundles")[0]
    assert before.items() < after.items()
    opened_again = RunDirectory.open(run)
    assert opened_again.is_made(named("release", opened_again.settings))
    force(run, reason="again")  # up to date
    assert (run / "bundles" / "current").resolve() == current


def test_no_reason_is_no_reason(run):
    with pytest.raises(UsageError, match="Expected --force with the reason for releasing in spite of the gate, got no"):
        force(run, reason=" ")


def command(monkeypatch, *arguments):
    """The command line in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["recsys", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_line_ends_with_3_and_the_table_and_with_2_without_a_reason(run, monkeypatch, capsys):
    opened(run, bundle_mb=0.001)
    before = contents(run / "bundles")
    assert command(monkeypatch, "release", "--run", run) == 3
    told = capsys.readouterr()
    assert told.out == ""
    lines = [" ".join(line.split()) for line in told.err.splitlines()]
    assert "check against candidate reference ratio limit verdict" in lines
    assert any(line.startswith("bundle, bytes limit ") and line.endswith("– – ≤ 0.001 MB NO") for line in lines)
    assert lines[-1].startswith("recsys: Expected every check of the gate to pass, got no from 1 of ")
    assert command(monkeypatch, "release", "--run", run, "--force", "") == 2
    assert contents(run / "bundles") == before
    assert command(monkeypatch, "release", "--run", run, "--force", "a larger disk") == 0
    assert "forced: published" in capsys.readouterr().err
