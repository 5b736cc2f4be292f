"""The loop's own rules; what it learns is in test_finetune."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from recsys.errors import ConfigError, TrainingError
from recsys.text.bases.config import EncoderConfig
from recsys.text.finetune import finetune
from recsys.text.validation import Quality, Validation
from tests.tiny import SHORT, silent

GENTLE = {"name": "sgd", "layer_rate": 0.1, "head_rate": 0.1, "pooling_rate": 0.1}


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


def trained(corpus, base, config, workdir, progress=silent):
    """The weights after the last step of the layers."""
    finetune(corpus, base=base, encoder=SHORT, config=config, workdir=workdir, progress=progress)
    return load_file(workdir / "layers" / "last.safetensors")


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_error_of_a_gradient_that_is_no_number_keeps_the_last_checkpoint(corpus, base, quick, tmp_path):
    config = quick(head_steps=0, max_steps=6, evaluate_every=2)
    expected = trained(corpus, base, config, tmp_path / "whole")

    def spoil(done, total, metrics):
        if done == 3:
            torch.Tensor.backward = spoiled

    original = torch.Tensor.backward

    def spoiled(tensor, gradient=None, **options):
        original(tensor, None if gradient is None else gradient * math.nan, **options)

    try:
        with pytest.raises(TrainingError, match=r"Expected a finite gradient, got norm nan at step 3 of the layers"):
            trained(corpus, base, config, tmp_path / "spoiled", spoil)
    finally:
        torch.Tensor.backward = original
    assert json.loads((tmp_path / "spoiled" / "layers" / "standing.json").read_text())["step"] == 2
    assert same(trained(corpus, base, config, tmp_path / "spoiled"), expected)


def test_accumulation_learns_from_more_draws(corpus, base, quick, tmp_path):
    tokens = {}
    for accumulate in (1, 3):
        seen = []
        config = quick(accumulate=accumulate, head_steps=0, max_steps=2)
        trained(corpus, base, config, tmp_path / str(accumulate), lambda *a, seen=seen: seen.append(a[2]))
        tokens[accumulate] = seen
    assert all(metrics["tokens/s"] > 0 for metrics in tokens[1][:2])
    one, three = (load_file(tmp_path / str(n) / "layers" / "last.safetensors") for n in (1, 3))
    assert not same(one, three)


def test_dropout_is_drawn_from_the_seed_and_survives_an_interruption(corpus, base, quick, tmp_path):
    config = quick(dropout=0.2)
    torch.manual_seed(1)
    whole = trained(corpus, base, config, tmp_path / "a")

    def interrupt(done, total, metrics):
        if done == 7:
            raise KeyboardInterrupt

    torch.manual_seed(2)
    with pytest.raises(KeyboardInterrupt):
        trained(corpus, base, config, tmp_path / "b", interrupt)
    assert same(trained(corpus, base, config, tmp_path / "b"), whole)
    assert not same(trained(corpus, base, quick(), tmp_path / "c"), whole)
    assert not same(trained(corpus, base, quick(dropout=0.2, seed=1), tmp_path / "d"), whole)


def test_half_precision_learns_about_the_same(corpus, base, quick, tmp_path):
    looks = {}
    for precision in ("fp32", "bf16"):
        config = quick(precision=precision, head_steps=0, max_steps=20, evaluate_every=20)
        workdir = tmp_path / precision
        teacher = finetune(corpus, base=base, encoder=SHORT, config=config, workdir=workdir, progress=silent)
        looks[precision] = teacher.looks
        weights = load_file(workdir / "layers" / "last.safetensors")
        assert {value.dtype for value in weights.values()} == {torch.float32}
    assert looks["bf16"][0] == looks["fp32"][0]
    assert looks["bf16"][-1].loss != looks["fp32"][-1].loss
    assert looks["bf16"][-1].loss == pytest.approx(looks["fp32"][-1].loss, rel=0.02)


def test_states_that_find_no_room_are_computed_anew(corpus, base, quick, tmp_path):
    cached = trained(corpus, base, quick(**GENTLE), tmp_path / "cached")
    fresh = trained(corpus, base, quick(**GENTLE, cache_gib=0.0), tmp_path / "fresh")
    assert max(float((cached[name] - fresh[name]).abs().max()) for name in cached) < 1e-6


def test_hard_negatives_are_mined_again_after_an_interruption(corpus, base, quick, tmp_path):
    config = quick(hard_negatives=2, hard_pool=8, hard_skip=0)
    whole = trained(corpus, base, config, tmp_path / "a")

    def interrupt(done, total, metrics):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(corpus, base, config, tmp_path / "b", interrupt)
    assert same(trained(corpus, base, config, tmp_path / "b"), whole)
    assert not same(trained(corpus, base, quick(), tmp_path / "c"), whole)


def test_too_few_users_for_the_workers_are_told(corpus, base, quick, tmp_path):
    with pytest.raises(TrainingError, match=r"Expected at least 500 users who take something new .* found \d+; bring"):
        trained(corpus, base, quick(workers=500), tmp_path)


def test_a_gpu_that_is_not_there_is_told(corpus, base, quick, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match=r'Expected 1 GPUs for finetune.device = "cuda", one a worker, found 0'):
        trained(corpus, base, quick(device="cuda"), tmp_path)


def test_a_teacher_is_gone_on_from(corpus, base, quick, tmp_path):
    teacher = finetune(corpus, base=base, encoder=SHORT, config=quick(), workdir=tmp_path / "w", progress=silent)
    (tmp_path / "teacher").mkdir()
    teacher.save(tmp_path / "teacher")
    best = max(look.merit for look in teacher.looks)
    config = quick(continual={"steps": 4, "weight": 0.0}, evaluate_every=4)
    where = {"base": tmp_path / "none", "encoder": SHORT, "progress": silent, "start": tmp_path / "teacher"}
    again = finetune(corpus, config=config, workdir=tmp_path / "v", **where)
    assert [(look.phase, look.step) for look in again.looks] == [("layers", 0), ("layers", 4)]
    assert again.looks[0].ndcg == pytest.approx(best, abs=1e-9)
    held = quick(
        continual={"steps": 4, "penalty": "l2sp", "weight": 1e4}, evaluate_every=4, name="sgd", layer_rate=1e-5
    )
    finetune(corpus, config=held, workdir=tmp_path / "u", **where)
    free, bound = (load_file(tmp_path / name / "layers" / "last.safetensors") for name in ("v", "u"))
    start = load_file(tmp_path / "w" / "layers" / "best.safetensors")
    moved = [sum(float((w[name] - start[name]).norm()) for name in start if "layer" in name) for w in (free, bound)]
    assert moved[0] > 10 * moved[1] > 0


@pytest.mark.parametrize(("gain", "kept"), [(0.01, False), (0.1, True), (-0.1, False)])
def test_a_gain_that_may_be_chance_is_not_kept(corpus, base, quick, tmp_path, monkeypatch, gain, kept):
    """A hundred users whose gains differ by 0.2 about the mean: two standard errors are 0.04."""
    seen = []

    def judge(self, interest, vectors):
        seen.append(vectors)
        moved = not np.allclose(vectors, seen[0], atol=1e-5)
        ndcg = 0.5 + moved * (gain + np.tile([-0.2, 0.2], 50))
        return Quality(ndcg=ndcg, recall=ndcg)

    monkeypatch.setattr(Validation, "judge", judge)
    config = quick(head_steps=4, max_steps=0, evaluate_every=4, gain_errors=2)
    teacher = finetune(corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path, progress=silent)
    assert [look.sure for look in teacher.looks if look.phase == "head"] == [True, kept]
    assert np.allclose(teacher.encoder.encode(corpus.texts), seen[0], atol=1e-5) != kept
    assert teacher.card.metrics["nDCG@10"] == pytest.approx(0.6 if kept else 0.5)
