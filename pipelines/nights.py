"""The runs of all nights: each named by its input, all with one folder of bundles, going on from the last served."""

import os
from dataclasses import replace
from pathlib import Path

from pipelines.retention import sweep
from pipelines.run_directory import RUN_FILE, RunDirectory
from pipelines.served import Served
from pipelines.stages import BUNDLES
from recsys.data.config import MappingConfig
from recsys.data.split import TimeSplit
from recsys.errors import UsageError
from recsys.schema import Instant
from recsys.settings import Settings

INPUTS, NIGHTS = "inputs", "nights"


def opened(directory: Path, source: Path, settings: Settings, before: Served | None) -> RunDirectory:
    """The run of an input, saved; where it was begun before, its encoder goes on from the same teacher as then.

    Its windows do not lie before the served night's: what the served models have learned from judges no later ones,
    whatever old events are told late.

    Args:
        directory: of all nights.
        source: the input; its name is its digest, and becomes the run's.
        settings: of the run; how the shop's tables are read is no matter any more.
        before: what is served.
    """
    path = directory / NIGHTS / source.name
    path.mkdir(parents=True, exist_ok=True)
    if not (path / BUNDLES).is_symlink():
        (path / BUNDLES).symlink_to(os.path.relpath(directory / BUNDLES, path), target_is_directory=True)
    plain = settings.data.model_copy(update={"mapping": MappingConfig()})
    start = _start(path)
    chosen = settings.model_copy(update={"data": plain})
    chosen = chosen if start is None else _from(chosen, start)
    run = RunDirectory(
        path=path,
        source=str(source.resolve()),
        source_digest=source.name,
        until=None,
        settings=chosen,
        floor=_floor(path, before),
    )
    run.save()
    return run


def settled(run: RunDirectory, before: Served | None) -> RunDirectory:
    """The run with the teacher that its encoder goes on from, saved; `prepare` has been made.

    That is the last served night's, where this night's encoder_end is later than its; else the settings' own.
    """
    if before is None or before.night == run.path.name:
        return run
    last = run.path.parent / before.night
    ends = [TimeSplit.load(night / "interactions").encoder_end for night in (last, run.path)]
    if ends[0] >= ends[1]:
        return run
    found = replace(run, settings=_from(run.settings, str((last / "teacher").resolve())))
    found.save()
    return found


def tidied(directory: Path, run: RunDirectory, before: Served | None) -> None:
    """Delete all nights and inputs but this one's, the served one's, and those that these two went on from."""
    nights = {run.path.name} | ({before.night} if before is not None else set())
    nights |= {Path(start).parent.name for name in nights if (start := _start(directory / NIGHTS / name))}
    sweep(directory / NIGHTS, keep=0, named=nights, mark=RUN_FILE)
    sweep(directory / INPUTS, keep=0, named=nights)


def _floor(path: Path, before: Served | None) -> tuple[Instant, ...]:
    """The served night's cuts; the served night itself keeps what it began with."""
    if before is None:
        return ()
    last = path.parent / before.night
    if last == path:
        return RunDirectory.open(path).floor if (path / RUN_FILE).exists() else ()
    split = TimeSplit.load(last / "interactions")
    return (*split.instants, split.ranker_end)


def _start(path: Path) -> str | None:
    """The teacher that a run goes on from; None where it has not begun."""
    try:
        return RunDirectory.open(path).settings.finetune.continual.start
    except UsageError:
        return None


def _from(settings: Settings, start: str) -> Settings:
    continual = settings.finetune.continual.model_copy(update={"start": start})
    finetune = settings.finetune.model_copy(update={"continual": continual})
    return settings.model_copy(update={"finetune": finetune})
