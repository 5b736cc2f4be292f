"""What a night learns from: the shop's own tables, and what was posted and put to the service, each event once."""

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.shelf import Shelf
from recsys.artifacts import publish_by_digest, read_manifest
from recsys.data.config import QualityConfig
from recsys.data.policy_log import EVENTS, PolicyLog, is_log
from recsys.data.quality import CleanLog, clean, sift
from recsys.data.raw_log import RawLog
from recsys.data.storage import UNREADABLE, first_line, read_json, write_json
from recsys.errors import ArtifactError, QualityError
from recsys.schema import EVENT_COLUMNS, UTC_US, Instant, moment

KIND = "input"
QUALITY = "quality.json"
QUARANTINE = "quarantine/events.parquet"
"""Events of the log that were set aside, with the column found wanting and the reason; no run reads them."""

SAME = ("user_id", "item_id", "event", "timestamp")
"""What two rows of one event share, where a shop's export holds what was posted to the service, too."""

_POSTED = {**EVENTS, "position": pl.Int32()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When events are set aside, and when a night is given up.

    Attributes:
        quality: the largest share of malformed rows.
        min_rejects: fewer malformed events of the log than this never give a night up.
        now: events that happened after this instant have not happened.
        told: instant up to which events were posted that an earlier night has judged; None judges all.
    """

    quality: QualityConfig
    min_rejects: int
    now: Instant
    told: Instant | None


def take(raw: RawLog, log: Path | None, shelf: Shelf, rule: Rule, *, root: Path) -> Path:
    """Write root/<digest> with items.parquet and events.parquet, and return it; the same content is the same folder.

    The shop's table counts first: an event of the log that it holds, too (`SAME`), is left out. What the log no longer
    holds is in no later input, so that a user who was erased from it is gone from here. Of items it is the service
    that counts first; events of an item that was taken away and that the table does not have are left out.

    Args:
        raw: the shop's tables.
        log: folder of the policy log; None, or one where nothing was logged yet, adds nothing.
        shelf: what the service was told of items.
        rule: what is set aside.
        root: the folder of all inputs.

    Raises:
        SchemaError: the shop's tables cannot be used.
        QualityError: more malformed rows than the rule allows, in a table of the shop or among what is new in the log;
            nothing was written.
        ArtifactError: a file of the log cannot be read, or the disk is full.
    """
    shop = clean(shelf.known_to(raw), rule.quality)
    posted = _posted(log)
    of_gone = pl.col("item_id").is_in(shelf.taken - set(shop.items["item_id"]))
    fine, odd = _judged(posted.filter(~of_gone), shop.items, rule.now)
    _refuse(posted, odd, rule)
    events = pl.concat([shop.events, fine.join(shop.events, on=SAME, how="anti").select(*EVENT_COLUMNS)])
    facts = {
        "posted": _last(posted),
        "shop": {"events": shop.events.height, "rejects": shop.rejects.height, "notes": list(shop.notes)},
        "log": {"events": posted.height, "set_aside": odd.height, "added": events.height - shop.events.height},
    }

    def write(directory: Path) -> None:
        shelf.over(shop.items, events).write_parquet(directory / "items.parquet")
        events.sort(*EVENT_COLUMNS).write_parquet(directory / "events.parquet")
        (directory / QUARANTINE).parent.mkdir()
        odd.sort("event_id").write_parquet(directory / QUARANTINE)
        write_json(directory / QUALITY, facts)
        _left_out(shop, directory)

    return publish_by_digest(root, write, kind=KIND)


def told(directory: Path) -> Instant | None:
    """Up to when the events of an input were posted; None where it has none of the log.

    Raises:
        ArtifactError: not an input.
    """
    at = read_json(directory / QUALITY).get("posted")
    return None if at is None else int(at)


def same(one: Path, other: Path) -> bool:
    """Whether two inputs teach the same: equal items and events, whatever else was posted or set aside.

    Raises:
        ArtifactError: not an input.
    """
    first, second = (read_manifest(directory, kind=KIND).files for directory in (one, other))
    return all(first[name] == second[name] for name in ("items.parquet", "events.parquet"))


def _posted(log: Path | None) -> pl.DataFrame:
    """The log's events, each event_id once, with the columns of `_POSTED`."""
    if log is None or not is_log(log):
        return pl.DataFrame(schema=_POSTED)
    try:
        return PolicyLog.load(log).placed()
    except UNREADABLE as error:
        raise ArtifactError(f"Expected a policy log in {log}: {first_line(error)}; take away what is none.") from error


def _judged(posted: pl.DataFrame, items: pl.DataFrame, now: Instant) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(events to learn from, the others with column and reason)."""
    if posted.is_empty():
        return posted, posted.with_columns(column=pl.lit(None, pl.String), reason=pl.lit(None, pl.String))
    found = sift(RawLog(items=items, events=posted.select(*EVENT_COLUMNS))).rejects.select("row", "column", "reason")
    rows = posted.with_columns(row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    ahead = pl.col("column").is_null() & (pl.col("timestamp") > pl.lit(moment(now), UTC_US))
    judged = rows.join(found, on="row", how="left", maintain_order="left").drop("row")
    judged = judged.with_columns(
        column=pl.when(ahead).then(pl.lit("timestamp")).otherwise("column"),
        reason=pl.when(ahead).then(pl.lit("has not happened yet")).otherwise("reason"),
    )
    is_fine = pl.col("column").is_null()
    return judged.filter(is_fine).drop("column", "reason"), judged.filter(~is_fine)


def _refuse(posted: pl.DataFrame, odd: pl.DataFrame, rule: Rule) -> None:
    """Judge what is new by itself: a long log would hide a night in which everything is broken."""
    is_new = pl.lit(value=True)
    if rule.told is not None:
        is_new = (pl.col("posted") > pl.lit(moment(rule.told), UTC_US)).fill_null(value=True)
    new, bad = posted.filter(is_new), odd.filter(is_new)
    limit = rule.quality.max_reject_fraction
    if bad.height >= rule.min_rejects and bad.height > limit * new.height:
        column, reason, n = bad.group_by("column", "reason").len().sort("len", "reason", descending=True).row(0)
        raise QualityError(
            f"Expected at most {limit:.1%} malformed events among those posted since the last night "
            f"(quality.max_reject_fraction; fewer than {rule.min_rejects} never count, night.min_rejects), got "
            f"{bad.height} of {new.height}; most often {column}: {reason} ({n} rows). "
            "Mend what posts them; what is served stays."
        )


def _last(posted: pl.DataFrame) -> Instant | None:
    last = posted.select(pl.col("posted").dt.epoch("us").max()).item()
    return None if last is None else int(last)


def _left_out(shop: CleanLog, directory: Path) -> None:
    if shop.filtered:
        (directory / "filtered.json").write_text(json.dumps(dict(shop.filtered), indent=1, sort_keys=True) + "\n")
