"""Ray Train runs the same loop."""

import os
import random
import signal
import time
from functools import partial

import pytest
from safetensors.torch import load_file

from tests.tiny import SHORT, silent
from tests.workers import finetune_alone, finetune_by_ray, killed_at, train_workers

GENTLE = {"name": "sgd", "layer_rate": 0.1, "head_rate": 0.1, "pooling_rate": 0.1, "pointwise": 0.05}

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def files(directory):
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_one_worker_gives_what_this_process_gives(corpus, base, quick, tmp_path):
    from recsys.text import distributed
    from recsys.text.finetune import finetune

    alone, ray_out = tmp_path / "alone", tmp_path / "ray"
    alone.mkdir()
    ray_out.mkdir()
    finetune(corpus, base=base, encoder=SHORT, config=quick(), workdir=tmp_path / "w1", progress=silent).save(alone)
    seen = []
    distributed.run(
        corpus,
        base=base,
        encoder=SHORT,
        config=quick(),
        workdir=tmp_path / "w2",
        out=ray_out,
        progress=lambda done, total, metrics: seen.append((done, total)),
    )
    assert files(alone) == files(ray_out)
    assert seen[-1] == (10, 10)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_two_workers_agree_and_an_error_keeps_its_sentence(corpus, base, quick, tmp_path):
    from recsys.errors import TrainingError
    from recsys.text import distributed
    from recsys.text.encoder import TransformerEncoder

    out = tmp_path / "teacher"
    out.mkdir()
    where = {"base": base, "encoder": SHORT, "out": out, "progress": silent}
    distributed.run(corpus, config=quick(workers=2), workdir=tmp_path / "w", **where)
    assert TransformerEncoder.load(out).dim == 32
    with pytest.raises(TrainingError, match="Expected users who take something new after their first event"):
        distributed.run(corpus.until(0), config=quick(workers=2), workdir=tmp_path / "v", **where)


class Heard:
    """A queue for one process."""

    def __init__(self):
        self.steps = []

    def put(self, step):
        self.steps.append(step)


def test_a_killed_worker_costs_at_most_the_steps_since_the_last_checkpoint(corpus, base, quick, tmp_path):
    config, undisturbed = quick(max_steps=12, workers=2), Heard()
    finetune_by_ray(corpus, base, config, tmp_path / "a", undisturbed)

    class Killer(Heard):
        def put(self, step):
            if step == 11 and step not in self.steps:
                workers = train_workers()
                assert len(workers) == 2
                os.kill(workers[-1], signal.SIGKILL)
            super().put(step)

    killer = Killer()
    finetune_by_ray(corpus, base, config, tmp_path / "b", killer)
    assert files(tmp_path / "a" / "teacher") == files(tmp_path / "b" / "teacher")
    assert undisturbed.steps == [*range(1, 17), 16]
    # taken back by up to evaluate_every steps and those done before the death was felt, and no further
    back = [(a, b) for a, b in zip(killer.steps, killer.steps[1:], strict=False) if b <= a and a != 16]
    assert len(back) == 1
    assert 0 <= back[0][0] - back[0][1] < 2 + 2


def test_workers_that_go_on_dying_are_told(corpus, base, quick, tmp_path):
    from recsys.errors import TrainingError

    class Killer(Heard):
        def put(self, step):
            for worker in train_workers():
                os.kill(worker, signal.SIGKILL)

    with pytest.raises(
        TrainingError, match=r"workers died more often than finetune.max_failures allows, .* run again to go"
    ):
        finetune_by_ray(corpus, base, quick(max_failures=0), tmp_path, Killer())


def test_a_killed_driver_resumes_bit_equal(corpus, base, quick, tmp_path):
    config = quick(max_steps=12)
    finetune_by_ray(corpus, base, config, tmp_path / "a", Heard())
    killed_at(9, finetune_by_ray, corpus, base, config, tmp_path / "b")
    time.sleep(2)  # until the workers have noticed
    resumed = Heard()
    finetune_by_ray(corpus, base, config, tmp_path / "b", resumed)
    assert resumed.steps[0] > 8
    assert files(tmp_path / "a" / "teacher") == files(tmp_path / "b" / "teacher")


@pytest.mark.parametrize("workers", [2, 3])
def test_a_lost_machine_of_three_costs_the_steps_since_the_last_checkpoint(
    corpus, base, quick, tmp_path, workers, monkeypatch
):
    """Others go on from a checkpoint, on the machines that are left, and learn what one would have."""
    from ray.util.queue import Queue

    from recsys.text import distributed
    from tests.ray_nodes import lose, nodes

    # so that the workers wait at the step after next until the machine is lost, however fast they are
    monkeypatch.setattr(distributed, "Queue", partial(Queue, 1))
    config = quick(**GENTLE, head_steps=0, max_steps=30, evaluate_every=5)
    finetune_alone(corpus, base, config, tmp_path / "one", Heard())
    before, after = set(), set()

    class Loser(Heard):
        def put(self, step):
            if step == 7 and not before:
                before.update(train_workers())
                lose(cluster, "ray::RayTrainWorker")
            if step == 20:
                after.update(train_workers())
            super().put(step)

    loser = Loser()
    with nodes(3) as cluster:
        several = config.model_copy(update={"workers": workers})
        finetune_by_ray(corpus, base, several, tmp_path / "several", loser)
    assert len(before) == workers
    assert len(after) in (1, 2)
    assert not before & after
    assert loser.steps.count(5) == 1
    assert loser.steps[-1] == 30
    one, two = (load_file(tmp_path / name / "work" / "layers" / "last.safetensors") for name in ("one", "several"))
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6


@pytest.mark.prove
def test_killed_at_any_moment_it_resumes_bit_equal(corpus, base, quick, tmp_path):
    config, rng = quick(max_steps=12, dropout=0.1, hard_negatives=2, hard_pool=8, accumulate=2), random.Random(0)
    finetune_alone(corpus, base, config, tmp_path / "whole", Heard())
    for trial in range(12):
        out = tmp_path / str(trial)
        for _ in range(2):
            step = rng.randrange(1, 16)
            killed_at(step, finetune_alone, corpus, base, config, out)
        finetune_alone(corpus, base, config, out, Heard())
        assert files(tmp_path / "whole" / "teacher") == files(out / "teacher")


@pytest.mark.parametrize(("address", "local"), [("127.0.0.1:6379", False), (None, True)])
def test_a_job_trains_in_the_cluster_it_was_submitted_to(quick, monkeypatch, address, local):
    from recsys.text import distributed

    started = []
    monkeypatch.setattr(distributed.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(distributed.ray, "init", lambda **how: started.append(how))
    monkeypatch.setattr(distributed.ray, "shutdown", lambda: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with distributed._cluster(quick(workers=2)):
        pass
    (how,) = started
    assert (how.get("address") == "local", how.get("num_cpus") == 2) == (local, local)
    assert how["runtime_env"]["env_vars"]["OMP_NUM_THREADS"]
