"""report.html and the terminal's table, from what the evaluation found."""

from pathlib import Path
from typing import Literal

from pipelines.console import err
from pipelines.run_directory import RunDirectory
from recsys.evaluation.report import render
from recsys.evaluation.results import METRICS, Evaluation
from recsys.evaluation.table import table


def report(directory: Path, *, form: Literal["json", "table"]) -> None:
    """Write report.html in one step and print the table, or metrics.json as it is.

    Raises:
        UsageError: no run there.
        ArtifactError: nothing evaluated yet.
    """
    folder = RunDirectory.open(directory).read("evaluation")
    evaluation = Evaluation.load(folder)
    page = directory / "report.html"
    temporary = page.with_name(f".{page.name}")
    temporary.write_text(render(evaluation), encoding="utf-8")
    temporary.replace(page)
    print((folder / METRICS).read_text() if form == "json" else table(evaluation))
    err.print(f"report: {page}", markup=False)
