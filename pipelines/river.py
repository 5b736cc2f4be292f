"""All stages in order, each in a process of its own; finished ones are skipped."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines import ray_pool, tracking
from pipelines.console import err
from pipelines.lock import held, is_passed_on, passed_on
from pipelines.ray_pool import Engine
from pipelines.run_directory import HEAD, RunDirectory, home
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
    """Make or refresh everything in a run directory, alone in it.

    Raises:
        LockedError: another process works there.
        UsageError: a source or setting that does not exist.
        ModuleNotFoundError: a package that tracking needs is missing.
        StageError: a stage failed; the sentence is on stderr already.
    """
    given = settings.load(config, assignments)
    tracking.check(given)
    if until is not None:
        parse_until(until)  # a mistake here should not wait for the first stage
    for head in given.traits.heads:
        read_manifest(Path(head), kind=HEAD)
    source, digest = locate(data)
    RunDirectory.check_free(directory)
    opened = RunDirectory(path=directory, source=source, source_digest=digest, until=until, settings=given)
    with held(home(directory)) as lock:
        opened.save()
        go_through(opened, chosen(given), lock=lock)
        tracking.track(opened)


def go_through(opened: RunDirectory, stages: Sequence[Stage], *, lock: int) -> None:
    """Each stage in a process of its own, in order; finished ones are skipped.

    Args:
        opened: the run, saved.
        stages: which, as `chosen` gives them.
        lock: descriptor of the run's lock, which the processes share.

    Raises:
        StageError: a stage failed; the sentence is on stderr already.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for number, stage in enumerate(stages, 1):
            label = f"[{number}/{len(stages)}] {stage.name}"
            opened.tidy(stage)
            if opened.is_made(stage):
                err.print(f"{label}: up to date", markup=False)
                continue
            err.print(label, markup=False)
            in_own_process(
                [stage.name, "--run", str(opened.path)],
                name=f"stage {stage.name}",
                threads=opened.settings.threads,
                lock=lock,
            )
    except KeyboardInterrupt:
        err.print("recsys: interrupted; finished stages are kept, run the same command again to go on.", markup=False)
        raise


def run_stage(name: str, directory: Path) -> None:
    """One stage in this process, alone in the run.

    Raises:
        UsageError: no run, or one whose settings leave the stage out.
        ModuleNotFoundError: a package that tracking needs is missing.
        LockedError: another process works there.
    """
    settings = RunDirectory.open(directory).settings
    named(name, settings)
    by_hand = name == "release" and not is_passed_on(home(directory))  # else who began this process has the last word
    if by_hand:
        tracking.check(settings)
    with held(home(directory)):
        opened = RunDirectory.open(directory)
        make(opened, name)
        if by_hand:
            tracking.track(opened)


def make(opened: RunDirectory, name: str) -> None:
    """What a stage makes, in this process, where it is not made yet; the run's lock is held.

    Raises:
        UsageError: the run's settings leave the stage out.
    """
    stage = _unmade(opened, name)
    if stage is not None:
        importlib.import_module(f"pipelines.{name}").run(opened, stage)


def embed(directory: Path, *, engine: Engine, workers: int | None) -> None:
    """The stage of that name in this process, alone in the run, the texts read by an engine with so many workers.

    Raises:
        UsageError: no run, or workers for an engine that has none.
        LockedError: another process works there.
    """
    ray_pool.check(engine, workers)
    RunDirectory.open(directory)
    with held(home(directory)):
        opened = RunDirectory.open(directory)
        stage = _unmade(opened, "embed")
        if stage is not None:
            importlib.import_module("pipelines.embed").run(opened, stage, engine=engine, workers=workers)


def force(directory: Path, *, reason: str) -> None:
    """Release in spite of the gate's no, in this process; the reason stays with the bundle.

    Raises:
        UsageError: no reason, or no run.
        ModuleNotFoundError: a package that tracking needs is missing.
        LockedError: another process works there.
    """
    if not reason.strip():
        raise UsageError("Expected --force with the reason for releasing in spite of the gate, got none; say why.")
    tracking.check(RunDirectory.open(directory).settings)
    with held(home(directory)):
        opened = RunDirectory.open(directory)
        stage = _unmade(opened, "release")
        if stage is not None:
            importlib.import_module("pipelines.release").run(opened, stage, forced=reason.strip())
        tracking.track(opened)


def _unmade(opened: RunDirectory, name: str) -> Stage | None:
    """The stage, what was left half done of it taken away; None where it is up to date."""
    stage = named(name, opened.settings)
    opened.tidy(stage)
    if opened.is_made(stage):
        err.print(f"{stage.name}: up to date", markup=False)
        return None
    return stage


def in_own_process(arguments: Sequence[str], *, name: str, threads: int, lock: int | None = None) -> None:
    """`recsys ARGUMENTS` in a process of its own, with that many threads for its libraries.

    Args:
        arguments: as on the command line.
        name: what to call it.
        threads: of its libraries.
        lock: descriptor of a lock that it shares; None shares none.

    Raises:
        StageError: it failed; it has told why on stderr.
    """
    shared = () if lock is None else (lock,)
    told = {} if lock is None else passed_on(lock)
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), **told}
    command = [sys.executable, "-m", "pipelines", *arguments]
    # In a session of its own, so that Ctrl-C reaches it once, from here, and not in the midst of tidying up.
    process = subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=shared)
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
