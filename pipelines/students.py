"""What a run's student could be instead, one choice at a time: the rows of `recsys bench student` and `bench prune`."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pipelines.options import Option
from pipelines.run_directory import RunDirectory
from recsys.artifacts import read_manifest
from recsys.data.storage import read_json
from recsys.errors import ArtifactError, UsageError

TEACHER, SERVED, WHOLE = "teacher", "served", "whole"
_FP32, _STATIC, _DYNAMIC = (f"compress.precision={name}" for name in ("fp32", "int8-static", "int8-dynamic"))
_LAYERED = "distill.kind=transformer"
_PLAIN = (
    _LAYERED,
    "distill.width=0",
    "distill.prune=0",
    "distill.dims=[]",
    "compress.dim=0",
    "compress.reduction=prefix",
)
"""What a row starts from, whatever the run's own settings are."""

_DIMS = (256, 128, 64)
_PRECISIONS = {"fp32": _FP32, "int8": _STATIC, "int8-dynamic": _DYNAMIC}
_WORDS = {"fp32": "in fp32", "int8": "in int8 with fixed scales", "int8-dynamic": "in int8 with scales of each text"}


def variants(*, depth: int, width: int) -> tuple[Option, ...]:
    """All that `bench student` knows.

    Args:
        depth: layers of the teacher.
        width: of its states.
    """
    whole = (*_PLAIN, f"distill.layers={depth}", "distill.max_steps=0")
    three = (*_PLAIN, f"distill.layers={min(3, depth)}")
    found = [
        Option(name=f"teacher-{name}", why=f"all the teacher's layers {_WORDS[name]}", changes=(*whole, precision))
        for name, precision in _PRECISIONS.items()
    ]
    for layers in range(min(3, depth), 0, -1):
        found += [
            Option(
                name=f"{layers}-layers-{name}",
                why=_WORDS[name],
                changes=(*_PLAIN, f"distill.layers={layers}", precision),
            )
            for name, precision in _PRECISIONS.items()
        ]
    narrow = (*three, f"distill.width={width // 2}", _STATIC)
    pruned = (*three, "distill.prune=0.4", _STATIC)
    static = ("distill.hidden=0", *_PLAIN, "distill.kind=static", _FP32)
    found += [
        Option(name="narrow", why="states of half the width, int8", changes=narrow),
        Option(name="pruned", why="40 % of the layers' numbers taken away, int8", changes=pruned),
        Option(name="static", why="a table of tokens, no layers", changes=static),
    ]
    dims = [dim for dim in _DIMS if dim < width]
    return (*found, *(_cut(three, dims) if dims else ()))


def _cut(three: Sequence[str], dims: Sequence[int]) -> Iterator[Option]:
    """Vectors of fewer numbers: as they are taught to be cut, and as they are turned to be."""
    taught = (*three, f"distill.dims={dims}", _STATIC)
    yield Option(name="matryoshka", why="taught at several widths at once, int8", changes=taught)
    for dim in dims:
        cut = (*taught, f"compress.dim={dim}")
        yield Option(name=f"matryoshka-{dim}", why="its first numbers alone", changes=cut)
    for dim in dims:
        turned = (*three, _STATIC, f"compress.dim={dim}", "compress.reduction=pca")
        yield Option(name=f"pca-{dim}", why="first principal components, int8", changes=turned)


def pruned(told: Sequence[str]) -> tuple[Option, ...]:
    """The curve: the student whole, then each amount taken away in both ways.

    Raises:
        UsageError: an amount that is no number in [0, 1).
    """
    amounts = [_amount(text) for text in told]
    found = [Option(name=WHOLE, why="nothing taken away", changes=(_LAYERED, "distill.prune=0"))]
    for kind, why in (("structured", "heads and feed-forward units"), ("magnitude", "smallest weights set to zero")):
        found += [
            Option(
                name=f"{kind} {amount:.0%}",
                why=why,
                changes=(_LAYERED, f"distill.prune={amount}", f"distill.pruning={kind}"),
            )
            for amount in sorted({*amounts} - {0.0})
        ]
    return tuple(found)


def _amount(told: str) -> float:
    try:
        amount = float(told)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < 1:
        raise UsageError(f"Expected amounts from 0 up to but not 1, such as 0,.2,.4, got {told}; correct --amounts.")
    return amount


def chosen(options: Sequence[Option], names: Sequence[str]) -> tuple[Option, ...]:
    """The options of these names, in the table's order; all if there are no names.

    Raises:
        UsageError: no such variant.
    """
    known = [option.name for option in options]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise UsageError(f"Unknown variant {name!r}; did you mean {near}? There are: {', '.join(known)}.")
    return tuple(option for option in options if not names or option.name in names)


def shape(opened: RunDirectory) -> tuple[int, int]:
    """Layers of the run's teacher and the width of its vectors.

    Raises:
        ArtifactError: the run has no teacher.
    """
    form = read_json(opened.read("teacher") / "encoder.json")
    return int(form["layers"]), int(form["dim"])


def is_served(opened: RunDirectory) -> bool:
    """Whether the run has a student, and it is its teacher's."""
    try:
        student = read_manifest(opened / "student", kind="student")
    except ArtifactError:
        return False
    return student.parents.get("teacher") == read_manifest(opened / "teacher", kind="teacher").digest


def parents(opened: RunDirectory) -> dict[str, str]:
    """Digests of what a table of variants is of.

    Raises:
        ArtifactError: the run has no teacher.
    """
    names = ("catalog", "interactions", "teacher", *(("student",) if is_served(opened) else ()))
    return {name: read_manifest(opened / name, kind=name).digest for name in names}
