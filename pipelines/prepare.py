"""Stage: input directory or source → catalogue, interactions, split, rejects."""

from pipelines.console import err
from pipelines.run_directory import RunDirectory
from pipelines.stages import Stage
from recsys.data.catalog import Catalog
from recsys.data.download import default_cache
from recsys.data.interactions import Interactions
from recsys.data.prepare import parse_until, prepare
from recsys.data.quality import CleanLog, clean
from recsys.data.sources import open_log
from recsys.data.split import TimeSplit
from recsys.data.storage import write_json


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `catalog` and `interactions`; the split and the rejects lie with the interactions."""
    settings = opened.settings
    # the tables as they came are large, and nothing below asks for them
    log = clean(open_log(opened.source, mapping=settings.data.mapping, cache=default_cache()), settings.quality)
    until = None if opened.until is None else parse_until(opened.until)
    catalog, interactions = prepare(log, data=settings.data, until=until)
    split = TimeSplit.of(interactions, settings.split, opened.floor)
    with opened.make(stage) as out:
        catalog.save(out["catalog"])
        interactions.save(out["interactions"])
        split.save(out["interactions"])
        log.rejects.write_parquet(out["interactions"] / "rejects.parquet")
        write_json(out["interactions"] / "quality.json", _quality(log))
    _tell(log, catalog, interactions)


def _quality(log: CleanLog) -> dict[str, object]:
    reasons = log.rejects.group_by("table", "column", "reason").len().sort("table", "column", "reason")
    rejects = {f"{table}.{column}: {reason}": n for table, column, reason, n in reasons.iter_rows()}
    return {"rows": dict(log.rows), "filtered": dict(log.filtered), "rejects": rejects, "notes": list(log.notes)}


def _tell(log: CleanLog, catalog: Catalog, interactions: Interactions) -> None:
    err.print(
        f"  {len(interactions)} events of {len(interactions.users)} users on {len(catalog)} items; "
        f"{log.rejects.height} rows rejected, {sum(log.filtered.values())} filtered",
        markup=False,
    )
    for note in log.notes:
        err.print(f"  note: {note}", markup=False)
