"""Command line of `recsys bench`; nothing heavy is imported before a command runs."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="What each option is worth on one's own log.", no_args_is_help=True)

_COUNTS = "25,50,100,200,300,400,600"
_STRENGTHS = ".1,.2,.3,.5,.7"

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("encoder")
def encoder(
    data: Annotated[str, typer.Option(help="A known source or a directory in an input form.")],
    out: Annotated[Path, typer.Option(help="Where finished trainings are kept; the same directory goes on.")],
    options: Annotated[str, typer.Option(help="Names of options, with commas between; all by default.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each option; their metrics are averaged.")] = 1,
    config: Annotated[Path | None, typer.Option(help="A TOML file of settings, for all.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, for all.")] = None,
    until: Annotated[str | None, typer.Option(help="Cut the log first: an ISO time or a quantile.")] = None,
    json: JsonOption = False,
) -> None:
    """Train the text encoder with one change at a time; nDCG@10 by text alone on the test window, target new."""
    from pipelines import bench

    order = bench.Order(
        data=data, out=out, config=config, assignments=set_ or [], until=until, options=_split(options), seeds=seeds
    )
    bench.encoder(order, form="json" if json else "table")


@app.command("prompts")
def prompts(
    data: Annotated[str, typer.Option(help="A known source or a directory in an input form.")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value; may be repeated.")] = None,
    until: Annotated[str | None, typer.Option(help="Cut the log first: an ISO time or a quantile.")] = None,
    json: JsonOption = False,
) -> None:
    """Ask by cloze prompts, without a label and with a few; AUC against negatives that are as popular."""
    from pipelines import prompts

    prompts.measure(data, assignments=set_ or [], until=until, form="json" if json else "table")


@app.command("cross-encoder")
def cross_encoder(
    run: Annotated[Path, typer.Option(help="A run with a teacher.")],
    out: Annotated[Path | None, typer.Option(help="Where the cross-encoder is kept; nowhere by default.")] = None,
    users: Annotated[int, typer.Option(min=1, help="Most users it is judged by.")] = 500,
    k: Annotated[int, typer.Option(min=2, help="Candidates a user, by the run's teacher.")] = 50,
    set_: Annotated[list[str] | None, typer.Option("--set", help="cross_encoder.key=value; may be repeated.")] = None,
    json: JsonOption = False,
) -> None:
    """Train a model that reads history and candidate together, and let it reorder the teacher's best candidates."""
    from pipelines import cross_encoder

    order = cross_encoder.Order(run=run, out=out, users=users, k=k, assignments=set_ or [])
    cross_encoder.measure(order, form="json" if json else "table")


@app.command("student")
def student(
    run: Annotated[Path, typer.Option(help="A run with a teacher.")],
    variants: Annotated[str, typer.Option(help="Names of variants, with commas between; all by default.")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="How often all are timed, in turn.")] = 5,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, for all.")] = None,
    json: JsonOption = False,
) -> None:
    """Students and exports of one teacher: what each keeps of its quality, its time, its size; also for the report."""
    from pipelines import student_bench

    order = student_bench.Order(run=run, assignments=set_ or [], rounds=rounds)
    student_bench.student(order, _split(variants), form="json" if json else "table")


@app.command("widths")
def widths(
    run: Annotated[list[Path], typer.Option(help="A run with a teacher; may be repeated.")],
    dims: Annotated[str, typer.Option(help="Numbers of a vector that are kept, with commas between.")] = "128,64",
    json: JsonOption = False,
) -> None:
    """A teacher's vectors cut to their first numbers, and to principal components; nDCG@10 by text alone."""
    from pipelines import width_bench

    width_bench.measure(run, _split(dims), form="json" if json else "table")


@app.command("cold")
def cold(
    run: Annotated[Path, typer.Option(help="A run with a ranker.")],
    events: Annotated[str, typer.Option(help="Events a newcomer has left, with commas between.")] = "0,1,3,10",
    users: Annotated[int, typer.Option(min=1, help="Most users who become newcomers.")] = 2000,
    json: JsonOption = False,
) -> None:
    """Lists for new users by how much is known of them, and whether new items are found by text and as a whole."""
    from pipelines import cold_bench

    cold_bench.measure(run, _split(events), users=users, form="json" if json else "table")


@app.command("prune")
def prune(
    run: Annotated[Path, typer.Option(help="A run with a teacher.")],
    amounts: Annotated[str, typer.Option(help="Shares of the layers' numbers, with commas between.")] = "0,.2,.4,.6",
    rounds: Annotated[int, typer.Option(min=1, help="How often all are timed, in turn.")] = 5,
    set_: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, for all.")] = None,
    json: JsonOption = False,
) -> None:
    """Students with less and less in their layers, by structure and by magnitude: quality, measured speed, size."""
    from pipelines import student_bench

    order = student_bench.Order(run=run, assignments=set_ or [], rounds=rounds)
    student_bench.prune(order, _split(amounts), form="json" if json else "table")


@app.command("diversity")
def diversity(
    run: Annotated[Path, typer.Option(help="A run with a ranker.")],
    strengths: Annotated[str, typer.Option(help="Strengths, with commas between; 0 is always there.")] = _STRENGTHS,
    json: JsonOption = False,
) -> None:
    """What lists of different things cost: nDCG@10 against intra-list distance and coverage, by both methods."""
    from pipelines import diversity_bench

    diversity_bench.measure(run, _split(strengths), form="json" if json else "table")


@app.command("trees")
def trees(
    run: Annotated[Path, typer.Option(help="A run with a ranker.")],
    counts: Annotated[
        str, typer.Option(help="Numbers of trees, with commas between; the run's is always there.")
    ] = _COUNTS,
    json: JsonOption = False,
) -> None:
    """What more trees are worth, and what they cost: nDCG@10 against milliseconds of a request."""
    from pipelines import trees_bench

    trees_bench.measure(run, _split(counts), form="json" if json else "table")


@app.command("options")
def options() -> None:
    """The options that `bench encoder` knows."""
    from pipelines import bench

    bench.show_options()


@app.command("trial", hidden=True)
def trial(
    log: Annotated[Path, typer.Option()], work: Annotated[Path, typer.Option()], out: Annotated[Path, typer.Option()]
) -> None:
    """One training, in a process of its own."""
    from pipelines import tryout

    tryout.run(log, work, out)


@app.command("variants", hidden=True)
def variants(run: Annotated[Path, typer.Option()], work: Annotated[Path, typer.Option()]) -> None:
    """One training of a student and its exports, in a process of its own."""
    from pipelines import make_variants

    make_variants.run(run, work)


def _split(told: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in told.split(",") if part.strip()]
