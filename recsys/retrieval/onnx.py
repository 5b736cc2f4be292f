"""The served encoder: text to vector with ONNX Runtime, without torch in the process."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from recsys.errors import ArtifactError
from recsys.schema import BoolArray, FloatArray, LongArray

# from 1.29 on, the import alone writes a device id to disk and calls its maker, unless told not to beforehand
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
SETTINGS = "encoder.json"

_TOKENS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxEncoder:
    """A `TextEncoder` whose graph holds pooling, projection and norm.

    Batch-invariant: neighbours of a text in a batch move its vector by rounding only (cosine ≥ .99999).

    Attributes:
        session: inputs `ids` (N, T) int64 and `mask` (N, T) bool, output `vectors` (N, dim) float32.
        tokenizer: cuts to the model's length, does not pad.
        dim: width of the vectors.
        digest: identity of the weights, written by the export.
    """

    session: ort.InferenceSession
    tokenizer: Tokenizer
    dim: int
    digest: str

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> "OnnxEncoder":
        """Read model.onnx, tokenizer.json and encoder.json.

        Args:
            directory: of verified files.
            threads: of one call; another number may round differently.

        Raises:
            ArtifactError: a file is missing or not of the expected form.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # spinning threads would take the cores from whoever else serves
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            settings = json.loads((directory / SETTINGS).read_text())
            tokenizer = Tokenizer.from_str((directory / TOKENIZER).read_text())
            tokenizer.no_padding()
            tokenizer.enable_truncation(int(settings["max_tokens"]))
            session = ort.InferenceSession(
                (directory / MODEL).read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            return cls(session=session, tokenizer=tokenizer, dim=int(settings["dim"]), digest=str(settings["digest"]))
        except Exception as error:  # tokenizers and onnxruntime raise bare Exceptions of their own
            raise ArtifactError(
                f"Expected a served encoder in {directory}, could not read it ({error}); make it again."
            ) from error

    def encode(self, texts: Sequence[str], *, batch_size: int = 64) -> FloatArray:
        """float32 (n, dim), unit rows in the order of the texts; an empty text has a vector too."""
        tokens = [np.asarray(e.ids, np.int64) for e in self.tokenizer.encode_batch(list(texts))]
        out = np.zeros((len(texts), self.dim), np.float32)
        for rows in _groups(np.array([len(t) for t in tokens], np.int64), batch_size):
            ids, mask = _padded([tokens[row] for row in rows])
            out[rows] = self.session.run(["vectors"], {"ids": ids, "mask": mask})[0]
        return out


def _groups(lengths: LongArray, batch_size: int) -> Iterator[LongArray]:
    """Rows of similar length together: at most `batch_size`, and not too many tokens at once."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        padded = lengths[order[start : start + batch_size]] * np.arange(1, len(order[start : start + batch_size]) + 1)
        size = max(1, int(np.searchsorted(padded, _TOKENS, side="right")))
        yield order[start : start + size]
        start += size


def _padded(rows: Sequence[LongArray]) -> tuple[LongArray, BoolArray]:
    width = max(1, *(len(row) for row in rows))
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros((len(rows), width), np.bool_)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = True
    return ids, mask
