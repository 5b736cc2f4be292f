"""Models small enough for a test, made from nothing."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, Qwen3Config, Qwen3Model

from recsys.data.synthetic import WORDS
from recsys.text.bases.config import EncoderConfig

SHORT = EncoderConfig(max_tokens=16)
ASKING = ("[MASK]", "yes", "no", "a", "customer", "who", "bought", "is", "interested", "in", "?", ".", ",", "nothing")
"""What a base needs beside the shop's words to be asked by a prompt."""


def silent(*_: object) -> None:
    """Progress for nobody."""


def write_base(folder: Path, *, layers: int = 3, width: int = 32, seed: int = 0, more: tuple[str, ...] = ()) -> Path:
    """config.json, model.safetensors and tokenizer.json of a random BERT that knows the shop's words, and `more`."""
    tokenizer = _tokenizer(*more)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens([token for token in more if token.startswith("[")])
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def scatter(base: Path, folder: Path) -> Path:
    """A copy of a base as others lay one out: weights in two files with an index, vocab.txt without tokenizer.json."""
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("model.safetensors", "tokenizer.json"))
    weights = load_file(base / "model.safetensors")
    names = sorted(weights)
    parts = {f"model-0000{i + 1}-of-00002.safetensors": names[i::2] for i in range(2)}
    for name, own in parts.items():
        save_file({key: weights[key] for key in own}, folder / name, metadata={"format": "pt"})
    places = {key: name for name, own in parts.items() for key in own}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    vocabulary = Tokenizer.from_file(str(base / "tokenizer.json")).get_vocab()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    return folder


def write_decoder(folder: Path, *, seed: int = 0) -> Path:
    """The same of a random causal decoder of three layers, whose tokenizer marks no end of a text."""
    tokenizer = _tokenizer()
    config = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        Qwen3Model(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _tokenizer(*more: str) -> Tokenizer:
    words = sorted({word for taste, own in WORDS.items() for word in (taste, *own)} | {"red", "blue", "goes", "well"})
    vocabulary = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words, *more])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer
