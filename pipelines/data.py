"""Sources and input directories: list, fetch, check."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pipelines.console import err
from recsys import settings
from recsys.artifacts import atomic_directory
from recsys.data.check import Check
from recsys.data.check import check as check_directory
from recsys.data.download import default_cache
from recsys.data.raw_log import write_plain
from recsys.data.sources import available, read_source
from recsys.errors import QualityError, UsageError


def show_sources() -> None:
    """Print name and description of each source."""
    for source in available():
        print(f"{source.name}\t{source.description}")


def get(name: str, out: Path) -> None:
    """Write a source in the plain form.

    Raises:
        SchemaError: no such source.
        FetchError: it cannot be had.
        UsageError: `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"Expected --out as a new or empty directory, got {out}, which holds something; choose another."
        )
    log = read_source(name, default_cache())
    with atomic_directory(out) as work:
        write_plain(log, work)
    err.print(f"{name}: {log.events.height} events, {log.items.height} items in {out}", markup=False)


def check(directory: Path, *, config: Path | None, assignments: Sequence[str], form: Literal["json", "table"]) -> None:
    """Print what a directory holds, read by the settings that a run would have.

    Raises:
        ConfigError: a bad setting.
        SchemaError: it cannot be read.
        QualityError: too many rows are malformed.
    """
    given = settings.load(config, assignments)
    found = check_directory(directory, data=given.data, quality=given.quality, split=given.split)
    if form == "json":
        print(json.dumps(dataclasses.asdict(found), indent=1, default=str))
    else:
        print(_lines(found))
    if not found.accepted:
        raise QualityError(f"{directory}: more malformed rows than quality.max_reject_fraction; see above.")


def _lines(found: Check) -> str:
    lines = [
        f"rows          {', '.join(f'{n} {table}' for table, n in found.rows.items())}",
        f"users, items  {found.users}, {found.items} ({found.active_items} with events)",
        f"events        {', '.join(f'{n} {role}' for role, n in found.events.items())}",
        f"time          {found.first} to {found.last} (clock: {found.clock})",
        f"sparsity      {found.sparsity:.4%} of user-item pairs have no event",
        f"unknown items {found.unknown_items:.2%} of event rows",
        f"items filled  {', '.join(f'{name} {share:.0%}' for name, share in found.filled.items())}",
        f"no text       {found.without_text:.2%} of items",
    ]
    lines += [f"filtered      {n} rows: {rule}" for rule, n in found.filtered.items()]
    lines += [
        f"malformed     {f.rows} rows of {f.table}, {f.column}: {f.reason} (first row {f.first_row})"
        for f in found.findings
    ]
    lines += [f"not read      {', '.join(columns)} of {table}" for table, columns in found.unread.items()]
    lines += [f"note          {note}" for note in found.notes]
    return "\n".join([*lines, *(f"advice        {sentence}" for sentence in found.advice)])
