"""The served encoder: text to vector with ONNX Runtime, without torch in the process."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from recsys.artifacts import digest_of
from recsys.errors import ArtifactError
from recsys.retrieval.words import Words
from recsys.schema import BoolArray, FloatArray, LongArray

# from 1.29 on, the import alone writes a device id to disk and calls its maker, unless told not to beforehand
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
SETTINGS = "encoder.json"
TEXTS = 64
"""Texts that one call of a graph may hold where none moves another's vector."""

_TOKENS = 1024
"""Padded tokens that pass a layer at once: their states fit the cores' caches (long texts: 1.4 × the rate of 8192)."""
_UNKNOWN = ("No Op registered for", "is not a registered function/op", "Could not find an implementation for")
_INPUTS, _OUTPUTS = {"ids", "mask"}, {"vectors"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxEncoder:
    """A `TextEncoder` whose graph holds pooling, projection and norm.

    Batch-invariant: neighbours of a text in a batch move its vector by rounding only (cosine ≥ .99999), and by nothing
    where `steady` reads it.

    Attributes:
        session: inputs `ids` (N, T) int64 and `mask` (N, T) bool, output `vectors` (N, dim) float32.
        words: reads texts, cut to the model's length.
        dim: width of the vectors.
        digest: sha256 of the graph.
        reading: digest of all that a vector's bits depend on, but for the kind of CPU: graph, tokenizer with its cut,
            texts a call, threads, provider and version of onnxruntime.
        texts_per_call: most texts that the graph reads at once; 1 where its int8 scales are those of a call.
    """

    session: ort.InferenceSession
    words: Words
    dim: int
    digest: str
    reading: str
    texts_per_call: int

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> "OnnxEncoder":
        """Read model.onnx, tokenizer.json and encoder.json; the graph's sha256 is compared before it is parsed.

        Args:
            directory: of verified files.
            threads: of one call; another number may round differently.

        Raises:
            ArtifactError: a file is missing, altered, not of the expected form, or does not fit the others.
        """
        try:
            settings = json.loads((directory / SETTINGS).read_text())
            tokenizer = Tokenizer.from_str((directory / TOKENIZER).read_text())
            tokenizer.no_padding()
            tokenizer.enable_truncation(int(settings["max_tokens"]))
            graph = (directory / MODEL).read_bytes()
            digest, vocabulary = str(settings["digest"]), int(settings["vocabulary"])
            dim, texts_per_call = int(settings["dim"]), int(settings["texts_per_call"])
        except Exception as error:  # tokenizers raise bare Exceptions
            raise _unreadable(directory, error) from error
        _check_digest(directory, graph, digest)
        _check_vocabulary(directory, tokenizer, vocabulary)
        try:
            running = session(directory / MODEL, threads=threads, on_gpu=settings.get("precision") == "fp16")
        except Exception as error:  # as does onnxruntime
            raise _unreadable(directory, error) from error
        _check_form(directory, running)
        rounding = [texts_per_call, threads, running.get_providers(), ort.__version__]
        return cls(
            session=running,
            words=Words.of(tokenizer),
            dim=dim,
            digest=digest,
            reading=digest_of([digest, tokenizer.to_str(), *rounding]),
            texts_per_call=texts_per_call,
        )

    def encode(self, texts: Sequence[str], *, batch_size: int = TEXTS) -> FloatArray:
        """float32 (n, dim), unit rows in the order of the texts; an empty text has a vector too."""
        tokens = self._tokens(texts)
        return self._read(tokens, _groups(_lengths(tokens), min(batch_size, self.texts_per_call)))

    def steady(self, texts: Sequence[str]) -> FloatArray:
        """As `encode`, and a text's vector has the same bits whatever is read with it, for what is kept and joined.

        Only texts of one length are read at once, and none alone where several may be.
        """
        tokens = self._tokens(texts)
        return self._read(tokens, _of_one_length(_lengths(tokens), self.texts_per_call))

    def inputs(self, texts: Sequence[str]) -> dict[str, LongArray | BoolArray]:
        """What the graph reads, padded: `ids` (n, T) int64 and `mask` (n, T) bool."""
        ids, mask = _padded(self._tokens(texts))
        return {"ids": ids, "mask": mask}

    def _read(self, tokens: Sequence[LongArray], groups: Iterable[LongArray]) -> FloatArray:
        out = np.zeros((len(tokens), self.dim), np.float32)
        for rows in groups:
            ids, mask = _padded([tokens[row] for row in rows])
            out[rows] = self.session.run(["vectors"], {"ids": ids, "mask": mask})[0]
        return out

    def _tokens(self, texts: Sequence[str]) -> list[LongArray]:
        return [np.asarray(ids, np.int64) for ids in self.words.ids(texts)]


def session(graph: bytes | Path, *, threads: int = 1, on_gpu: bool = False) -> ort.InferenceSession:
    """A graph ready to run, in memory.

    Args:
        graph: an ONNX file, or its bytes; onnxruntime keeps a copy of these for as long as the session lasts.
        threads: of one call.
        on_gpu: on the first NVIDIA GPU, if this machine and the installed onnxruntime have one.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # spinning threads would take the cores from whoever else serves
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"] if on_gpu else ["CPUExecutionProvider"]
    available = ort.get_available_providers()
    return ort.InferenceSession(graph, options, providers=[name for name in wanted if name in available])


def _unreadable(directory: Path, error: Exception) -> ArtifactError:
    if any(words in str(error) for words in _UNKNOWN):
        return ArtifactError(
            f"Expected a graph of operators that onnxruntime {ort.__version__} knows at {directory / MODEL}, got one "
            f"that it does not ({error}); install the version in constraints.txt or export the encoder here."
        )
    return ArtifactError(f"Expected a served encoder in {directory}, could not read it ({error}); make it again.")


def _check_digest(directory: Path, graph: bytes, expected: str) -> None:
    got = hashlib.sha256(graph).hexdigest()
    if got != expected:
        raise ArtifactError(
            f"{directory / MODEL} was altered: sha256 is {got[:12]}…, {SETTINGS} says {expected[:12]}…; make or copy "
            "the encoder again."
        )


def _check_vocabulary(directory: Path, tokenizer: Tokenizer, rows: int) -> None:
    known = 1 + max(tokenizer.get_vocab().values(), default=-1)
    if known > rows:
        raise ArtifactError(
            f"Expected a tokenizer of at most {rows} tokens in {directory}, as many as the graph has embeddings, got "
            f"{known}; it belongs to another encoder, copy all three files again."
        )


def _check_form(directory: Path, running: ort.InferenceSession) -> None:
    inputs, outputs = ({value.name for value in values} for values in (running.get_inputs(), running.get_outputs()))
    if inputs != _INPUTS or outputs != _OUTPUTS:
        raise ArtifactError(
            f"Expected a graph with inputs {sorted(_INPUTS)} and output {sorted(_OUTPUTS)} at {directory / MODEL}, got "
            f"{sorted(inputs)} and {sorted(outputs)}; export the encoder again."
        )


def _lengths(tokens: Sequence[LongArray]) -> LongArray:
    return np.array([len(t) for t in tokens], np.int64)


def _of_one_length(lengths: LongArray, most: int) -> Iterator[LongArray]:
    """Rows of the same length: at most `most`; at least two where that is allowed, a lonely one stands twice.

    What a product of matrices does to a row depends on its columns, and on whether it is the only row: such a one is
    multiplied by another routine, whose sums come in another order.
    """
    order = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.diff(lengths[order], append=-1)) + 1
    for same in np.split(order, ends[:-1]):
        if not len(same):
            continue
        size = min(most, max(2, _TOKENS // max(1, int(lengths[same[0]]))))
        for start in range(0, len(same), size):
            rows = same[start : start + size]
            yield np.repeat(rows, 2) if len(rows) == 1 < most else rows


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
