"""Low-rank updates."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open
from transformers import BertConfig, BertModel

from recsys.errors import ConfigError
from recsys.text.bases import lora
from recsys.text.bases.config import EncoderConfig
from recsys.text.config import FinetuneConfig
from recsys.text.encoder import TextTower, TransformerEncoder
from recsys.text.finetune import finetune
from tests.tiny import SHORT, silent, write_decoder

TEXTS = ("red trowel seed", "oven", "", "guitar goes well")


@pytest.fixture
def encoder(base):
    return TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")


def test_it_begins_as_the_base_and_only_updates_learn(encoder):
    before = encoder.encode(TEXTS)
    lora.adapt(encoder.tower, rank=4, alpha=8, seed=0)
    assert np.array_equal(encoder.encode(TEXTS), before)
    named = {id(p): name for name, p in encoder.tower.named_parameters()}
    names = [named[id(p)] for p in lora.learnable(encoder.tower, frozen=0)]
    # six linear maps in each of three layers, A and B each
    assert len(names) == 6 * 3 * 2
    assert all("lora_" in name for name in names)
    assert {named[id(p)] for p in encoder.tower.transformer.parameters() if p.requires_grad} == set(names)


def test_without_updates_the_top_layers_learn(encoder):
    assert len(lora.learnable(encoder.tower, frozen=2)) == len(list(encoder.tower.layers[2].parameters()))


def test_merged_computes_the_same_and_has_no_adapters(encoder, tmp_path):
    names = list(encoder.tower.state_dict())
    plain = encoder.encode(TEXTS)
    lora.adapt(encoder.tower, rank=4, alpha=8, seed=0)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in lora.learnable(encoder.tower, frozen=0):
            parameter.add_(torch.randn(parameter.shape, generator=noise) / 5)
    unmerged = encoder.encode(TEXTS)
    lora.merge(encoder.tower)
    assert np.abs(unmerged - plain).max() > 0.01
    assert encoder.encode(TEXTS) == pytest.approx(unmerged, abs=1e-5)
    assert list(encoder.tower.state_dict()) == names
    assert not any(type(module).__module__.startswith("peft") for module in encoder.tower.modules())
    assert not hasattr(encoder.tower.transformer, "peft_config")
    encoder.save(tmp_path)
    for path in tmp_path.rglob("*.safetensors"):
        with safe_open(path, "pt") as f:
            assert not [name for name in f.keys() if "lora" in name or "base_layer" in name]  # noqa: SIM118
    assert np.array_equal(TransformerEncoder.load(tmp_path).encode(TEXTS), encoder.encode(TEXTS))


def test_the_seed_is_all_that_chance_has(base):
    def first(seed, disturbance):
        torch.manual_seed(disturbance)
        tower = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean").tower
        lora.adapt(tower, rank=4, alpha=8, seed=seed)
        return lora.learnable(tower, frozen=0)[0].detach()

    assert torch.equal(first(0, 1), first(0, 2))
    assert not torch.equal(first(0, 1), first(1, 1))


def test_by_default_less_than_a_twentieth_of_the_weights_learn():
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    with torch.device("meta"):
        tower = TextTower(BertModel(BertConfig(**shape), add_pooling_layer=False))
        config = FinetuneConfig()
        total = sum(p.numel() for p in tower.parameters())
        lora.adapt(tower, rank=config.lora_rank, alpha=config.lora_alpha, seed=0)
    updates = sum(p.numel() for p in lora.learnable(tower, frozen=0))
    # 6 layers · rank 8 · (four maps 384 → 384, 384 → 1536 and back)
    assert updates == 6 * 8 * (4 * (384 + 384) + 2 * (384 + 1536))
    head = tower.head.projection.numel() + tower.head.bias.numel()
    assert (updates + head) / total < 0.05


@pytest.mark.parametrize("tune", ["lora", "all"])
def test_a_teacher_is_trained(corpus, base, quick, tmp_path, tune):
    config = quick(tune=tune, head_steps=0, max_steps=60, evaluate_every=5, layer_rate=1e-3)
    teacher = finetune(corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path, progress=silent)
    assert max(look.merit for look in teacher.looks) > teacher.looks[0].ndcg + 0.05
    before = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean").tower.state_dict()
    after = teacher.encoder.tower.state_dict()
    assert list(after) == list(before)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert "transformer.encoder.layer.0.attention.self.query.weight" in changed
    assert not [name for name in changed if "embeddings" in name]
    assert ("transformer.encoder.layer.0.attention.output.LayerNorm.weight" in changed) == (tune == "all")


def test_a_decoder_learns_by_low_rank_updates(corpus, quick, tmp_path):
    decoder = write_decoder(tmp_path / "decoder")
    config = quick(tune="lora", head_steps=0, max_steps=20, evaluate_every=5, layer_rate=3e-3)
    encoder = EncoderConfig(max_tokens=16, pooling="last")
    teacher = finetune(corpus, base=decoder, encoder=encoder, config=config, workdir=tmp_path / "work", progress=silent)
    assert max(look.merit for look in teacher.looks) > teacher.looks[0].ndcg + 0.05
    (tmp_path / "teacher").mkdir()
    teacher.save(tmp_path / "teacher")
    again = TransformerEncoder.load(tmp_path / "teacher")
    assert again.encode(TEXTS) == pytest.approx(teacher.encoder.encode(TEXTS), abs=1e-6)
    assert again.pooling == "last"


def test_what_can_be_tuned(encoder):
    assert [encoder.tower.frozen(tune) for tune in (1, 3, "all", "lora")] == [2, 0, 0, 0]
    with pytest.raises(
        ConfigError, match=r"Expected tune of at most 3, the layers of the base, got 4; lower it or say"
    ):
        encoder.tower.frozen(4)
    for wrong in (0, "some"):
        with pytest.raises(ValidationError):
            FinetuneConfig(tune=wrong)
    assert FinetuneConfig.model_validate({"tune": "2"}).tune == 2
