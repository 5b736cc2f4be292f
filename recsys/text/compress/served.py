"""From a student to what is served, with the user tower that fits it."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recsys.retrieval.interest import InterestModel
from recsys.retrieval.onnx import MODEL, OnnxEncoder
from recsys.schema import FloatArray
from recsys.text.compress.config import CompressConfig
from recsys.text.compress.export import export_onnx
from recsys.text.compress.quantise import quantise
from recsys.text.corpus import Corpus
from recsys.text.distill.student import Student
from recsys.text.pca import pca
from recsys.text.validation import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An encoder as it is served.

    Attributes:
        encoder: with ONNX Runtime.
        vectors: float32 (n_texts, dim), the corpus' texts.
        interest: the student's user tower, cut like the encoder and calibrated on `vectors`.
        size: bytes of the graph.
        exact: the same in fp32; None where this is it.
    """

    encoder: OnnxEncoder
    vectors: FloatArray
    interest: InterestModel
    size: int
    exact: "Served | None" = None


def serve(student: Student, config: CompressConfig, corpus: Corpus, directory: Path, *, threads: int = 1) -> Served:
    """Write what is served, encoder and user tower, into an existing directory.

    Args:
        student: in torch.
        config: how many numbers of a vector are kept, and in which format the graph computes.
        corpus: what was known at encoder_end: its texts calibrate.
        directory: existing.
        threads: of one call of the encoder.

    Raises:
        ExportError: a student that cannot be exported, or no texts to calibrate on.
        ShapeError: more numbers are to be kept than a vector has.
    """
    student = _narrowed(student, config, corpus.texts)
    with tempfile.TemporaryDirectory() as work:
        exact = directory if config.precision == "fp32" else Path(work)
        export_onnx(student.encoder, exact, texts=corpus.texts)
        served = _read(exact, student.interest, corpus, threads)
        if config.precision != "fp32":
            quantise(exact, directory, config=config, texts=corpus.texts)
            served = replace(_read(directory, student.interest, corpus, threads), exact=served)
    served.interest.save(directory)
    return served


def _narrowed(student: Student, config: CompressConfig, texts: Sequence[str]) -> Student:
    if not config.dim:
        return student
    encoder, interest = student.encoder, student.interest
    if config.reduction == "pca":
        encoder, interest = pca(encoder, interest, encoder.encode(texts))
    return Student(encoder=encoder.cut(config.dim), interest=interest.cut(config.dim))


def _read(directory: Path, interest: InterestModel, corpus: Corpus, threads: int) -> Served:
    encoder = OnnxEncoder.load(directory, threads=threads)
    vectors = encoder.encode(corpus.texts)
    calibrated = Validation.of(corpus).calibrated(interest, vectors, interest.calibration.kind)
    size = (directory / MODEL).stat().st_size
    return Served(encoder=encoder, vectors=vectors, interest=calibrated, size=size)
