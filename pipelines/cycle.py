"""A night: take in what came, retrain, pass the gate, publish, try, make lists. Done again, it does what is left."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from pipelines import intake, river, smoke, tracking
from pipelines.console import err
from pipelines.drift import FILE as DRIFT
from pipelines.drift import Drift
from pipelines.lock import held
from pipelines.nights import INPUTS, opened, settled, tidied
from pipelines.retention import sweep
from pipelines.run_directory import RunDirectory
from pipelines.served import Served, tried
from pipelines.service_state import announce, needed, shelf
from pipelines.stages import BUNDLES, Stage, chosen
from recsys.artifacts import read_manifest
from recsys.data.download import default_cache
from recsys.data.policy_log import is_log
from recsys.data.sources import open_log
from recsys.errors import ArtifactError, UsageError
from recsys.schema import Instant
from recsys.settings import Settings
from recsys.workspace import swept

LISTS, LOG = "lists", "serving/log"

Go: TypeAlias = Callable[[RunDirectory, Sequence[Stage], int], None]
"""Makes what the stages of a run make, where it is not made yet; the int is the lock's descriptor."""


def _in_processes(opened: RunDirectory, stages: Sequence[Stage], lock: int) -> None:
    river.go_through(opened, stages, lock=lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """Who does the heavy work.

    Attributes:
        go: makes what stages make.
        smoke: raises where the bundle in a directory does not answer.
        clock: µs since the epoch.
    """

    go: Go = _in_processes
    smoke: Callable[[Path], None] = smoke.in_own_process
    clock: Callable[[], Instant] = field(default=lambda: time.time_ns() // 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for.

    Attributes:
        directory: of all nights; bundles/ in it is what `recsys serve` is given.
        data: the shop's tables, a known source's name or a directory.
        log: the policy log; None is where a service beside the bundles writes it, if one has.
        state: what the service remembers, as for `recsys serve`.
        settings: of the runs.
        keep: bundles that stay, beside those in use.
        k: items of a batch list.
    """

    directory: Path
    data: str
    log: Path | None
    state: str | None
    settings: Settings
    keep: int
    k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What has come of it.

    Attributes:
        status: whether another bundle is served now.
        bundle: digest of the one that is.
        night: directory of the run that made it.
    """

    status: Literal["published", "unchanged"]
    bundle: str
    night: Path


def cycle(order: Order, hands: Hands | None = None) -> Outcome:
    """Do all that is left to do, and say what is served then.

    Raises:
        LockedError: another process does.
        ModuleNotFoundError: a package that tracking needs is missing.
        QualityError: too much of what came is malformed; what is served stays.
        StageError: a stage failed, the new bundle does not answer, or the gate said no (exit code 3); what is served
            stays.
        SmokeError: the published bundle does not answer by itself; `current` is the one before again.
    """
    hands = hands or Hands()
    if order.log is not None and not is_log(order.log):
        raise UsageError(f"Expected --log as the folder of a policy log, got {order.log}; check it, or leave it out.")
    tracking.check(order.settings)
    with held(order.directory) as lock:
        bundles = order.directory / BUNDLES
        bundles.mkdir(exist_ok=True)
        before = Served.load(order.directory)
        good = None if before is None else before.bundle
        tried(bundles, good, hands.smoke)  # a run that was killed may have left one untried
        run = _made(order, hands, before, lock)
        digest = tried(bundles, good, hands.smoke)
        assert digest is not None
        now = Served(bundle=digest, night=run.path.name)
        if now != before:
            now.save(order.directory)
        announce(digest, order.state, bundles)
        _lists(order, digest)
        for name in sweep(bundles, keep=order.keep, named=needed(order.state, bundles)):
            err.print(f"bundle {name[:12]}… is deleted", markup=False)
        tidied(order.directory, run, now)
        tracking.track(run)
    return Outcome(status="unchanged" if digest == good else "published", bundle=digest, night=run.path)


def _made(order: Order, hands: Hands, before: Served | None, lock: int) -> RunDirectory:
    """The night's run, released."""
    source = _input(order, hands.clock(), before)
    run = opened(order.directory, source, order.settings, before)
    _told_drift(order.directory, source, run, before)
    prepare, *_ = chosen(run.settings)
    hands.go(run, [prepare], lock)
    run = settled(run, before)
    tidied(order.directory, run, before)
    hands.go(run, chosen(run.settings), lock)
    return run


def _input(order: Order, now: Instant, before: Served | None) -> Path:
    """What the night learns from."""
    settings, inputs = order.settings, order.directory / INPUTS
    told = intake.told(inputs / before.night) if before is not None else None
    rule = intake.Rule(quality=settings.quality, min_rejects=settings.night.min_rejects, now=now, told=told)
    raw = open_log(order.data, mapping=settings.data.mapping, cache=default_cache())
    swept(inputs / intake.KIND)
    put = shelf(order.state, order.directory / BUNDLES)
    source = intake.take(raw, order.log or order.directory / LOG, put, rule, root=inputs)
    if before is not None and intake.same(source, inputs / before.night):
        return inputs / before.night  # what came teaches nothing: set aside, or in the shop's table since
    err.print(f"input {source.name[:12]}…", markup=False)
    return source


def _told_drift(directory: Path, source: Path, run: RunDirectory, before: Served | None) -> None:
    if before is None or before.night == source.name or (run / DRIFT).exists():
        return
    drift = Drift.between(directory / INPUTS / before.night, source)
    err.print(drift.table(), markup=False)
    drift.save(run.path)


def _lists(order: Order, digest: str) -> None:
    """Batch lists of the bundle, where they are not of it yet."""
    out = order.directory / LISTS
    try:
        made = read_manifest(out, kind="recommendations")
        if made.parents.get("bundle") == digest and made.config.get("k") == order.k:
            return
    except ArtifactError:
        pass
    from pipelines import batch  # a recommender, for nights that have something new
    from pipelines.list_maker import Wanted

    wanted = Wanted(bundle=order.directory / BUNDLES / digest, k=order.k)
    batch.recommend(wanted, out=out, whom=batch.Whom())
