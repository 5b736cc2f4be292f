"""Which rows may be trained on, and why the others may not. Nothing is dropped in silence, no valid row is touched."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from recsys.data.columns import Cells, read_column
from recsys.data.config import QualityConfig
from recsys.data.raw_log import RawLog
from recsys.errors import QualityError, SchemaError
from recsys.schema import EVENT_COLUMNS, EVENT_WEIGHTS, ITEM_COLUMNS

REJECTS = {"table": pl.String, "row": pl.Int64, "column": pl.String, "reason": pl.String}
"""Columns of the rejects: `row` counts from 1, a header not included; `column` is the first one found wanting."""

_NOTHING = pl.DataFrame(schema={c: t for c, t in REJECTS.items() if c != "table"})
"""No row is wrong."""

_REQUIRED = {"items": ("item_id",), "events": ("user_id", "item_id", "event", "timestamp")}
_IDS = ("user_id", "item_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanLog:
    """A shop's tables, every row valid, and what became of the rest.

    Attributes:
        items: every column of `schema.ITEM_COLUMNS`, null where the shop gave none; item_id distinct.
        events: every column of `schema.EVENT_COLUMNS`, in the order of the file; items known, event a role.
        rejects: the columns of `REJECTS`, one row for each malformed row, items first.
        rows: table → rows read.
        filtered: rule → rows that the source itself left out.
        notes: what was assumed while reading, a sentence each.
    """

    items: pl.DataFrame
    events: pl.DataFrame
    rejects: pl.DataFrame
    rows: Mapping[str, int]
    filtered: Mapping[str, int]
    notes: tuple[str, ...]

    def rejected(self, table: str) -> float:
        """Malformed fraction of a table's rows."""
        return self.rejects.filter(pl.col("table") == table).height / max(1, self.rows[table])


def clean(raw: RawLog, config: QualityConfig) -> CleanLog:
    """Read every cell, set malformed rows aside, and stop if they are too many or too little is left.

    Raises:
        SchemaError: a column is missing or of a wrong type, or fewer than two users or two items are left.
        QualityError: more malformed rows than `max_reject_fraction`.
    """
    log = sift(raw)
    for table in log.rows:
        if log.rejected(table) > config.max_reject_fraction:
            raise QualityError(_verdict(log, table, config.max_reject_fraction))
    for column in _IDS:
        n = log.events[column].n_unique()
        if n < 2:
            raise SchemaError(
                f"Expected events of at least 2 different {column}s, found {n} in {log.events.height} valid events; "
                "a recommender learns from differences, bring a larger log."
            )
    return log


def sift(raw: RawLog) -> CleanLog:
    """Like `clean`, but whatever the share of malformed rows.

    Raises:
        SchemaError: a column is missing or of a wrong type, or a table is empty.
    """
    items, bad_items, notes = _read(raw, "items")
    items, doubles = _split(items, _later_doubles())
    events, bad_events, more_notes = _read(raw, "events")
    events, unfit = _unfit(events, items["item_id"])
    rejects = pl.concat([_tagged("items", bad_items, doubles), _tagged("events", bad_events, unfit)])
    return CleanLog(
        items=items.drop("row"),
        events=events.drop("row"),
        rejects=rejects,
        rows={"items": raw.items.height, "events": raw.events.height},
        filtered=raw.filtered,
        notes=(*notes, *more_notes),
    )


def _read(raw: RawLog, name: str) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """(valid rows with their row number, (row, column, reason) of the others, notes) of one table."""
    table = raw.items if name == "items" else raw.events
    wanted = ITEM_COLUMNS if name == "items" else EVENT_COLUMNS
    for column in _REQUIRED[name]:
        if column not in table.columns:
            raise SchemaError(_missing(column, name, [*table.columns, *raw.unread.get(name, ())]))
    if table.is_empty():
        raise SchemaError(f"Expected rows in {name}, found none; export the table again.")
    values: dict[str, pl.Series] = {}
    problems: list[pl.Series] = []
    notes = []
    for c in (c for c in wanted if c in table.columns):
        cells = read_column(table[c], wanted[c], where=f"{name}.{c}", timezone=raw.timezone)
        values[c] = cells.values
        problems += _problem(c, cells, required=c in _REQUIRED[name])
        notes += [cells.note] if cells.note else []
    absent = [pl.lit(None, dtype=t).alias(c) for c, t in wanted.items() if c not in values]
    numbered = (
        pl.DataFrame(values)
        .with_columns(absent)
        .select(*wanted)
        .with_columns(row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    )
    if not problems:
        return numbered, _NOTHING, notes
    good, bad = _split(numbered.with_columns(problems), pl.coalesce(problem.name for problem in problems))
    return good.select(*wanted, "row"), bad, notes


def _missing(column: str, table: str, found: Sequence[str]) -> str:
    hint = ", or name the event of all rows in data.mapping.event" if column == "event" else ""
    if len(found) == 1 and (between := re.findall(r"[;\t|]", found[0])):
        hint = f", or, as the fields seem to stand between {between[0]!r}, set data.mapping.separator"
    return (
        f"Expected a column {column} in {table}, found {', '.join(found) or 'none'}; "
        f"add it or name it in data.mapping.{table}{hint}."
    )


def _problem(column: str, cells: Cells, *, required: bool) -> list[pl.Series]:
    """What is wrong with each cell of a column, as (column, reason) named `?column`, null where nothing is; none where
    all cells are fine, as a log is long.
    """
    reasons = [pl.col("problem")]
    if required:
        reasons.append(pl.when(pl.col("value").is_null()).then(pl.lit("missing")))
    if column in _IDS:
        reasons.append(pl.when(pl.col("value") == "").then(pl.lit("empty")))
    if column == "price":
        reasons.append(pl.when(pl.col("value") < 0).then(pl.lit("below 0")))
    table = pl.DataFrame({"value": cells.values, "problem": cells.problems})
    reason = table.select(pl.coalesce(reasons)).to_series().alias("reason")
    if reason.null_count() == len(reason):
        return []
    found = pl.when(pl.col("reason").is_not_null()).then(_finding(pl.lit(column), pl.col("reason")))
    return [reason.to_frame().select(found.alias(f"?{column}")).to_series()]


def _finding(column: pl.Expr, reason: pl.Expr) -> pl.Expr:
    return pl.struct(column=column, reason=reason)


def _later_doubles() -> pl.Expr:
    return pl.when(~pl.col("item_id").is_first_distinct()).then(_finding(pl.lit("item_id"), pl.lit("duplicate")))


def _unfit(events: pl.DataFrame, item_ids: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """As `_split`, of events of no role or of an unknown item; the sentence is made of those rows alone."""
    has_role, known = pl.col("event").is_in(list(EVENT_WEIGHTS)), pl.col("item_id").is_in(item_ids.implode())
    fits = events.select(has_role & known).to_series()
    if fits.all():
        return events, _NOTHING
    role = _finding(
        pl.lit("event"),
        pl.format("{} is no event role, map it with data.mapping.roles", pl.col("event").str.slice(0, 40)),
    )
    unknown = _finding(pl.lit("item_id"), pl.lit("not in items"))
    _, bad = _split(events.filter(~fits), pl.when(~has_role).then(role).otherwise(unknown))
    return events.filter(fits), bad


def _split(table: pl.DataFrame, finding: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows without a finding, (row, column, reason) of the others)."""
    judged = table.with_columns(finding=finding)
    if judged["finding"].null_count() == len(judged):
        return table, _NOTHING
    bad = judged.filter(pl.col("finding").is_not_null()).select("row", pl.col("finding").struct.unnest())
    return judged.filter(pl.col("finding").is_null()).drop("finding"), bad


def _tagged(name: str, *parts: pl.DataFrame) -> pl.DataFrame:
    rows = pl.concat([p.cast({c: t for c, t in REJECTS.items() if c != "table"}) for p in parts]).sort("row")
    return rows.select(pl.lit(name).alias("table"), "row", "column", "reason")


def _verdict(log: CleanLog, table: str, limit: float) -> str:
    rejects = log.rejects.filter(pl.col("table") == table)
    counts = (
        rejects.group_by("column", "reason")
        .agg(pl.len(), pl.col("row").min())
        .sort("len", "row", descending=[True, False])
    )
    column, reason, n, row = counts.row(0)
    return (
        f"Expected at most {limit:.1%} malformed rows in {table} (quality.max_reject_fraction), got "
        f"{rejects.height} of {log.rows[table]} ({log.rejected(table):.1%}); "
        f"most often {column}: {reason} ({n} rows, first row {row}). "
        "Mend the table, or describe it with data.mapping."
    )
