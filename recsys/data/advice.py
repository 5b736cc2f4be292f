"""What a log lets one expect, and what to do about it before an hour of training: a sentence for each thing found."""

from collections.abc import Iterator
from datetime import time

import polars as pl

from recsys.data.catalog import Catalog
from recsys.data.config import SplitConfig
from recsys.data.instants import NO_TIME
from recsys.data.interactions import Interactions
from recsys.data.quality import CleanLog
from recsys.data.split import TimeSplit
from recsys.errors import SplitError
from recsys.schema import DAY

_UNREAD = 0.01
"""Share of rows whose time cannot be read from which on the form is to blame."""
_TEXTLESS = 0.2
"""Share of items without text from which on the encoder has too little to read."""
_FOREIGN = 0.2
"""Share of letters outside Latin script from which on an English base reads the shop badly."""
_SAME_TEXT = 0.1
"""Share of items that have another one's text."""
_MIDNIGHT = 0.95
"""Share of events at the very start of a day."""
_TWICE = 0.05
"""Share of events that stand in the log twice."""
_ONE_USER = 0.1
"""Share of the events that is too much for one customer."""
_AGAIN = 0.2
"""Share of positive events on what the user took before that makes repeats worth recommending."""
_EARLY = 0.01
"""Share of events before their item's created_at."""
_JUDGES = 200
"""Users in the test window below which a mean nDCG is known to no more than ± .04, at a deviation of .3."""
_LATIN = r"\p{Latin}"
_LETTER = r"\p{L}"


def advice(log: CleanLog, catalog: Catalog, interactions: Interactions, *, split: SplitConfig) -> tuple[str, ...]:
    """One sentence for each thing worth knowing; none for a log that is as it should be.

    Of a log without a valid event or item only what may be the cause.

    Args:
        log: valid rows.
        catalog: its items.
        interactions: its events.
        split: where time will be cut.
    """
    if not len(log.events) or not len(catalog):
        return tuple(_on_form(log))
    return (*_on_form(log), *_on_text(catalog), *_on_time(log), *_on_users(log), *_on_tasks(interactions, split))


def _on_form(log: CleanLog) -> Iterator[str]:
    unread = log.rejects.filter(pl.col("reason") == NO_TIME).n_unique(["table", "row"])
    if unread >= _UNREAD * sum(log.rows.values()):
        yield (
            f"{unread} rows have a time that cannot be read; if that is its form, name it in data.mapping.time_format, "
            'such as "%d.%m.%Y %H:%M".'
        )


def _on_text(catalog: Catalog) -> Iterator[str]:
    texts = catalog.items["text"]
    told = texts.filter(texts != "")
    bare = (len(texts) - len(told)) / len(texts)
    if bare >= _TEXTLESS:
        yield (
            f"{bare:.0%} of the items have no text, by which alone new items are found; name the columns with title, "
            "description, category or brand in data.mapping.items."
        )
    same = int(told.is_duplicated().sum()) / max(1, len(told))
    if same >= _SAME_TEXT:
        yield (
            f"{same:.0%} of the items have the very text of another; the encoder cannot tell them apart: add a column "
            "that differs, such as description or brand."
        )
    letters, latin = (int(told.str.count_matches(pattern).sum()) for pattern in (_LETTER, _LATIN))
    foreign = 1 - latin / max(1, letters)
    if foreign >= _FOREIGN:
        yield (
            f"{foreign:.0%} of the letters are not Latin, and the default encoder was pretrained on English; set "
            "encoder.base to a multilingual model's folder or name, or to scratch."
        )


def _on_time(log: CleanLog) -> Iterator[str]:
    events = log.events
    midnight = int((events["timestamp"].dt.time() == time(0)).sum()) / len(events)
    if midnight >= _MIDNIGHT:
        yield (
            "The timestamps are dates without a time of day; what happened first on a day is not known, and a list is "
            "judged on what may have come before it: export the whole time."
        )
    twice = 1 - events.n_unique() / len(events)
    if twice >= _TWICE:
        yield f"{twice:.0%} of the events stand in the log more than once; if the export did that, export again."
    created = log.items.select("item_id", "created_at")
    early = events.join(created, on="item_id").select((pl.col("timestamp") < pl.col("created_at")).mean()).item()
    if (early or 0.0) >= _EARLY:
        yield (
            f"{early:.0%} of the events happened before the created_at of their item, which then is no such time; "
            "leave the column out, or items would be taken for newer than they are."
        )


def _on_users(log: CleanLog) -> Iterator[str]:
    most = log.events["user_id"].value_counts(sort=True).row(0)
    share = most[1] / len(log.events)
    if share >= _ONE_USER and len(log.events) > 10 / _ONE_USER:
        yield (
            f"{share:.0%} of the events are of the one user {most[0]!r}; if that is a till, a robot or all who have no "
            "account, take the rows out."
        )


def _on_tasks(interactions: Interactions, config: SplitConfig) -> Iterator[str]:
    taken = interactions.positives().events
    again = 1 - taken.select(pl.struct("user_idx", "item_idx", "event").n_unique()).item() / max(1, len(taken))
    fits = (
        "task.target=all fits a shop where people buy again"
        if again >= _AGAIN
        else "task.target=new fits where that is rare"
    )
    yield f"{again:.0%} of what users took they had taken before in the same way: {fits}."
    try:
        split = TimeSplit.of(interactions, config)
    except SplitError as error:
        yield str(error)
        return
    judges = taken.filter(pl.col("at") >= split.ranker_end)["user_idx"].n_unique()
    days = (split.end - int(interactions.events["at"][0])) / DAY
    if judges < _JUDGES:
        yield (
            f"Only {judges} users took something from {config.ranker_end:.0%} of the log on, by which all is judged: "
            f"intervals will be wide, and small gains not told from none; the log spans {days:.0f} days, bring more."
        )
