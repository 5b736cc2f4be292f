"""One log as all methods face it: what they are fitted on, whom they answer, and who judges them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines import lists, river
from pipelines.run_directory import RunDirectory
from pipelines.source import locate
from recsys.artifacts import digest_of, read_manifest
from recsys.data.catalog import Catalog
from recsys.data.contacts import contacts
from recsys.data.interactions import Histories, Interactions
from recsys.data.split import TimeSplit
from recsys.errors import UsageError
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.exam import Exam
from recsys.evaluation.truth import Truth
from recsys.ranking.rules import available
from recsys.schema import IntArray
from recsys.settings import load
from tests.bench.versus_peers.window import Window

K = 20
LENGTHS = (10, K)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prepared log, and what is to be recommended.

    Attributes:
        catalog, interactions, split: as the stage prepare left them.
        target: all, or new.
        config: of the judgement.
        run: the run whose lists are compared, None without one.
        digest: of the log, the target and the judgement.
    """

    catalog: Catalog
    interactions: Interactions
    split: TimeSplit
    target: Literal["all", "new"]
    config: EvaluationConfig
    run: RunDirectory | None
    digest: str

    @classmethod
    def of(cls, *, data: str | None, run: Path | None, work: Path, target: Literal["all", "new"] | None) -> "Question":
        """Of a run, or of a log, which is then prepared in `work`.

        Raises:
            UsageError: neither of them; a run of another log or target.
            ArtifactError: the run has not been evaluated, or was altered.
        """
        if run is None:
            opened = prepared(data, work / "log", target)
        else:
            opened = RunDirectory.open(run)
            _check(opened, data, target)
        made = [read_manifest(opened / name, kind=name).digest for name in ("catalog", "interactions")]
        target = opened.settings.task.target
        config = opened.settings.evaluation.model_copy(update={"lengths": LENGTHS})
        return cls(
            catalog=Catalog.load(opened.read("catalog")),
            interactions=Interactions.load(opened.read("interactions")),
            split=TimeSplit.load(opened / "interactions"),
            target=target,
            config=config,
            run=None if run is None else opened,
            digest=digest_of([made, target, K, config.model_dump(mode="json")]),
        )

    @property
    def tuning(self) -> TimeSplit:
        """The window that ends where the exam's begins: known is what lies before encoder_end."""
        end = self.split.encoder_end
        return TimeSplit(encoder_end=end, ranker_end=end, end=self.split.ranker_end, instants=(end,))

    def exam(self, split: TimeSplit) -> Exam:
        """Of the users known at ranker_end of a split, as the stage evaluate makes it."""
        users = self.interactions.before(split.ranker_end).user_indices()
        return Exam.of(self.interactions, users, split=split, target=self.target, config=self.config)

    def window(self, exam: Exam, split: TimeSplit, *, look_end: int | None = None) -> Window:
        """What methods see of an exam; nothing of its answers but, where a look is allowed, those before `look_end`."""
        as_of, asked = split.ranker_end, exam.user_idx
        events = self.interactions.before(as_of).positives().events
        histories = self.interactions.histories(asked, as_of=as_of)
        met = contacts(histories) if self.target == "new" else Histories.empty(len(asked))
        look = self._look(asked, as_of, as_of if look_end is None else look_end)
        return Window(
            user=events["user_idx"].to_numpy(),
            item=events["item_idx"].to_numpy(),
            at=events["at"].to_numpy(),
            shape=(len(self.interactions.users), len(self.catalog)),
            asked=asked,
            denied_indptr=met.indptr,
            denied=met.item_idx,
            available=available(self.catalog, as_of=as_of),
            look_indptr=look.indptr,
            look=look.item_idx,
            target=self.target,
            k=K,
        )

    def _look(self, asked: IntArray, start: int, end: int) -> Truth:
        return Truth.of(self.interactions, asked, start=start, end=end, target=self.target)

    def ours(self, exam: Exam) -> IntArray | None:
        """int32 (n, K): the run's lists of the exam's users, None without a run."""
        if self.run is None:
            return None
        folder = self.run.read("evaluation") / "recommendations"
        return lists.stored(folder, self.interactions.users.decode(exam.user_idx), self.catalog.vocabulary, K)


def prepared(data: str | None, directory: Path, target: Literal["all", "new"] | None) -> RunDirectory:
    """The log alone, with the default settings.

    Raises:
        UsageError: no such log.
    """
    if data is None:
        raise UsageError("Expected --run, a run to compare with, or --data, a log to prepare, got neither.")
    source, digest = locate(data)
    settings = load(None, [] if target is None else [f"task.target={target}"])
    opened = RunDirectory(path=directory, source=source, source_digest=digest, until=None, settings=settings)
    opened.save()
    river.run_stage("prepare", directory)
    return opened


def _check(opened: RunDirectory, data: str | None, target: Literal["all", "new"] | None) -> None:
    if data is not None and locate(data)[1] != opened.source_digest:
        raise UsageError(f"Expected --data as the log of {opened.path}, {opened.source}, got {data}; leave one out.")
    own = opened.settings.task.target
    if target not in {None, own}:
        raise UsageError(f"Expected --target {own}, what the lists of {opened.path} are for, got {target}; correct it.")
