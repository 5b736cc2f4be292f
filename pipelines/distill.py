"""Stage: teacher → student, exported to ONNX in the number format that is served; all measured side by side."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pipelines.console import err, progress
from pipelines.reliability import on_validation
from pipelines.run_directory import TEACHER, RunDirectory
from pipelines.stages import Stage
from recsys.artifacts import verify
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.split import TimeSplit
from recsys.retrieval.interest import InterestModel
from recsys.text.compress.served import Served, serve
from recsys.text.corpus import Corpus
from recsys.text.distill.distillation import distill
from recsys.text.encoder import TransformerEncoder
from recsys.text.measure import Entry, Measured, measure, write_measured
from recsys.text.threads import limited


def run(opened: RunDirectory, stage: Stage) -> None:
    """Make `student`: model.onnx, tokenizer, user tower, and measured.json, which no digest covers.

    reliability.json says how far its interest is to be believed.
    """
    config, settings = opened.settings.distill, opened.settings
    catalog, log = Catalog.load(opened.read("catalog")), opened.read("interactions")
    interactions, split = Interactions.load(log), TimeSplit.load(log)
    corpus = Corpus.of(catalog, interactions, split.encoder_end, valid_fraction=settings.finetune.valid_fraction)
    teacher = opened.read("teacher")
    for other in config.teachers:
        verify(Path(other), kind=TEACHER)
    with progress("step") as show:
        student = distill(teacher, corpus, config=config, progress=show, workdir=opened.work(stage))
    with opened.make(stage) as out:
        served = serve(student, settings.compress, corpus, out["student"], threads=config.threads)
        err.print("  teacher and student measured", markup=False)
        with limited(config.threads):
            rows = measure(_entries(teacher, served, corpus), corpus)
        write_measured(out["student"], rows)
        found = on_validation(corpus, served.interest, served.vectors)
        if found is not None:
            found.save(out["student"])
        _tell(rows)
    shutil.rmtree(opened.work(stage), ignore_errors=True)


def _entries(teacher: Path, served: Served, corpus: Corpus) -> dict[str, Entry]:
    encoder, interest = TransformerEncoder.load(teacher), InterestModel.load(teacher)
    size = (teacher / "transformer" / "model.safetensors").stat().st_size
    vectors = encoder.encode(corpus.texts)
    found = {"teacher": Entry(encoder=encoder, vectors=vectors, interest=interest, size=size)}
    for name, one in (("student fp32", served.exact), ("student", served)):
        if one is not None:
            found[name] = Entry(encoder=one.encoder, vectors=one.vectors, interest=one.interest, size=one.size)
    return found


def _tell(rows: Sequence[Measured]) -> None:
    for row in rows:
        err.print(
            f"  {row.name}: validation nDCG@10 {row.ndcg:.4f}, {row.megabytes:.0f} MB, "
            f"{row.single_ms:.1f} ms a text (p99 {row.single_p99_ms:.1f}), {row.texts_per_second:.0f} texts/s in bulk",
            markup=False,
        )
