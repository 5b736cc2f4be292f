"""Work by a pool of Ray Data's actors, in the cluster this process belongs to or on this machine; the only stage file
with Ray.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from threadpoolctl import threadpool_limits

from recsys.errors import RecsysError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

Engine = Literal["local", "ray"]
"""This process, or a pool of Ray's actors."""

Work: TypeAlias = Callable[[int, Sequence[str]], None]
"""Does the job of a number, which is told in texts, and leaves what comes of it where all machines see it."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS")
_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RayPool:
    """Ray's actors.

    An actor that dies is started again, and its jobs with it; one whose machine is lost, as soon as there is room. Each
    job must therefore bear to be done twice.

    Attributes:
        load: called once by each actor, before its first job; sent to it by cloudpickle.
        workers: how many; as many as there are CPUs for if None.
        threads: of each, and the CPUs it takes.
        gpus: that each takes.
    """

    load: Callable[[], Work]
    workers: int | None
    threads: int = 1
    gpus: int = 0

    def finished(self, jobs: Mapping[int, Sequence[str]]) -> Iterator[int]:
        """The numbers of the jobs, as each is finished by an actor, in any order.

        Raises:
            RecsysError: what an actor raised, in its words; the actors died, or there is no room for one.
        """
        if not jobs:
            return
        import ray
        from ray.data import ActorPoolStrategy, DataContext
        from ray.exceptions import RayError

        with _cluster(None if self.workers is None else self.workers * self.threads) as machines:
            room = self._room(machines)
            DataContext.get_current().enable_progress_bars = False
            rows = [{"number": number, "texts": list(texts)} for number, texts in jobs.items()]
            done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Actor,
                batch_size=1,
                batch_format="pyarrow",
                compute=ActorPoolStrategy(size=min(self.workers or room, room, len(rows))),
                fn_constructor_kwargs={"load": self.load, "threads": self.threads},
                num_cpus=self.threads,
                num_gpus=self.gpus,
                runtime_env={"env_vars": dict.fromkeys(_THREADS, str(self.threads))},
            )
            try:
                for row in done.iter_rows():
                    if row["error"]:
                        raise RecsysError(row["error"])
                    yield int(row["number"])
            except RayError as error:
                raise RecsysError(
                    f"Expected Ray's actors to do the work, one ended with: {_last_line(error)}; look into Ray's log, "
                    "and run again to go on from here."
                ) from error

    def _room(self, machines: Sequence[Mapping[str, float]]) -> int:
        """How many actors the machines have room for; of each: what it has, by name."""
        asked = {"CPU": self.threads, "GPU": self.gpus}
        room = sum(int(min(has.get(name, 0) // n for name, n in asked.items() if n)) for has in machines)
        if not room:
            raise RecsysError(
                f"Expected a machine with {self.threads} CPUs and {self.gpus} GPUs for an actor in Ray's cluster, "
                f"found none among {len(machines)}; add one, or lower the threads."
            )
        return room


class _Actor:
    """One process of the pool: what the work needs is loaded once, then jobs come."""

    def __init__(self, load: Callable[[], Work], threads: int) -> None:
        self._threads = threads
        try:
            self._work: Work | RecsysError = load()
        except RecsysError as error:  # which Ray would take for a death, and try again
            self._work = error

    def __call__(self, batch: "pa.Table") -> "pa.Table":
        """Do the jobs of a batch, `number` and `texts`; tells each `number`, and in `error` why it is not done."""
        told = [self._error(*row) for row in zip(batch["number"].to_pylist(), batch["texts"].to_pylist(), strict=True)]
        return batch.select(["number"]).append_column("error", [told])

    def _error(self, number: int, texts: Sequence[str]) -> str:
        try:
            if isinstance(self._work, RecsysError):
                raise self._work
            with threadpool_limits(self._threads):
                self._work(number, texts)
        except RecsysError as error:
            return str(error)
        return ""


def check(engine: Engine, workers: int | None) -> None:
    """Raises UsageError: workers for an engine that has none."""
    if workers is not None and engine != "ray":
        raise UsageError("Expected --workers beside --engine ray alone: the local engine is one process.")


@contextmanager
def _cluster(cpus: int | None) -> Iterator[list[Mapping[str, float]]]:
    """What each machine has: of the cluster this process belongs to, or this one by a Ray without dashboard."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    mine = not ray.is_initialized()
    if mine:
        elsewhere = "RAY_ADDRESS" in os.environ
        alone: dict[str, Any] = {"address": "local", "num_cpus": cpus, "include_dashboard": False}
        alone["_node_ip_address"] = "127.0.0.1"
        ray.init(log_to_driver=False, **({} if elsewhere else alone))
    try:
        yield [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    finally:
        if mine:
            ray.shutdown()


def _last_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[-1][:_REASON]
