"""The loop's own rules; what it learns is in test_finetune."""

import pytest
import torch

from recsys.errors import TrainingError
from recsys.text.config import EncoderConfig
from recsys.text.finetune import finetune
from tests.tiny import SHORT, silent


def test_a_loss_that_is_no_number_stops_with_a_sentence(corpus, base, quick, tmp_path):
    config = quick(layer_rate=1e30, head_steps=0, max_steps=6, evaluate_every=6)
    with pytest.raises(
        TrainingError,
        match=r"Expected a finite loss, got nan at step 1 of the layers phase, from \d+ users and \d+ texts, ",
    ):
        finetune(corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path, progress=silent)


def test_patience_ends_a_phase_and_the_best_look_is_kept(corpus, base, quick, tmp_path):
    steps = []
    config = quick(head_rate=0.5, pooling_rate=0.5, head_steps=60, max_steps=0, evaluate_every=1, patience=2)
    teacher = finetune(
        corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path, progress=lambda done, *_: steps.append(done)
    )
    looks = [look for look in teacher.looks if look.phase == "head"]
    values = [look.ndcg for look in looks]
    assert len(looks) < 61
    assert values[-1] <= values[-3]
    assert values[-2] <= values[-3]
    assert values[-3] == max(values)
    (layers,) = [look for look in teacher.looks if look.phase == "layers"]
    assert layers.ndcg == pytest.approx(max(values))


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_only_the_top_layers_and_what_the_pooling_needs_learn(corpus, base, quick, tmp_path, pooling):
    from recsys.text.encoder import TransformerEncoder

    steps = {"head_steps": 0, "max_steps": 30, "evaluate_every": 5, "patience": 9}
    config = quick(tune=1, users_per_step=64, tokens_per_step=5_000, **steps)
    encoder = EncoderConfig(max_tokens=16, pooling=pooling)
    untrained = TransformerEncoder.of_base(base, max_tokens=16, pooling=pooling).tower
    trained = finetune(
        corpus, base=base, encoder=encoder, config=config, workdir=tmp_path, progress=silent
    ).encoder.tower
    changed = {
        name
        for (name, a), (_, b) in zip(trained.named_parameters(), untrained.named_parameters(), strict=True)
        if not torch.equal(a, b)
    }
    assert {name for name in changed if "layer." in name} == {n for n in changed if "layer.2." in n} != set()
    assert not any("embeddings" in name for name in changed)
    assert ("head.query" in changed) == (pooling == "attention")
    assert {"head.projection", "head.bias"} <= changed
