"""A base from nothing but the shop's texts, for languages that no pretrained one fits: tokenizer and fresh encoder.

The tokenizer is byte-pair encoding (Sennrich et al. 2016) over bytes (Radford et al. 2019): no text is unknown to it,
and the same texts always give the same vocabulary. The encoder is a small BERT with random weights; it learns to read
by masked-language-model training (`recsys.text.masked.pretrain`, embeddings learned) and then from the log.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn
from transformers import AutoModel, BertConfig

from recsys.artifacts import atomic_directory
from recsys.errors import TrainingError
from recsys.text.bases.config import ScratchConfig

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

_POSITIONS = 512


def build(texts: Sequence[str], config: ScratchConfig, folder: Path) -> Path:
    """Write a base: config.json, model.safetensors, tokenizer.json.

    Args:
        texts: of the items known before encoder_end.
        config: sizes and seed.
        folder: complete or absent; what was there is replaced.

    Returns:
        The folder.

    Raises:
        TrainingError: no text to learn a vocabulary from.
    """
    if not any(text.strip() for text in texts):
        raise TrainingError(
            f"Expected item texts to learn a vocabulary from, got {len(texts)} texts without a word; give the items "
            "titles or descriptions, or choose a pretrained encoder.base."
        )
    tokenizer = learned_tokenizer(texts, config.vocabulary)
    model = fresh_model(tokenizer.get_vocab_size(), config)
    with atomic_directory(folder) as work:
        model.config.save_pretrained(work)  # type: ignore[union-attr,operator]
        save_file(model.state_dict(), work / "model.safetensors", metadata={"format": "pt"})
        tokenizer.save(str(work / "tokenizer.json"))
    return folder


def learned_tokenizer(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """Lower case, words apart, pieces of words as often as they come; at most `vocabulary` tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, SPECIAL.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def fresh_model(vocabulary: int, config: ScratchConfig) -> nn.Module:
    """A BERT whose weights are drawn by the seed alone."""
    shape = BertConfig(
        vocab_size=vocabulary,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=4 * config.width,
        max_position_embeddings=_POSITIONS,
        pad_token_id=SPECIAL.index("[PAD]"),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = AutoModel.from_config(shape, add_pooling_layer=False)  # type: ignore[no-untyped-call]
    assert isinstance(model, nn.Module)
    return model
