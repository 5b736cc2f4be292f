"""Variants of a run's student beside its teacher: trained where they are not, judged alike, timed in one process."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.console import err, progress
from pipelines.make_variants import corpus_of, judged, trial
from pipelines.options import Option
from pipelines.river import StageError, in_own_process
from pipelines.run_directory import RunDirectory
from pipelines.students import SERVED, TEACHER, is_served
from pipelines.variant import METRIC, MadeVariant, key, parents
from recsys.artifacts import digest_of
from recsys.data.storage import read_json
from recsys.evaluation.compare import estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.variants import Place, Variant, Variants
from recsys.retrieval.embeddings import TextEncoder
from recsys.retrieval.interest import InterestModel
from recsys.retrieval.onnx import MODEL, SETTINGS, OnnxEncoder
from recsys.retrieval.speed import race
from recsys.settings import Settings
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.threads import limited

_BULK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """One encoder that takes part.

    Attributes:
        option: its row.
        place: what it is to the run.
        encoder: loaded.
        model: the file whose size counts.
        layers: of the transformer.
        per_user: nDCG@10 of every validation user.
    """

    option: Option
    place: Place
    encoder: TextEncoder
    model: Path
    layers: int
    per_user: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What came of it.

    Attributes:
        variants: the table.
        failed: names of the options whose training failed; it has told why.
    """

    variants: Variants
    failed: tuple[str, ...] = ()


def hold(opened: RunDirectory, settings: Mapping[Option, Settings], *, against: str, rounds: int, lock: int) -> Contest:
    """Make what is not made yet, and measure all.

    Args:
        opened: a run with a teacher.
        settings: what each option comes to.
        against: the row that the others are compared with.
        rounds: of the race.
        lock: descriptor of the run's lock.

    Raises:
        ArtifactError: no teacher.
    """
    failed = _make(opened, settings, lock)
    threads = opened.settings.threads
    corpus = corpus_of(opened)
    with limited(threads):
        found = [*_own(opened, corpus, threads), *_made(opened, settings, threads)]
        texts = corpus.texts if len(corpus.texts) <= _BULK else corpus.texts[:: len(corpus.texts) // _BULK][:_BULK]
        with progress("timed") as show:
            speeds = race({one.option.name: one.encoder for one in found}, texts, rounds=rounds, progress=show)
    base = next((one for one in found if one.option.name == against), found[0])
    rows = tuple(_row(one, base) for one in found)
    return Contest(variants=Variants(rows=rows, speeds=speeds, threads=threads), failed=failed)


def _make(opened: RunDirectory, settings: Mapping[Option, Settings], lock: int) -> tuple[str, ...]:
    """Train and export in processes of their own, one for each training; the names of those that failed."""
    made_from = parents(opened)
    groups: dict[str, list[Option]] = {}
    for option, one in settings.items():
        if not trial(opened, key(one, made_from)).is_dir():
            groups.setdefault(digest_of(one.distill.model_dump(mode="json")), []).append(option)
    failed: list[str] = []
    for number, (name, options) in enumerate(groups.items(), 1):
        told = ", ".join(option.name for option in options)
        err.print(f"[{number}/{len(groups)}] {told}", markup=False)
        work = opened / ".work" / f"variants-{name[:16]}"
        work.mkdir(parents=True, exist_ok=True)
        for option in options:
            (work / f"{key(settings[option], made_from)}.json").write_text(settings[option].model_dump_json(indent=1))
        threads = settings[options[0]].distill.threads
        arguments = ["bench", "variants", "--run", str(opened.path), "--work", str(work)]
        try:
            in_own_process(arguments, name=told, threads=threads, lock=lock)
        except StageError:
            failed += [option.name for option in options]
        except KeyboardInterrupt:
            err.print("recsys: interrupted; finished variants are kept, run the same command again to go on.")
            raise
    return tuple(failed)


def _own(opened: RunDirectory, corpus: Corpus, threads: int) -> Iterator[Entrant]:
    """The teacher in torch and, if the run has one, the student it serves."""
    teacher = opened.read("teacher")
    encoder = TransformerEncoder.load(teacher)
    yield Entrant(
        option=Option(name=TEACHER, why="as trained, in torch", changes=()),
        place="teacher",
        encoder=encoder,
        model=teacher / "transformer" / "model.safetensors",
        layers=len(encoder.tower.layers),
        per_user=judged(corpus, InterestModel.load(teacher), encoder.encode(corpus.texts)),
    )
    if is_served(opened):
        student = opened.read("student")
        served = OnnxEncoder.load(student, threads=threads)
        yield Entrant(
            option=Option(name=SERVED, why="what this run serves", changes=()),
            place="served",
            encoder=served,
            model=student / MODEL,
            layers=_layers(student),
            per_user=judged(corpus, InterestModel.load(student), served.encode(corpus.texts)),
        )


def _made(opened: RunDirectory, settings: Mapping[Option, Settings], threads: int) -> Iterator[Entrant]:
    made_from = parents(opened)
    for option, one in settings.items():
        folder = trial(opened, key(one, made_from))
        if folder.is_dir():
            made = MadeVariant.load(folder)
            yield Entrant(
                option=option,
                place="other",
                encoder=OnnxEncoder.load(folder, threads=threads),
                model=folder / MODEL,
                layers=_layers(folder),
                per_user=made.per_user,
            )


def _layers(directory: Path) -> int:
    return int(read_json(directory / SETTINGS)["layers"])


def _row(one: Entrant, base: Entrant) -> Variant:
    return Variant(
        name=one.option.name,
        place=one.place,
        why=one.option.why,
        changes=one.option.changes,
        layers=one.layers,
        dim=one.encoder.dim,
        megabytes=one.model.stat().st_size / 1e6,
        ndcg=estimate(one.per_user, METRIC),
        kept=None if one is base else Comparison.of(one.per_user, base.per_user, METRIC),
    )
