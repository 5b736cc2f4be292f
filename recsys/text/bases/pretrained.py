"""A pretrained model's folder, read: safetensors only, no code from the folder, no network."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError
from tokenizers import Tokenizer, processors
from torch import nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from recsys.artifacts import digest_of, sha256
from recsys.errors import ArtifactError
from recsys.text.bases.backbone import check_parts
from recsys.text.bases.hub import FILES, VOCABULARIES

_CONVERT = "AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER)"


def read_transformer(folder: Path) -> nn.Module:
    """The model without pooler or heads, float32, in evaluation mode; its weights may lie in several files.

    Raises:
        ArtifactError: a file is missing, or the model is of an unknown family.
    """
    require_files(folder)
    try:
        with quiet():
            model, found = AutoModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise ArtifactError(
            f"Expected a model of the BERT family or a decoder like Llama or Qwen at {folder}, could not read it "
            f"({_first_line(error)}); choose another base."
        ) from error
    if hasattr(model, "pooler"):
        model.pooler = None
    missing = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ArtifactError(f"Expected all weights of the model at {folder}, found no {missing[0]}; copy it again.")
    assert isinstance(model, nn.Module)
    check_parts(model.float().eval())
    return model


def read_tokenizer(folder: Path, model: nn.Module, max_tokens: int) -> Tokenizer:
    """Cuts to `max_tokens`, does not pad, and makes at least one token of any text.

    Raises:
        ArtifactError: there is none, none that can be read, or that of another model.
    """
    tokenizer = base_tokenizer(folder)
    known, embedded = tokenizer.get_vocab_size(), int(model.config.vocab_size)  # type: ignore[union-attr,arg-type]
    if known > embedded:
        raise ArtifactError(
            f"Expected a tokenizer of at most {embedded} tokens, the model's, got {known} at {folder}; it belongs to "
            "another model, copy both again."
        )
    if not tokenizer.encode("").ids:
        _end_texts(tokenizer, model, folder)
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def base_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a base: neither cuts nor pads.

    Raises:
        ArtifactError: there is none, or none that can be read.
    """
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path)) if path.is_file() else _converted(folder)
    except Exception as error:  # tokenizers raises bare Exceptions of its own
        raise ArtifactError(
            f"Expected a tokenizer.json at {folder}, or a vocabulary that can become one, could not read "
            f"it ({_first_line(error)}); write it by AutoTokenizer.from_pretrained(NAME).save_pretrained(FOLDER) or "
            "choose another base."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def digest(folder: Path, *settings: object) -> str:
    """Of all files of a base and of what else shapes a vector."""
    files = sorted({path for pattern in FILES for path in folder.glob(pattern)})
    return digest_of([{path.name: sha256(path) for path in files}, *map(str, settings)])


def require_files(folder: Path) -> None:
    """A configuration and safetensors weights.

    Raises:
        ArtifactError: one is missing; other weights are told apart, with how to convert them.
    """
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"Expected a pretrained model at {folder}, found no config.json; fetch or copy it again.")
    if any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        return
    pickles = [name for name in ("pytorch_model.bin", "pytorch_model.bin.index.json") if (folder / name).is_file()]
    if pickles:
        raise ArtifactError(
            f"Expected safetensors weights at {folder}, found {pickles[0]}, which is a program and is not run here; "
            f"convert it once, where you trust it, by transformers' {_CONVERT}, or choose another base."
        )
    raise ArtifactError(f"Expected a pretrained model at {folder}, found no model.safetensors; fetch or copy it again.")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' bars and remarks off the terminal."""
    progress, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if progress:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _converted(folder: Path) -> Tokenizer:
    # without one, transformers would make a tokenizer that knows nothing
    if not any(path for pattern in VOCABULARIES for path in folder.glob(pattern)):
        raise FileNotFoundError("no vocabulary")
    with quiet():
        slow = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return Tokenizer.from_str(slow.backend_tokenizer.to_str())


def _end_texts(tokenizer: Tokenizer, model: nn.Module, folder: Path) -> None:
    """Put the end token behind every text: decoders are pooled there, and an empty text needs a token."""
    end = getattr(model.config, "eos_token_id", None)
    number = end[0] if isinstance(end, list) else end
    token = None if number is None else tokenizer.id_to_token(number)
    if token is None:
        raise ArtifactError(
            f"Expected an empty text to have a token, the tokenizer at {folder} gives it none and config.json names no "
            "eos_token_id; add one or choose another base."
        )
    tokenizer.post_processor = processors.TemplateProcessing(single=["$A", token], special_tokens=[(token, number)])
