"""A judged policy that a Parquet file tells: by its probabilities of the log's rows, or by scores of candidates."""

from pathlib import Path

import polars as pl

from recsys.data.storage import UNREADABLE, first_line
from recsys.errors import ArtifactError, SchemaError
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.off_policy.judging.worths import Worths
from recsys.evaluation.off_policy.log.logged import Logged
from recsys.evaluation.off_policy.told.chances import CHANCES, OUTSIDE, by_chances
from recsys.evaluation.off_policy.told.scores import by_scores
from recsys.evaluation.off_policy.told.sheet import SCORES
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.ranking.config import PolicyConfig

_FORMS = f"columns {', '.join(CHANCES)}, or {', '.join(SCORES)}"


def told(
    file: Path, logged: Logged, *, explores: PolicyConfig | None = None, worths: Worths | None = None, seed: int = 0
) -> Target | Refusals:
    """What a file says of a policy, of the requests and rows of a log.

    Two forms are known, by their columns; others are passed over.

        request_id, position, item_id, propensity     P(this item at this position | the items above), a row a place;
        (outside)                                     the same in all rows of a request, as `Target` has it
        request_id, item_ids, scores                  a row a request: its candidates, and the score of each

    Args:
        file: Parquet.
        logged: the log.
        explores: who draws lists from scores; None: who drew each logged list. Probabilities are as they are told.
        worths: of items, by a reward model, for scores; None without one.
        seed: of draws, and of the choice of requests whose marginals are worked out.

    Returns:
        A refusal where file and log have nothing in common.

    Raises:
        ArtifactError: no Parquet file.
        SchemaError: columns of neither form, or of both, or what stands in them is not what it should be.
        ShapeError: worths of another log.
    """
    form = _form(file)
    if worths is not None:
        worths.check(logged)
    if form is CHANCES:
        target = by_chances(file, logged)
    else:
        target = by_scores(file, logged, explores=explores, worths=worths, seed=seed)
    return _apart(file, logged) if target is None else target


def _apart(file: Path, logged: Logged) -> Refusals:
    return (
        Refusal(
            name="nothing-in-common",
            because=f"{file.name} tells of none of the {len(logged):,} answers that are evaluated.",
            cure="Write its rows for the request_id, and places and items, that the log's answers have.",
        ),
    )


def _form(file: Path) -> dict[str, pl.DataType]:
    try:
        columns = dict(pl.read_parquet_schema(file))
    except UNREADABLE as error:
        raise ArtifactError(f"Expected a Parquet file in {file}: {first_line(error)}; write it again.") from error
    forms = [form for form, key in ((CHANCES, "propensity"), (SCORES, "scores")) if key in columns]
    if len(forms) != 1 or not forms[0].keys() <= columns.keys():
        raise SchemaError(
            f"{file}: expected {_FORMS}, got {', '.join(columns) or 'none'}; write one of these two forms."
        )
    form = forms[0]
    further = {OUTSIDE: pl.Float64()} if form is CHANCES else {}
    for name, kind in {**form, **further}.items():
        if name in columns and not _fits(columns[name], kind):
            raise SchemaError(f"{file}: expected a column {name} of type {kind}, got {columns[name]}; cast it.")
    return form


def _fits(got: pl.DataType, wanted: pl.DataType) -> bool:
    """Any float, and any integer, will do."""
    if wanted == pl.List(pl.Float64()):
        return got in {pl.List(pl.Float32()), wanted}
    if wanted == pl.Float64():
        return got.is_float()
    return got.is_integer() if wanted == pl.Int64() else got == wanted
