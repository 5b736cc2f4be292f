"""A step's gradients, whoever computes them."""

import multiprocessing
import socket
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from recsys.text.finetune import finetune, prepared
from recsys.text.gradients import add_gradients, exchange
from recsys.text.optimiser import Optimiser
from recsys.text.origin import Origin
from recsys.text.shard import Shard
from recsys.text.task import Phase, groups
from tests.tiny import SHORT, silent
from tests.workers import join_and_finetune, together

LAYERS, HEAD = Phase(name="layers", steps=6), Phase(name="head", steps=6)
GENTLE = {"name": "sgd", "layer_rate": 0.1, "head_rate": 0.1, "pooling_rate": 0.1, "pointwise": 0.05}


@pytest.fixture
def begun(corpus, base, tmp_path):
    """A task before its first step, with random projections, so that no gradient vanishes.

    In double precision: what is compared is the method, and no machine's rounding decides.
    """

    def make(config, shard=None):
        task = prepared(corpus, Origin.of_base(base, SHORT), config, shard or Shard.alone(), tmp_path)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in (task.towers.user.query, task.towers.user.age_bias, task.towers.user.map):
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
            for name, parameter in task.towers.named_parameters():
                if "lora_" in name:  # threads share the generator that adapt seeds
                    parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
        task.towers.double()
        hidden = None if task.states.hidden is None else task.states.hidden.double()
        return replace(task, states=replace(task.states, hidden=hidden), pooled=task.pooled.double())

    return make


def gradients(task, phase, streams):
    """name → gradient, summed over the workers."""
    optimiser = Optimiser.of(groups(task, phase), task.config.optimiser, steps=6)
    for stream in streams:
        batch = task.pairs.draw(stream)
        add_gradients(task, phase, batch, torch.linspace(-2, 0, len(batch.texts)), stream=stream)
    exchange(optimiser.parameters, task.shard)
    return {name: p.grad.clone() for name, p in task.towers.named_parameters() if p.requires_grad}


def assert_close(got, expected, relative=1e-5):
    """In all, by norm; and by tensor, where those that cancel (key biases, scalars) are compared with the others."""
    assert got.keys() == expected.keys()
    apart = {name: got[name] - value for name, value in expected.items()}
    whole = norm(apart) / norm(expected)
    print(f"relative difference of the gradients {whole:.1e}")
    assert whole <= relative
    largest = max(float(value.abs().max()) for value in expected.values())
    for name, value in expected.items():
        assert float(apart[name].abs().max()) <= relative * max(float(value.abs().max()), 0.2 * largest), name


def norm(tensors):
    return float(torch.cat([tensor.flatten() for tensor in tensors.values()]).double().norm())


def penalty(towers, rows, texts_CD):
    return 0.1 * texts_CD.square().mean() * len(rows) + 0.01 * towers.user.map.square().sum()


@pytest.mark.parametrize("phase", [HEAD, LAYERS], ids=["head", "layers"])
@pytest.mark.parametrize("tune", [1, "all", "lora"])
def test_several_workers_have_the_gradients_of_one(begun, quick, phase, tune):
    config = quick(tune=tune)
    expected = gradients(begun(config), phase, [0])
    assert all(value.abs().max() > 0 for value in expected.values())
    for size in (2, 3):
        for got in together(size, lambda shard: gradients(begun(config, shard), phase, [0])):
            assert_close(got, expected)


def test_more_workers_than_users_or_texts_have_them_too(begun, quick):
    config = quick(users_per_step=2, targets_per_user=1, history_items=1)
    expected = gradients(begun(config), LAYERS, [3])
    for got in together(6, lambda shard: gradients(begun(config, shard), LAYERS, [3])):
        assert_close(got, expected)


def test_a_penalty_counts_once_however_many_workers_there_are(begun, quick):
    plain = gradients(begun(quick()), LAYERS, [0])
    expected = gradients(replace(begun(quick()), penalty=penalty), LAYERS, [0])
    assert (expected["user.map"] - plain["user.map"]).abs().max() > 1e-3
    for got in together(2, lambda shard: gradients(replace(begun(quick(), shard), penalty=penalty), LAYERS, [0])):
        assert_close(got, expected)


def test_encoding_each_distinct_text_once_has_the_gradients_of_encoding_every_occurrence(begun, quick):
    """GRAM (arXiv 2204.04179). The naive way knows no batch: every occurrence of a text is encoded by itself."""
    config = quick(users_per_step=3, targets_per_user=2, history_items=4, pointwise=0.0)
    once = gradients(begun(config), LAYERS, [0])

    task = begun(config)
    Optimiser.of(groups(task, LAYERS), config.optimiser, steps=6)
    batch = task.pairs.draw(0)
    correction = torch.linspace(-2, 0, len(batch.texts))
    user, text, encoded = task.towers.user, task.towers.text, []

    def encode(place):
        encoded.append(place)
        return text.head.project(task.states.pooled(text, batch.texts[place : place + 1]))[0]

    loss = torch.zeros(())
    for b in range(len(batch.own)):
        for k in range(batch.targets.shape[1]):
            weight = batch.target_weight[b, k] / batch.target_weight.sum()
            if weight == 0:
                continue
            events = batch.weight[b] > 0
            history = torch.stack([encode(place) for place in batch.history[b][events]])
            vector = user(
                history,
                torch.arange(len(history))[None],
                torch.from_numpy(batch.hours[b][events])[None],
                torch.from_numpy(batch.weight[b][events])[None],
            )[0]
            target = batch.targets[b, k]
            rivals = [target, *(c for c in range(len(batch.texts)) if not batch.own[b, c])]
            logits = [user.log_scale.exp() * (vector @ encode(c)) - correction[c] for c in rivals]
            loss = loss - weight * torch.log_softmax(torch.stack(logits), dim=0)[0]
    loss.backward()
    naive = {name: p.grad for name, p in task.towers.named_parameters() if p.requires_grad and p.grad is not None}
    assert len(encoded) > 3 * len(batch.texts)
    assert set(once) - set(naive) == {"user.log_slope", "user.intercept"}
    assert_close({name: once[name] for name in naive}, naive)


def test_accumulated_draws_are_averaged(begun, quick):
    apart = [gradients(begun(quick()), LAYERS, [stream]) for stream in (0, 1)]
    mean = {name: (apart[0][name] + apart[1][name]) / 2 for name in apart[0]}
    assert_close(gradients(begun(quick(accumulate=2)), LAYERS, [0, 1]), mean)


def trained(corpus, base, config, workdir, size):
    """The weights after the last step, and the looks, of every worker."""

    def work(shard):
        return finetune(
            corpus, base=base, encoder=SHORT, config=config, workdir=workdir, progress=silent, shard=shard
        ).looks

    looks = together(size, work)
    assert all(own == looks[0] for own in looks)
    return load_file(workdir / "layers" / "last.safetensors"), looks[0]


def test_two_workers_end_with_the_weights_of_one_under_sgd(corpus, base, quick, tmp_path):
    config = quick(**GENTLE, head_steps=0, max_steps=20, evaluate_every=20)
    (one, _), (two, _) = (trained(corpus, base, config, tmp_path / str(size), size) for size in (1, 2))
    start = load_file(base / "model.safetensors")
    name = "encoder.layer.2.output.dense.weight"
    assert (one["text.transformer." + name] - start[name]).abs().max() > 1e-3
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6


def test_two_workers_judge_as_one_under_adamw(corpus, base, quick, tmp_path):
    config = quick(head_steps=10, max_steps=20, evaluate_every=10)
    (_, one), (_, two) = (trained(corpus, base, config, tmp_path / str(size), size) for size in (1, 2))
    for a, b in zip(one, two, strict=True):
        print(f"nDCG@10 {a.phase} {a.step}: {a.ndcg:.6f} by one worker, {b.ndcg:.6f} by two")
        assert a.ndcg == pytest.approx(b.ndcg, abs=0.02)
    assert one[-1].ndcg > one[0].ndcg + 0.05


@pytest.mark.slow
def test_two_processes_end_with_the_weights_of_one_under_sgd(corpus, base, quick, tmp_path):
    config = quick(**GENTLE, head_steps=0, max_steps=20, evaluate_every=20)
    one, _ = trained(corpus, base, config, tmp_path / "one", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "two"
    out.mkdir()
    spawn = multiprocessing.get_context("spawn")
    workers = [
        spawn.Process(target=join_and_finetune, args=(index, 2, port, corpus, base, config, out)) for index in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    two = load_file(out / "work" / "layers" / "last.safetensors")
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6
