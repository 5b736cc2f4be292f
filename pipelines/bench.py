"""Every objective and option of the text encoder on one's own log, and what each is worth: one table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import polars as pl

from pipelines.console import err
from pipelines.options import DEFAULT, OPTIONS, Option
from pipelines.river import StageError, in_own_process
from pipelines.run_directory import RunDirectory
from pipelines.source import locate
from pipelines.stages import named
from pipelines.trial import Trial, key
from recsys import settings as all_settings
from recsys.artifacts import digest_of
from recsys.data.interactions import Interactions
from recsys.data.prepare import parse_until
from recsys.errors import RecsysError, UsageError
from recsys.evaluation.compare import Difference, Estimate, compare, estimate
from recsys.evaluation.metrics import USER
from recsys.evaluation.table import aligned
from recsys.evaluation.wording import figure
from recsys.schema import EVENT_CODES
from recsys.settings import Settings

METRIC, SECOND_METRIC = "ndcg@10", "recall@20"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be measured.

    Attributes:
        data: a known source or a directory in an input form.
        out: where the prepared log and the finished trials are kept; the same directory goes on where it stopped.
        config: a TOML file of settings, or None.
        assignments: section.key=value, for every row.
        until: cuts the log first: an ISO time or a quantile.
        options: names of rows; all if empty. The default is always among them.
        seeds: trainings a row; a user's metrics are averaged over them.
    """

    data: str
    out: Path
    config: Path | None
    assignments: Sequence[str]
    until: str | None
    options: Sequence[str]
    seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a change is worth.

    Attributes:
        option: name of the change.
        why: what it asks.
        ndcg: nDCG@10 over the judged users, None where there was nothing to train.
        recall: recall@20.
        difference: nDCG@10 - that of the default, paired over users; None for the default itself.
        validation: nDCG@10 before encoder_end, by which one would choose.
        seconds: mean training time.
        note: why there are no figures.
    """

    option: str
    why: str
    ndcg: Estimate | None = None
    recall: Estimate | None = None
    difference: Difference | None = None
    validation: float | None = None
    seconds: float | None = None
    note: str = ""


def encoder(order: Order, *, form: Literal["json", "table"]) -> None:
    """Train what is not trained yet, and print the table.

    Raises:
        UsageError: an option, source or setting that does not exist.
        RecsysError: a training failed; the others are in the table.
    """
    options = chosen(order.options)
    settings = {option.name: _settings(order, option) for option in options}
    try:
        rows = _rows(order, options, settings)
    except KeyboardInterrupt:
        err.print("recsys: interrupted; finished trainings are kept, run the same command again to go on.")
        raise
    print(json.dumps([asdict(row) for row in rows], indent=1) if form == "json" else aligned(cells(rows)))
    failed = [row.option for row in rows if row.note.startswith("failed")]
    if failed:
        raise RecsysError(f"{len(failed)} of {len(rows)} trainings failed: {', '.join(failed)}; see above.")


def chosen(names: Sequence[str]) -> tuple[Option, ...]:
    """The options of these names in the table's order, the default first; all if there are no names.

    Raises:
        UsageError: no such option.
    """
    known = {option.name: option for option in OPTIONS}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise UsageError(f"Unknown option {name!r}; did you mean {near}? `recsys bench options` lists them.")
    return tuple(option for option in OPTIONS if not names or option.name in {DEFAULT.name, *names})


def show_options() -> None:
    """Print each option's name, what it asks, and the settings it changes."""
    print(aligned([["option", "why", "changes"], *([o.name, o.why, " ".join(o.changes)] for o in OPTIONS)]))


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Head and body of the table."""
    head = ["option", "nDCG@10", "- default (paired)", "recall@20", "validation nDCG@10", "seconds", "why"]
    return [head, *(_cells(row) for row in rows)]


def _cells(row: Row) -> list[str]:
    if row.ndcg is None or row.recall is None:
        return [row.option, row.note, "", "", "", "", row.why]
    difference = "" if row.difference is None else figure(row.difference)
    return [
        row.option,
        figure(row.ndcg),
        difference,
        figure(row.recall),
        f"{row.validation:.4f}",
        f"{row.seconds:.0f}",
        row.why,
    ]


def _settings(order: Order, option: Option) -> tuple[Settings, ...]:
    """One for each seed."""
    base = all_settings.load(order.config, [*order.assignments, *option.changes])
    seeds = (base.finetune.seed + number for number in range(order.seeds))
    return tuple(
        base.model_copy(update={"finetune": base.finetune.model_copy(update={"seed": seed})}) for seed in seeds
    )


def _rows(order: Order, options: Sequence[Option], settings: Mapping[str, Sequence[Settings]]) -> list[Row]:
    rows: list[Row] = []
    default: pl.DataFrame | None = None
    for number, option in enumerate(options, 1):
        label = f"[{number}/{len(options)}] {option.name}"
        log = _prepared(order, settings[option.name][0])
        missing = _missing(option, log)
        if missing:
            err.print(f"{label}: {missing}", markup=False)
            rows.append(Row(option=option.name, why=option.why, note=missing))
            continue
        try:
            folders = [_trained(order, log, one, label) for one in settings[option.name]]
        except StageError as error:
            if option is DEFAULT:
                raise
            rows.append(Row(option=option.name, why=option.why, note=f"failed (exit code {error.exit_code})"))
            continue
        row, per_user = _row(option, folders, default)
        default = per_user if option is DEFAULT else default
        rows.append(row)
    return rows


def _prepared(order: Order, settings: Settings) -> RunDirectory:
    """The log as these settings read it, made if it is not there."""
    source, digest = locate(order.data)
    if order.until is not None:
        parse_until(order.until)
    stage = named("prepare", settings)
    log = RunDirectory(path=order.out, source=source, source_digest=digest, until=order.until, settings=settings)
    opened = RunDirectory(
        path=order.out / "logs" / digest_of(log.config(stage))[:12],
        source=source,
        source_digest=digest,
        until=order.until,
        settings=settings,
    )
    opened.save()
    if not opened.is_made(stage):
        in_own_process(["prepare", "--run", str(opened.path)], name="stage prepare", threads=settings.threads)
    return opened


def _missing(option: Option, log: RunDirectory) -> str:
    """Why the change would be none on this log, or nothing."""
    if option.needs is None:
        return ""
    events = Interactions.load(log.read("interactions")).events
    if option.needs == "impressions":
        return "" if (events["event"] == EVENT_CODES["impression"]).any() else "the log has no impressions"
    return "" if events.filter(pl.col("weight") > 0)["event"].n_unique() > 1 else "the log has one kind of event"


def _trained(order: Order, log: RunDirectory, settings: Settings, label: str) -> Path:
    """The folder of the finished trial."""
    name = key(log, settings)[:16]
    out, work = order.out / "trials" / name, order.out / ".work" / name
    label = f"{label}, seed {settings.finetune.seed}"
    if out.is_dir():
        err.print(f"{label}: up to date", markup=False)
        return out
    err.print(label, markup=False)
    work.mkdir(parents=True, exist_ok=True)
    (work / "settings.json").write_text(settings.model_dump_json(indent=1))
    arguments = ["bench", "trial", "--log", log.path, "--work", work, "--out", out]
    in_own_process([str(part) for part in arguments], name=label, threads=settings.finetune.threads)
    return out


def _row(option: Option, folders: Sequence[Path], default: pl.DataFrame | None) -> tuple[Row, pl.DataFrame]:
    trials = [Trial.load(folder) for folder in folders]
    per_user = pl.concat([trial.per_user for trial in trials]).group_by(USER).mean().sort(USER)
    row = Row(
        option=option.name,
        why=option.why,
        ndcg=estimate(per_user, METRIC),
        recall=estimate(per_user, SECOND_METRIC),
        difference=None if default is None else compare(per_user, default, METRIC),
        validation=sum(trial.validation for trial in trials) / len(trials),
        seconds=sum(trial.seconds for trial in trials) / len(trials),
    )
    return row, per_user
