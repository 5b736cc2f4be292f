"""The command line: `recsys`, also `python -m pipelines`. stdout is data, stderr is progress; nothing heavy is imported
before a command needs it.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines import bench_app, cycle_app, embed_app, export_app, head_app
from recsys import __version__
from recsys.errors import GateError, RecsysError

app = typer.Typer(
    name="recsys",
    help="A recommender whose text encoder is trained on the shop's own log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
data_app = typer.Typer(help="Sources: list them, fetch one, check a directory.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(bench_app.app, name="bench")
app.add_typer(head_app.app, name="head")
app.command()(cycle_app.cycle)
app.command()(export_app.export)

_EXTRA = {
    **dict.fromkeys(("torch", "transformers", "peft", "onnx", "onnxscript", "optuna", "ray", "pyarrow"), "train"),
    **dict.fromkeys(("uvicorn", "uvloop", "httptools", "prometheus_client"), "serve"),
    "redis": "redis",
    **dict.fromkeys(("mlflow", "sqlalchemy", "alembic"), "tracking"),
}
"""Package → the extra of pyproject.toml that brings it; an installation holds what its machine needs."""

RunOption = Annotated[Path, typer.Option("--run", help="The run directory.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _version(show: bool) -> None:
    if show:
        print(f"recsys {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


@app.command()
def init(
    data: Annotated[Path | None, typer.Option(help="A shop's tables, whose columns' names draft the mapping.")] = None,
    out: Annotated[Path, typer.Option(help="The settings file.")] = Path("recsys.toml"),
) -> None:
    """Write a settings file to begin with: every setting with its meaning, commented out."""
    from pipelines import draft

    draft.draft(data, out)


@app.command()
def run(
    data: Annotated[str, typer.Option(help="A known source or a directory in an input form.")],
    run: RunOption,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")] = None,
    until: Annotated[str | None, typer.Option(help="Cut the log first: an ISO time or a quantile.")] = None,
    json: JsonOption = False,
) -> None:
    """Run all stages, prepare … release; finished ones are skipped."""
    from pipelines import river

    try:
        river.run(data=data, directory=run, config=config, assignments=set_ or [], until=until)
    except RecsysError as error:
        if error.exit_code == GateError.exit_code:
            report(run=run, json=json)  # it tells what the gate found
        raise
    report(run=run, json=json)


def _add_stage(name: str, summary: str) -> None:
    def command(run: RunOption) -> None:
        from pipelines import river

        river.run_stage(name, run)

    app.command(name, help=summary)(command)


for _name, _summary in {
    "prepare": "Read, check and cut the log; write catalog, interactions and rejects.",
    "pretrain": "Let the base encoder learn the words of the shop's item text first; left out at pretrain.steps = 0.",
    "finetune": "Train the text encoder on clicks and purchases before encoder_end (Ray Train).",
    "distill": "Train the small encoder that is served, export it to ONNX.",
}.items():
    _add_stage(_name, _summary)
app.command()(embed_app.embed)
for _name, _summary in {
    "train_ranker": "Train the LightGBM ranker on rows at several instants.",
    "evaluate": "Lists as of ranker_end against the rest of the log: metrics, baselines, ablation.",
}.items():
    _add_stage(_name, _summary)


@app.command()
def release(
    run: RunOption,
    force: Annotated[str | None, typer.Option(help="Why to publish in spite of the gate's no; kept for good.")] = None,
) -> None:
    """Refit state to the end of the log, pass the gate, publish one bundle."""
    from pipelines import river

    if force is None:
        river.run_stage("release", run)
    else:
        river.force(run, reason=force)


@app.command()
def report(run: RunOption, json: JsonOption = False) -> None:
    """Write report.html from the run's evaluation and print its table."""
    from pipelines import report as stage

    stage.report(run, form="json" if json else "table")


@app.command()
def recommend(
    bundle: Annotated[Path, typer.Option(help="A bundle directory, such as RUN/bundles/current.")],
    out: Annotated[Path, typer.Option(help="Where the Parquet lists go.")],
    users: Annotated[Path | None, typer.Option(help="A text file, one user_id a line; else all known.")] = None,
    k: Annotated[int, typer.Option(min=1, help="Items a list.")] = 20,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="This process, or a pool of Ray's actors.")] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Ray's actors; else one a CPU.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only users who did something at or after this ISO time, for nightly runs.")
    ] = None,
    filters: Annotated[str | None, typer.Option(help="What the lists may hold: JSON as in a request.")] = None,
    experiment: Annotated[Path | None, typer.Option(help="Lists by its arms: JSON as in PUT /v1/experiment.")] = None,
) -> None:
    """Lists for many users, as of the bundle's end, to Parquet; run again to go on after an interruption."""
    from pipelines import batch, list_arms
    from pipelines.list_maker import Wanted

    told, whom = None if experiment is None else list_arms.read_file(experiment), batch.Whom(users=users, since=since)
    wanted = Wanted(bundle=bundle, k=k, filters=filters, experiment=told)
    batch.recommend(wanted, out=out, whom=whom, engine=engine, workers=workers)


@app.command()
def serve(
    bundles: Annotated[Path, typer.Option(help="The directory with `current` in it, such as RUN/bundles.")],
    host: Annotated[str, typer.Option(help="Loopback only, unless there are keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    clock: Annotated[Literal["wall", "log"], typer.Option(help="log: start at the bundle's end.")] = "wall",
    state: Annotated[
        str | None, typer.Option(help="Where events are kept: a file, or redis://host:port/0; else beside BUNDLES.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help="Who may ask: a file that `recsys key` makes.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer, on one port.")] = 1,
    log: Annotated[
        Path | None, typer.Option(help="The folder of the policy log, for ab and finetune; else beside BUNDLES.")
    ] = None,
    lines: Annotated[Literal["text", "json"], typer.Option(help="Form of the lines on stderr.")] = "text",
    trace: Annotated[
        str | None, typer.Option(help="An OpenTelemetry collector, http://host:4318; else OTEL_EXPORTER_OTLP_ENDPOINT.")
    ] = None,
    samples_per_minute: Annotated[
        float | None,
        typer.Option(min=0, help="Lists that are looked at once more for drift and recall, at most; else 12."),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="A TOML file with [limits] and [log]: serving/limits.py, serving/journal.py.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")] = None,
) -> None:
    """Answer /v1/recommend and /v1/rank from the current bundle, remember /v1/events, and log both."""
    from recsys.data import knobs
    from serving.run import run as serve_forever
    from serving.settings import Settings
    from serving.site import Site
    from serving.watching import Watching

    samples = [] if samples_per_minute is None else [f"limits.samples_per_minute={samples_per_minute}"]
    chosen = knobs.load(Settings, settings, [*(set_ or []), *samples])
    site = Site(bundles=bundles, state=state, log=log, keys=keys, settings=chosen)
    watching = Watching(log=lines, trace=trace)
    serve_forever(site, host=host, port=port, clock=clock, workers=workers, watching=watching)


@app.command()
def ab(
    log: Annotated[Path, typer.Option(help="The folder that `recsys serve --log` writes to.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(help="NAME=BUNDLE_OR_PARQUET: who is judged, and what it is; may be repeated; else arms alone."),
    ] = None,
    base: Annotated[str, typer.Option(help="What the others are compared to: a NAME, or log: as it was.")] = "log",
    out: Annotated[Path, typer.Option(help="Where ab.html and ab.json go.")] = Path("ab"),
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings; [off_policy] counts here.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")] = None,
    json: JsonOption = False,
) -> None:
    """Say what the arms of a log earned and what other policies would have, or that it cannot tell (exit code 3)."""
    from pipelines import ab as evaluation

    question = evaluation.Question(log=log, policies=policy or [], base=base, out=out)
    evaluation.ab(question, config=config, assignments=set_ or [], form="json" if json else "table")


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Whose it is: letters, digits and . _ - only.")],
    role: Annotated[
        Literal["read", "write", "admin"],
        typer.Option(help="Ask for lists; also post events and change items; also swap bundles."),
    ],
    file: Annotated[Path, typer.Option(help="Where its hash is added; made where it is missing.")],
    rate: Annotated[float | None, typer.Option(help="Most requests a second, in each process.")] = None,
    burst: Annotated[int | None, typer.Option(help="Requests that may come at once; else those of a second.")] = None,
) -> None:
    """Make a key for the endpoint and print it, once: only its hash is kept."""
    from serving import keys

    print(keys.add(file, name=name, role=role, rate=rate, burst=burst))
    print(f"Added {name} to {file}; it counts within {keys.REREAD_SECONDS:g} s. Keep the key now.", file=sys.stderr)


@data_app.command("list")
def data_list() -> None:
    """The known sources."""
    from pipelines import data

    data.show_sources()


@data_app.command("get")
def data_get(name: str, out: Annotated[Path, typer.Option(help="Where to write the plain form.")]) -> None:
    """Fetch a source, check its hash, write it in the plain form."""
    from pipelines import data

    data.get(name, out)


@data_app.command("check")
def data_check(
    directory: Path,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings, as for run.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")] = None,
    json: JsonOption = False,
) -> None:
    """Read a directory as `run` would, and say what was found, and what to do about it; nothing is written."""
    from pipelines import data

    data.check(directory, config=config, assignments=set_ or [], form="json" if json else "table")


def main() -> None:
    """Entry point; turns the project's errors into one sentence and an exit code."""
    try:
        app()
    except RecsysError as error:
        print(f"recsys: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        print(
            f"recsys: Expected {package} to be installed for this, found it missing; "
            f"pip install 'recsys[{_EXTRA[package]}]' brings it.",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
