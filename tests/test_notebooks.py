"""Every notebook runs, from the first cell to the last, on a small run that has what it reads."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from pipelines.run_directory import RunDirectory
from pipelines.stages import named
from recsys import settings
from recsys.data.synthetic import make_world
from tests.pipelines.small_run import put_student
from tests.tiny import write_base

NOTEBOOKS = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))
SETTINGS = {
    "encoder.max_tokens": 16,
    "finetune.valid_fraction": 0.3,
    "finetune.head_steps": 20,
    "finetune.max_steps": 20,
    "finetune.evaluate_every": 5,
    "finetune.users_per_step": 64,
    "finetune.threads": 1,
    "finetune.optimiser.layer_rate": 1e-3,
    "ranking.trees.trees": 20,
    "ranking.trees.leaves": 7,
    "ranking.trees.min_rows": 10,
    "ablation.rankers": "[]",
    "evaluation.samples": 200,
    "threads": 1,
}


@pytest.fixture(scope="session")
def run(tmp_path_factory, shop, toy_encoder) -> Path:
    """A small shop, its stages up to train_ranker in this process, without Ray; the toy encoder is the student."""
    import pipelines.embed
    import pipelines.finetune
    import pipelines.prepare
    import pipelines.train_ranker
    from recsys.text.finetune import finetune

    def train(corpus, *, out, **options):
        finetune(corpus, **options).save(out)

    folder = tmp_path_factory.mktemp("notebooks")
    make_world(n_users=210, n_items=60, seed=1).write(folder / "shop")
    (folder / "base").mkdir()
    chosen = SETTINGS | {"encoder.base": write_base(folder / "base")}
    opened = RunDirectory(
        path=folder / "run",
        source=str(folder / "shop"),
        source_digest="",
        until=None,
        settings=settings.load(None, [f"{name}={value}" for name, value in chosen.items()]),
    )
    opened.save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipelines.finetune.distributed, "run", train)
        pipelines.prepare.run(opened, named("prepare", opened.settings))
        pipelines.finetune.run(opened, named("finetune", opened.settings))
    put_student(opened.path, shop, toy_encoder)
    pipelines.embed.run(opened, named("embed", opened.settings))
    pipelines.train_ranker.run(opened, named("train_ranker", opened.settings))
    return opened.path


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(notebook, run):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "--nbmake-timeout=60",
        "-p",
        "no:cacheprovider",
        str(notebook),
    ]
    environment = os.environ | {"RUN": str(run), "PYTHONPATH": str(notebook.parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_show_and_never_define(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert not [source for source in code if "def " in source or "class " in source or "lambda" in source]
    assert any(cell.cell_type == "markdown" for cell in cells)
