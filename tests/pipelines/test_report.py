"""The page of a run, with what was measured beside its evaluation."""

from pipelines import report, students
from pipelines.run_directory import RunDirectory
from recsys.artifacts import publish
from recsys.evaluation.variants import KIND
from tests.evaluation.test_variants import make


def draw(run, parents):
    with publish(run / KIND, kind=KIND, parents=parents) as out:
        make().save(out)
    report.report(run, form="table")
    return (run / "report.html").read_text()


def test_variants_of_this_teacher_are_drawn_and_others_left_out(run, capsys):
    report.report(run, form="table")
    assert "Variants of the encoder" not in (run / "report.html").read_text()
    own = students.parents(RunDirectory.open(run))
    assert 'class="front"' in draw(run, own)
    assert "left out" not in capsys.readouterr().err
    assert 'class="front"' not in draw(run, own | {"teacher": "another"})
    assert "is of another teacher or student and left out; run `recsys bench student` again" in capsys.readouterr().err


def test_a_student_of_another_teacher_is_not_what_the_run_serves(run):
    opened = RunDirectory.open(run)
    assert not students.is_served(opened)
    assert set(students.parents(opened)) == {"catalog", "interactions", "teacher"}
    with publish(run / "student", kind="student", parents={"teacher": students.parents(opened)["teacher"]}):
        pass
    assert students.is_served(opened)
    assert set(students.parents(opened)) == {"catalog", "interactions", "teacher", "student"}
