"""Tune a peer before ranker_end, fit it again, and keep its lists; what is finished is not made again."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from pipelines import lists
from recsys.artifacts import digest_of
from recsys.errors import RecsysError
from recsys.evaluation.exam import Exam
from recsys.evaluation.segments import OVERALL
from recsys.schema import IntArray
from tests.bench.versus_peers.question import K, Question
from tests.bench.versus_peers.spaces import spaces
from tests.bench.versus_peers.trial import Fits, Plan, Trial
from tests.bench.versus_peers.window import Window
from tests.bench.versus_peers.worker import Settings

METRIC = "ndcg@10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A tuned peer, as WORK/<peer>.json keeps it.

    Attributes:
        key: digest of the question and everything the peer was given.
        asked: trials it was to get.
        tried: trials it got.
        failed: of these, without lists.
        stopped: of these, by the clock.
        validation: nDCG@10 of the best, before ranker_end.
        settings: of the best, with what was found on the way.
        search_seconds: of all trials.
        fit_seconds: of the last fit and its lists.
        note: what a reader should know of the last fit.
        trials: of each its settings, seconds, note, and nDCG@10 or why it failed.
    """

    key: str
    asked: int
    tried: int
    failed: int
    stopped: int
    validation: float
    settings: Settings
    search_seconds: float
    fit_seconds: float
    note: str
    trials: list[dict[str, object]]

    @classmethod
    def of(cls, trials: Sequence[Trial], merits: Sequence[float], last: Trial, *, key: str, asked: int) -> "Finished":
        return cls(
            key=key,
            asked=asked,
            tried=len(trials),
            failed=sum(one.lists is None for one in trials),
            stopped=sum(bool(one.note) for one in trials),
            validation=max(merits),
            settings=last.settings,
            search_seconds=sum(one.seconds for one in trials),
            fit_seconds=last.seconds,
            note=last.note,
            trials=[one.told(merit) for one, merit in zip(trials, merits, strict=True)],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """All peers of one question.

    Attributes:
        question: the log.
        plan: what each is given.
        work: results and what was finished on the way.
        exam: as of ranker_end.
    """

    question: Question
    plan: Plan
    work: Path
    exam: Exam

    def run(self, peer: str) -> tuple[Finished, IntArray]:
        """What there is already, or the search and the last fit; and the lists of the exam's users, int32 (n, K).

        Raises:
            RecsysError: it failed; what was finished before is kept.
        """
        file, folder = self.work / f"{peer}.json", self.work / peer
        trials = spaces(self.question.target)[peer].trials(peer, n=self.plan.trials, seed=self.plan.seed)
        key = digest_of([self._digest, peer, trials, self.plan.search_minutes])
        users = self.question.interactions.users.decode(self.exam.user_idx)
        if not file.exists() or json.loads(file.read_text())["key"] != key:
            finished, found = self._search(peer, trials, key)
            folder.mkdir(parents=True, exist_ok=True)
            self._table(found, users).write_parquet(folder / "lists.parquet")
            file.write_text(json.dumps(asdict(finished), indent=1))
        told = Finished(**json.loads(file.read_text()))
        return told, lists.stored(folder, users, self.question.catalog.vocabulary, K)

    def _search(self, peer: str, trials: Sequence[Settings], key: str) -> tuple[Finished, IntArray]:
        split = self.question.tuning
        exam = self.question.exam(split)
        look_end = self.question.split.instants[-1]
        fits = self._fits(peer, "tuning", lambda: self.question.window(exam, split, look_end=look_end))
        tried = fits.tuning(trials, self.plan)
        merits = [-1.0 if one.lists is None else _merit(exam, one.lists) for one in tried]
        best = tried[int(np.argmax(merits))]  # the first of equals
        if best.lists is None:
            raise RecsysError(f"{peer}: none of {len(tried)} trials left lists; the first: {best.failed}")
        fits = self._fits(peer, "exam", lambda: self.question.window(self.exam, self.question.split))
        last = fits.last({**best.settings, **best.found}, self.plan)
        if last.lists is None:
            raise RecsysError(f"{peer}: the last fit left no lists: {last.failed}")
        return Finished.of(tried, merits, last, key=key, asked=len(trials)), last.lists

    def _fits(self, peer: str, stage: Literal["tuning", "exam"], window: Callable[[], Window]) -> Fits:
        folder, space = self.work / ".work" / self._digest[:12], spaces(self.question.target)[peer]
        file = folder / f"{stage}.npz"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            window().save(folder / f".{stage}.npz")
            (folder / f".{stage}.npz").replace(file)
        python = self.plan.python if space.foreign and self.plan.python is not None else Path(sys.executable)
        return Fits(peer=peer, module=space.module, python=python, window=file, out=folder / peer / stage)

    @property
    def _digest(self) -> str:
        """Of what a fit depends on, beside its settings."""
        return digest_of([self.question.digest, self.plan.minutes, self.plan.seed])

    def _table(self, found: IntArray, users: Sequence[str]) -> pl.DataFrame:
        """user_id, item_id, rank (i32, from 1), as the run's own lists."""
        row, place = np.nonzero(found >= 0)
        columns = {
            "user_id": pl.Series(list(users), dtype=pl.String).gather(row),
            "item_id": pl.Series(list(self.question.catalog.vocabulary.ids), dtype=pl.String).gather(found[row, place]),
            "rank": (place + 1).astype(np.int32),
        }
        return pl.DataFrame(columns)


def _merit(exam: Exam, found: IntArray) -> float:
    return float(exam.grade(found).per_user[OVERALL][METRIC].mean())
