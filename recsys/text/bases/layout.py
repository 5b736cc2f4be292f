"""The SentenceTransformer folder layout: transformer, pooling, linear map and norm, each a module others can load.

https://sbert.net/docs/sentence_transformer/usage/custom_models.html (Reimers and Gurevych 2019). Attention pooling is
no module there; such an encoder keeps its head in one file and has no modules.json.
"""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

TRANSFORMER = "transformer"
HEAD = "head.safetensors"
DENSE = "2_Dense"

_POOLING, _NORMALIZE = "1_Pooling", "3_Normalize"
_MODES = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "last": "pooling_mode_lasttoken"}
_TYPES = {TRANSFORMER: "Transformer", _POOLING: "Pooling", DENSE: "Dense", _NORMALIZE: "Normalize"}


def write_transformer(directory: Path, model: nn.Module, tokenizer: Tokenizer, max_tokens: int) -> None:
    """Write transformer/: configuration, weights in one file, tokenizer."""
    folder = directory / TRANSFORMER
    folder.mkdir(exist_ok=True)
    model.config.save_pretrained(folder)  # type: ignore[union-attr,operator]
    weights = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    padding = tokenizer.id_to_token(getattr(model.config, "pad_token_id", None) or 0)
    # padding is masked wherever it is used, so any token will do
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_str(tokenizer.to_str()), pad_token=padding, model_max_length=max_tokens
    ).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})


def head_file(directory: Path, pooling: str) -> Path:
    """Where the head's weights lie."""
    return directory / HEAD if pooling == "attention" else directory / DENSE / "model.safetensors"


def write_head(directory: Path, head: dict[str, Tensor], pooling: str) -> None:
    """Write the head's query, projection and bias, as modules where the query is not used."""
    if pooling == "attention":
        save_file(head, directory / HEAD)
        return
    dim, width = head["projection"].shape
    for name in (_POOLING, DENSE, _NORMALIZE):
        (directory / name).mkdir(exist_ok=True)
    modes = {mode: name == pooling for name, mode in _MODES.items()}
    _write(directory / _POOLING / "config.json", {"word_embedding_dimension": width, **modes})
    activation = "torch.nn.modules.linear.Identity"
    shape = {"in_features": width, "out_features": dim, "bias": True, "activation_function": activation}
    _write(directory / DENSE / "config.json", shape)
    save_file({"linear.weight": head["projection"], "linear.bias": head["bias"]}, head_file(directory, pooling))
    _write(directory / _NORMALIZE / "config.json", {})
    modules = [
        {"idx": i, "name": str(i), "path": name, "type": f"sentence_transformers.models.{kind}"}
        for i, (name, kind) in enumerate(_TYPES.items())
    ]
    (directory / "modules.json").write_text(json.dumps(modules, indent=1))


def read_head(directory: Path, pooling: str) -> dict[str, Tensor]:
    """What `write_head` was given; a query that is not used is zero.

    Raises:
        OSError: there is no such file.
        SafetensorError: it is not in that form.
        KeyError: it holds something else.
    """
    weights = load_file(head_file(directory, pooling))
    if pooling == "attention":
        return weights
    projection = weights["linear.weight"]
    return {
        "projection": projection,
        "bias": weights["linear.bias"],
        "query": projection.new_zeros(projection.shape[1]),
    }


def _write(path: Path, settings: dict[str, object]) -> None:
    path.write_text(json.dumps(settings, indent=1))
