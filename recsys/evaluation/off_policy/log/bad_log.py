"""What makes a log say nothing certain of any policy: each fault a refusal with its number and its cure."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from recsys.data.policy_log import PolicyLog
from recsys.evaluation.off_policy.judging.refusals import MIN_EFFECTIVE
from recsys.evaluation.off_policy.log.answers import Answers
from recsys.evaluation.off_policy.log.left_out import Choice
from recsys.evaluation.off_policy.log.pace import Pace, mean_span
from recsys.evaluation.off_policy.wording import of, time
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.schema import SECOND, BoolArray, Instant, LongArray

MAX_REPEATED = 0.01
"""Share of answers whose request_id may be answered again: a client that asks twice, not an id that names nothing."""

MAX_LEFT_OUT = 0.05
"""Share of the answers of exploring arms that may be degraded or not drawn: beyond, the rest is another traffic."""

ROUNDING = 1e-6
"""A propensity kept as float32 may exceed 1 by so much; it counts as 1."""

EPSILON, CANDIDATES = 0.1, 100
"""What is proposed to a log that does not explore, and how many candidates a request has where none are logged."""

_LEAST = float(np.finfo(np.float64).tiny)
_SERVED = "log with recsys serve, which writes the propensity of every place"


def of_rows(answers: Answers) -> Refusals:
    """What is wrong with rows, whoever answered."""
    if not len(answers.rows):
        empty = f"all {len(answers):,} answers are without items" if len(answers) else "it has no answers"
        cure = "Give the folder that recsys serve --log writes to, and a since and until with answers between them."
        return (Refusal(name="empty-log", because=f"There is nothing to evaluate in the log: {empty}.", cure=cure),)
    return (*of_answers(answers), *_propensities(answers))


def of_answers(answers: Answers) -> Refusals:
    """What makes it unknown who was shown what where, however likely that was."""
    return (*_unnamed(answers), *_places(answers))


def _unnamed(answers: Answers) -> Iterator[Refusal]:
    nameless = int(answers.heads.select(pl.any_horizontal(pl.col("request_id", "at").is_null())).sum().item())
    if nameless:
        yield Refusal(
            name="unnamed-answers",
            because=f"{of(nameless, len(answers), 'answers')} have no request_id or no time.",
            cure="No event can be told to be theirs: take them out of the log, or log again.",
        )
    torn = int(answers.torn.sum())
    if torn:
        yield Refusal(
            name="contradictory-answers",
            because=f"{of(torn, len(answers), 'answers')} have rows of different users, arms, bundles or policies.",
            cure="One request_id at one instant is one answer: take them out of the log, or log again.",
        )


def _places(answers: Answers) -> Iterator[Refusal]:
    position, answer, n = answers.rows["position"], answers.answer, len(answers)
    doubled = _twice(answers, "position") | _twice(answers, "item_id")
    if doubled.any():
        yield Refusal(
            name="duplicate-positions",
            because=f"{of(int(doubled.sum()), n, 'answers')} have a position, or an item, twice.",
            cure="Which item was shown where is not known: take these answers out of the log, or log again.",
        )
    expected = np.arange(len(answer)) - answers.indptr[answer] + 1
    wrong = position.fill_null(0).to_numpy() != expected
    gap = _answers_with(answer, wrong | answers.rows["item_id"].is_null().to_numpy(), n) & ~doubled
    if gap.any():
        yield Refusal(
            name="gaps",
            because=f"{of(int(gap.sum()), n, 'answers')} have not one item at each position from 1 on.",
            cure="Rows are missing, or positions count from 0: complete these answers, or take them out of the log.",
        )


def _propensities(answers: Answers) -> Iterator[Refusal]:
    column = answers.rows["propensity"]
    value, missing = column.fill_null(1.0).to_numpy(), column.is_null().to_numpy()
    for name, bad, words in (
        ("missing-propensities", missing, "have no propensity"),
        ("propensities-not-finite", ~np.isfinite(value), "have a propensity that is no number"),
        ("propensities-not-positive", value < _LEAST, "have a propensity of 0 or less"),
        ("propensities-above-one", np.isfinite(value) & (value > 1 + ROUNDING), "have a propensity above 1"),
    ):
        if bad.any():
            first = answers.heads["request_id"][int(answers.answer[bad.argmax()])]
            yield Refusal(
                name=name,
                because=f"{of(int(bad.sum()), len(bad), 'rows')} {words}, the first in request {first!r}.",
                cure=f"Weights cannot be made of them, and leaving rows out would favour some items: {_SERVED}.",
            )


def of_arms(log: PolicyLog, answers: Answers, choice: Choice) -> Refusals:
    """What is wrong with who answered; of a log without bad rows."""
    return (
        *of_repeated(choice.left_out.repeated, len(answers)),
        *_deterministic(log, answers, choice),
        *_left_out(answers, choice),
        *_mixed(answers, choice),
    )


def of_interleaved(answers: Answers, choice: Choice) -> Refusals:
    """What is wrong with who answered by interleaved lists; of a log without bad rows."""
    return (*of_repeated(choice.left_out.repeated, len(answers)), *_left_out(answers, choice))


def of_repeated(repeated: int, n: int) -> Iterator[Refusal]:
    """Whether too many of n answers have a request_id that was answered again later."""
    if repeated > MAX_REPEATED * n:
        yield Refusal(
            name="repeated-requests",
            because=f"{of(repeated, n, 'answers')} have a request_id that was answered again, more than "
            f"{MAX_REPEATED:.0%}.",
            cure="Whose events are whose is not known: let clients give each request its own request_id, or none.",
        )


def _deterministic(log: PolicyLog, answers: Answers, choice: Choice) -> Iterator[Refusal]:
    n, drawn = len(answers), int(choice.keep.sum())
    if not drawn and choice.exploring.any():
        return
    chance = answers.rows["propensity"].fill_null(1.0).to_numpy() < 1
    if drawn and (_answers_with(answers.answer, chance, n) & choice.keep).any():
        return
    mixed = choice.left_out.interleaved
    apart = f" beside {mixed:,} interleaved ones" if mixed else ""
    told = f"all propensities of {drawn:,} drawn answers are 1"
    if not drawn:
        told = f"none of {n - mixed:,} answers{apart} was drawn"
    yield Refusal(
        name="deterministic",
        because=f"The log does not explore: {told}.",
        cure=f"PUT /v1/experiment with the bundles to compare as arms, their policy epsilon_greedy or plackett_luce; "
        f"{_first_look(log, answers)}.",
    )


def _first_look(log: PolicyLog, answers: Answers) -> str:
    """How long a log must be that draws, for one place of a list."""
    count = log.candidates.select(pl.col("item_ids").list.len().mean()).collect(engine="streaming").item()
    known = f"the {count:.0f} candidates of this log" if count else f"{CANDIDATES} candidates"
    pace = Pace(answers=len(answers), span=mean_span(answers.heads["at"].to_numpy()) * len(answers), length=1.0)
    needed = pace.of(MIN_EFFECTIVE * (count or CANDIDATES) / EPSILON)
    return f"with epsilon {EPSILON:g} and {known}, what a policy earns at one place takes {needed}"


def _left_out(answers: Answers, choice: Choice) -> Iterator[Refusal]:
    arms, n = choice.exploring, int(choice.exploring.sum())
    some = choice.left_out
    gone = some.degraded + some.deterministic
    if gone <= MAX_LEFT_OUT * n:
        return
    drawn = answers.heads["at"].filter(pl.Series(choice.keep))
    late = f", or since={time(int(drawn[0]))}, when drawing began" if _began(choice, arms) and len(drawn) else ""
    yield Refusal(
        name="left-out",
        because=f"{of(gone, n, 'answers')} of exploring arms are degraded ({some.degraded:,}) or were not drawn "
        f"({some.deterministic:,}), more than {MAX_LEFT_OUT:.0%}.",
        cure=f"What is left may be another traffic: give a since and until between which the service was well{late}.",
    )


def _began(choice: Choice, arms: BoolArray) -> bool:
    """Whether nearly all from the first answer that was kept on are kept: since would do."""
    later = choice.keep[arms][choice.keep[arms].argmax() :] if choice.keep.any() else np.zeros(1, np.bool_)
    return bool(later.mean() >= 1 - MAX_LEFT_OUT)


def _mixed(answers: Answers, choice: Choice) -> Iterator[Refusal]:
    heads = answers.heads.filter(pl.Series(choice.keep)).select("arm", "bundle", "at")
    by_arm = heads.with_columns(pl.col("arm", "bundle").cast(pl.String)).group_by("arm", "bundle")
    found = by_arm.agg(pl.len().alias("n"), pl.min("at").alias("first"), pl.max("at").alias("last"))
    for (arm,), bundles in found.sort("arm", "first").group_by("arm", maintain_order=True):
        if len(bundles) < 2:
            continue
        last = bundles.row(-1, named=True)
        alone = bundles["last"][:-1].max() < last["first"]
        each = ", ".join(f"{str(name)[:12]} {n:,}" for name, n in bundles.select("bundle", "n").head(5).rows())
        cure = (
            f"give since={time(last['first'])}, from when on {str(last['bundle'])[:12]} is alone"
            if alone
            else ("they alternate: log again")
        )
        yield Refusal(
            name="mixed-bundles",
            because=f"Arm {arm!r} was answered by {len(bundles)} bundles ({each} answers).",
            cure=f"It is not one policy: {cure}, and name the bundle of each arm in the experiment.",
        )


def of_window(at: LongArray, *, window: int, as_of: Instant) -> Refusals:
    """Whether all answers had their time to earn.

    Args:
        at: int64 (n,), rising instants of the answers that are evaluated.
        window: microseconds that an event may come later.
        as_of: until when the log is complete.
    """
    still = at + window > as_of
    if not still.any():
        return ()
    until = (as_of - window) // SECOND * SECOND
    closed = int((at < until).sum())
    others = f"give until={time(until)}, which leaves {closed:,} answers, or " if closed else ""
    return (
        Refusal(
            name="open-window",
            because=f"{of(int(still.sum()), len(at), 'answers')} were given less than {window / 3.6e9:g} hours before "
            f"{time(as_of)}: they may still earn.",
            cure=f"Their rewards would be too low: {others}wait until {time(int(at[-1]) + window)}.",
        ),
    )


def _twice(answers: Answers, name: str) -> BoolArray:
    """Bool (n,): the answers that have a value of a column twice, null apart."""
    value = answers.rows[name].to_physical().cast(pl.Int64)
    known = value.is_not_null().to_numpy()
    low, high = int(value.min() or 0), int(value.max() or 0)  # type: ignore[arg-type]
    stride = high - low + 1
    keys = np.sort(answers.answer[known] * stride + value.drop_nulls().to_numpy() - low)
    out = np.zeros(len(answers), np.bool_)
    out[keys[1:][keys[1:] == keys[:-1]] // stride] = True
    return out


def _answers_with(answer: LongArray, rows: BoolArray, n: int) -> BoolArray:
    """Bool (n,): the answers that have such a row."""
    out = np.zeros(n, np.bool_)
    out[answer[rows]] = True
    return out
