"""report.html and the terminal's table, from what the evaluation found."""

from pathlib import Path
from typing import Literal

from pipelines.console import err
from pipelines.run_directory import RunDirectory
from pipelines.stages import GATE
from pipelines.students import parents
from recsys.artifacts import read_manifest
from recsys.evaluation.gate import Gate
from recsys.evaluation.report import render
from recsys.evaluation.results import METRICS, Evaluation
from recsys.evaluation.table import table
from recsys.evaluation.variants import KIND, Variants


def report(directory: Path, *, form: Literal["json", "table"]) -> None:
    """Write report.html in one step and print the table, or metrics.json as it is.

    Raises:
        UsageError: no run there.
        ArtifactError: nothing evaluated yet.
    """
    opened = RunDirectory.open(directory)
    folder = opened.read("evaluation")
    evaluation = Evaluation.load(folder)
    file = directory / "report.html"
    temporary = file.with_name(f".{file.name}")
    temporary.write_text(page(opened), encoding="utf-8")
    temporary.replace(file)
    print((folder / METRICS).read_text() if form == "json" else table(evaluation))
    err.print(f"report: {file}", markup=False)


def page(opened: RunDirectory) -> str:
    """report.html of a run that has been evaluated.

    Raises:
        ArtifactError: nothing evaluated yet.
    """
    return render(Evaluation.load(opened.read("evaluation")), _variants(opened), _gate(opened))


def _variants(opened: RunDirectory) -> Variants | None:
    """What `recsys bench student` measured, if it did, of this run's teacher."""
    folder = opened / KIND
    if not folder.is_dir():
        return None
    if read_manifest(folder, kind=KIND).parents != parents(opened):
        told = f"  {folder} is of another teacher or student and left out; run `recsys bench student` again."
        err.print(told, markup=False)
        return None
    return Variants.load(folder)


def _gate(opened: RunDirectory) -> Gate | None:
    """What the gate said of this evaluation, if it was asked."""
    if not (opened / GATE).is_dir():
        return None
    asked = read_manifest(opened / GATE, kind=GATE).parents["evaluation"]
    if asked != read_manifest(opened / "evaluation", kind="evaluation").digest:
        return None
    return Gate.load(opened.read(GATE))
