"""Stage: teacher → student of fewer layers, exported to ONNX, with both measured side by side."""

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
from recsys.retrieval.onnx import OnnxEncoder
from recsys.text.compress import export_onnx
from recsys.text.corpus import Corpus
from recsys.text.distill.distillation import distill
from recsys.text.encoder import TransformerEncoder
from recsys.text.measure import Measured, measure, write_measured


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
        student = distill(teacher, corpus, config=config, progress=show)
    with opened.make(stage) as out:
        target = out["student"]
        export_onnx(student.encoder, target)
        student.interest.save(target)
        err.print("  teacher and student measured", markup=False)
        weights = teacher / "transformer" / "model.safetensors"
        encoders = (TransformerEncoder.load(teacher), OnnxEncoder.load(target))
        by_teacher, by_student = (encoder.encode(corpus.texts) for encoder in encoders)
        rows = [
            measure("teacher", encoders[0], by_teacher, InterestModel.load(teacher), corpus, weights),
            measure("student", encoders[1], by_student, student.interest, corpus, target / "model.onnx"),
        ]
        write_measured(target, rows)
        found = on_validation(corpus, student.interest, by_student)
        if found is not None:
            found.save(target)
        _tell(rows)


def _tell(rows: list[Measured]) -> None:
    for row in rows:
        err.print(
            f"  {row.name}: validation nDCG@10 {row.ndcg:.4f}, {row.megabytes:.0f} MB, {row.single_ms:.1f} ms a text, "
            f"{row.texts_per_second:.0f} texts/s in bulk",
            markup=False,
        )
