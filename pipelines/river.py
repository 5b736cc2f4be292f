"""All stages in order, each in a process of its own; finished ones are skipped."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.console import err
from pipelines.run_directory import HEAD, RunDirectory
from pipelines.source import locate
from pipelines.stages import Stage, chosen, named
from recsys import settings
from recsys.artifacts import read_manifest
from recsys.data.prepare import parse_until
from recsys.errors import RecsysError, UsageError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")


class StageError(RecsysError):
    """A process ended with an error it has already told."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} ended with exit code {code}; what was finished before is kept.")
        self.exit_code = code


def run(*, data: str, directory: Path, config: Path | None, assignments: Sequence[str], until: str | None) -> None:
    """Make or refresh everything in a run directory.

    Raises:
        UsageError: a source or setting that does not exist.
        StageError: a stage failed; the sentence is on stderr already.
    """
    given = settings.load(config, assignments)
    if until is not None:
        parse_until(until)  # a mistake here should not wait for the first stage
    for head in given.traits.heads:
        read_manifest(Path(head), kind=HEAD)
    source, digest = locate(data)
    opened = RunDirectory(path=directory, source=source, source_digest=digest, until=until, settings=given)
    opened.save()
    go_through(opened, chosen(given))


def go_through(opened: RunDirectory, stages: Sequence[Stage], *, inherited: Sequence[int] = ()) -> None:
    """Each stage in a process of its own, in order; finished ones are skipped.

    Args:
        opened: the run, saved.
        stages: which, as `chosen` gives them.
        inherited: file descriptors that the processes keep open, such as a lock's.

    Raises:
        StageError: a stage failed; the sentence is on stderr already.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for number, stage in enumerate(stages, 1):
            label = f"[{number}/{len(stages)}] {stage.name}"
            if opened.is_made(stage):
                err.print(f"{label}: up to date", markup=False)
                continue
            err.print(label, markup=False)
            in_own_process(
                [stage.name, "--run", str(opened.path)],
                name=f"stage {stage.name}",
                threads=opened.settings.threads,
                inherited=inherited,
            )
    except KeyboardInterrupt:
        err.print("recsys: interrupted; finished stages are kept, run the same command again to go on.", markup=False)
        raise


def run_stage(name: str, directory: Path) -> None:
    """One stage in this process.

    Raises:
        UsageError: no run, or one whose settings leave the stage out.
    """
    opened = RunDirectory.open(directory)
    stage = named(name, opened.settings)
    if opened.is_made(stage):
        err.print(f"{stage.name}: up to date", markup=False)
        return
    importlib.import_module(f"pipelines.{stage.name}").run(opened, stage)


def force(directory: Path, *, reason: str) -> None:
    """Release in spite of the gate's no, in this process; the reason stays with the bundle.

    Raises:
        UsageError: no reason, or no run.
    """
    if not reason.strip():
        raise UsageError("Expected --force with the reason for releasing in spite of the gate, got none; say why.")
    opened = RunDirectory.open(directory)
    stage = named("release", opened.settings)
    if opened.is_made(stage):
        err.print(f"{stage.name}: up to date", markup=False)
        return
    importlib.import_module("pipelines.release").run(opened, stage, forced=reason.strip())


def in_own_process(arguments: Sequence[str], *, name: str, threads: int, inherited: Sequence[int] = ()) -> None:
    """`recsys ARGUMENTS` in a process of its own, with that many threads for its libraries.

    Args:
        arguments: as on the command line.
        name: what to call it.
        threads: of its libraries.
        inherited: file descriptors that it keeps open.

    Raises:
        StageError: it failed; it has told why on stderr.
    """
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    command = [sys.executable, "-m", "pipelines", *arguments]
    # In a session of its own, so that Ctrl-C reaches it once, from here, and not in the midst of tidying up.
    process = subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=inherited)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    if code == 130 or code == -signal.SIGINT:
        raise KeyboardInterrupt
    if code != 0:
        raise StageError(name, code if code > 0 else 1)
