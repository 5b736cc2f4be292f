"""A base from the shop's texts alone."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recsys.artifacts import sha256
from recsys.errors import TrainingError
from recsys.text.bases import scratch
from recsys.text.bases.config import EncoderConfig, ScratchConfig
from recsys.text.encoder import TransformerEncoder
from recsys.text.finetune import finetune
from recsys.text.masked.config import PretrainConfig
from recsys.text.masked.pretrain import pretrain
from recsys.text.tokens import unknown_share
from tests.tiny import silent

TINY = ScratchConfig(vocabulary=400, layers=2, width=32, heads=2)
CHINESE = ("红色的锅", "蓝色的杯子", "红色的杯子", "蓝色的锅") * 5
CODE = """
import sys
from pathlib import Path
from recsys.text.bases import scratch
from tests.text.bases.test_scratch import CHINESE, TINY
scratch.build(CHINESE, TINY, Path(sys.argv[1]))
"""


def test_no_text_is_unknown_and_frequent_words_are_one_token(tmp_path):
    folder = scratch.build(CHINESE, TINY, tmp_path / "base")
    encoder = TransformerEncoder.of_base(folder, max_tokens=16, pooling="mean")
    tokenizer = encoder.tokenizer
    assert unknown_share(tokenizer, [*CHINESE, "Ωμέγα 🎸"]) == 0
    # three bytes a character, so nine for "杯子" and the space before it, without a vocabulary of its own
    assert len(tokenizer.encode("杯子").ids) <= 2 + 4
    assert tokenizer.encode("红色的锅").tokens[0] == "[CLS]"
    assert tokenizer.encode("RED").ids == tokenizer.encode("red").ids
    assert tokenizer.encode("").ids == [2, 3]
    assert [tokenizer.token_to_id(token) for token in scratch.SPECIAL] == [0, 1, 2, 3, 4]
    assert encoder.dim == 32
    assert np.linalg.norm(encoder.encode(["红色的锅", ""]), axis=1) == pytest.approx([1, 1], abs=1e-6)


@pytest.mark.slow
def test_other_processes_and_disturbances_make_the_same_files(tmp_path):
    torch.manual_seed(7)
    folder = scratch.build(CHINESE, TINY, tmp_path / "here")
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    subprocess.run([sys.executable, "-c", CODE, str(tmp_path / "there")], check=True, env=environment)
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["config.json", "model.safetensors", "tokenizer.json"]
    for name in names:
        assert sha256(folder / name) == sha256(tmp_path / "there" / name)


def test_the_seed_is_all_that_chance_has(tmp_path):
    files = [
        scratch.build(CHINESE, TINY.model_copy(update={"seed": seed}), tmp_path / str(i)) / "model.safetensors"
        for i, seed in enumerate((0, 0, 1))
    ]
    assert sha256(files[0]) == sha256(files[1]) != sha256(files[2])


def test_what_cannot_be_made(tmp_path):
    with pytest.raises(TrainingError, match=r"Expected item texts to learn a vocabulary from, got 2 texts without"):
        scratch.build(["", "  "], TINY, tmp_path / "base")
    assert not (tmp_path / "base").exists()
    with pytest.raises(ValidationError, match="expected width as a multiple of heads, got 30 and 4"):
        ScratchConfig(width=30, heads=4)


@pytest.mark.slow
def test_from_nothing_to_a_teacher_that_beats_chance(corpus, quick, tmp_path):
    base = scratch.build(corpus.texts, TINY, tmp_path / "base")
    lessons = PretrainConfig(
        steps=60, embeddings="learned", rate=2e-3, evaluate_every=20, tokens_per_step=1_024, max_tokens=16, threads=1
    )
    adapted = pretrain(corpus.texts, base=base, config=lessons, workdir=tmp_path / "p", progress=silent)
    assert min(look.perplexity for look in adapted.looks) < adapted.looks[0].perplexity / 2
    (tmp_path / "adapted").mkdir()
    adapted.save(tmp_path / "adapted")
    teacher = finetune(
        corpus,
        base=tmp_path / "adapted",
        encoder=EncoderConfig(base="scratch", max_tokens=16),
        config=quick(tune="all", head_steps=40, max_steps=40, evaluate_every=20),
        workdir=tmp_path / "t",
        progress=silent,
    )
    # a wanted text has each of the first ten ranks by chance with probability one in all texts
    chance = sum(1 / np.log2(rank + 1) for rank in range(1, 11)) / len(corpus.texts)
    best = max(look.ndcg for look in teacher.looks)
    assert best > 4 * chance
    assert best > teacher.looks[0].ndcg + 0.1
