"""The base learns the shop's words, and can be interrupted."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from recsys.errors import ArtifactError, TrainingError
from recsys.text.encoder import TransformerEncoder
from recsys.text.masked.config import PretrainConfig
from recsys.text.masked.model import MaskedModel
from recsys.text.masked.pretrain import pretrain
from tests.tiny import scatter, silent


def settings(**changes):
    quick = {"steps": 12, "evaluate_every": 4, "tokens_per_step": 150, "max_tokens": 16, "rate": 1e-3, "threads": 1}
    return PretrainConfig.model_validate(quick | changes)


def files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def trained(corpus, base, config, folder, progress=silent):
    out = folder / "out"
    out.mkdir(parents=True)
    pretrain(corpus.texts, base=base, config=config, workdir=folder / "work", progress=progress).save(out)
    return files(out)


def test_held_out_words_become_less_surprising(corpus, masking_base, tmp_path):
    seen = []
    config = settings(steps=60, evaluate_every=20, head_rate=1e-2)
    done = pretrain(
        corpus.texts, base=masking_base, config=config, workdir=tmp_path, progress=lambda *told: seen.append(told)
    )
    first, last = done.looks[0], min(done.looks, key=lambda look: look.held_out)
    assert [look.step for look in done.looks] == [0, 20, 40, 60]
    assert first.loss is None
    assert last.perplexity == math.exp(last.held_out) < first.perplexity / 2
    assert seen[-1][:2] == (60, 60)
    assert set(seen[0][2]) == {"loss", "perplexity"}


def test_a_base_in_other_files_is_learned_from_alike(corpus, masking_base, tmp_path):
    scattered = scatter(masking_base, tmp_path / "scattered")
    whole = trained(corpus, masking_base, settings(), tmp_path / "a")
    parts = trained(corpus, scattered, settings(), tmp_path / "b")
    assert all(whole[name] == parts[name] for name in ("model.safetensors", "history.json"))
    again = TransformerEncoder.of_base(tmp_path / "b" / "out", max_tokens=16, pooling="mean")
    assert again.tokenizer.encode("Red trowel").tokens == ["[CLS]", "red", "trowel", "[SEP]"]


def test_only_what_shall_learn_learns(corpus, masking_base, tmp_path):
    start = MaskedModel.starting(masking_base, seed=0).network.state_dict()
    for embeddings in ("frozen", "learned"):
        config = settings(embeddings=embeddings)
        end = pretrain(
            corpus.texts, base=masking_base, config=config, workdir=tmp_path / embeddings, progress=silent
        ).model.network.state_dict()
        moved = {name for name in start if not torch.equal(start[name], end[name])}
        assert {name.split(".")[1] for name in moved if name.startswith("bert.")} == (
            {"encoder"} if embeddings == "frozen" else {"encoder", "embeddings"}
        )
        assert any(name.startswith("cls.") for name in moved)


def test_an_interrupted_run_ends_bit_equal(corpus, masking_base, tmp_path):
    config = settings()
    whole = trained(corpus, masking_base, config, tmp_path / "a")
    for stop in (3, 9):

        def interrupt(done, total, metrics, stop=stop):
            if done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            pretrain(
                corpus.texts, base=masking_base, config=config, workdir=tmp_path / "b" / "work", progress=interrupt
            )
    steps = []
    assert trained(corpus, masking_base, config, tmp_path / "b", lambda done, *_: steps.append(done)) == whole
    assert steps == [9, 10, 11, 12]  # from the checkpoint of the look at step 8
    assert len(json.loads(whole["history.json"])) == 4


def test_another_setting_does_not_resume(corpus, masking_base, tmp_path):
    pretrain(corpus.texts, base=masking_base, config=settings(), workdir=tmp_path, progress=silent)
    steps = []
    pretrain(
        corpus.texts,
        base=masking_base,
        config=settings(seed=1),
        workdir=tmp_path,
        progress=lambda done, *_: steps.append(done),
    )
    assert steps[0] == 1


def test_a_checkpoint_of_another_model_is_told(corpus, masking_base, tmp_path):
    told = {"base": masking_base, "config": settings(), "workdir": tmp_path, "progress": silent}
    pretrain(corpus.texts, **told)
    file = tmp_path / "masked" / "last.safetensors"
    values = load_file(file)
    name = min(values)
    save_file(values | {name: values[name][:3]}, file)
    with pytest.raises(ArtifactError, match=rf"Expected {name} of shape .* in the checkpoint .*masked, got \(3,\)"):
        pretrain(corpus.texts, **told)


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(corpus, masking_base, tmp_path):
    config = settings(steps=200, rate=0.5, head_rate=0.5, evaluate_every=2, patience=2)
    done = pretrain(corpus.texts, base=masking_base, config=config, workdir=tmp_path, progress=silent)
    held_out = [look.held_out for look in done.looks]
    assert int(np.argmin(held_out)) == len(held_out) - 3
    assert done.looks[-1].step < 200
    best, last = (load_file(tmp_path / "masked" / f"{name}.safetensors") for name in ("best", "last"))
    end = done.model.network.state_dict()
    assert all(torch.equal(end[name], value) for name, value in best.items())
    assert not all(torch.equal(best[name], value) for name, value in last.items())


def test_the_texts_that_judge_do_not_teach(corpus, masking_base, tmp_path):
    """Other words in the held-out texts change the looks and not one step."""
    texts = list(corpus.texts)
    order = np.random.default_rng([0, 2]).permutation(len(texts))
    judges = order[: round(0.1 * len(texts))]
    altered = [" ".join(["kite"] * 8) if i in judges else text for i, text in enumerate(texts)]
    ends = []
    for name, read in (("a", texts), ("b", altered)):
        config = settings(steps=3, evaluate_every=3)
        ends.append(pretrain(read, base=masking_base, config=config, workdir=tmp_path / name, progress=silent))
    assert ends[0].looks[-1].loss == pytest.approx(ends[1].looks[-1].loss, abs=1e-6)
    assert ends[0].looks[-1].held_out != ends[1].looks[-1].held_out


def test_each_step_hides_other_tokens(corpus, masking_base, tmp_path):
    still = settings(steps=3, evaluate_every=1, tokens_per_step=10**6, rate=1e-12, head_rate=1e-12)
    done = pretrain(corpus.texts, base=masking_base, config=still, workdir=tmp_path, progress=silent)
    assert len({look.held_out for look in done.looks}) == 1
    assert len({look.loss for look in done.looks[1:]}) == 3


def test_a_loss_that_is_no_number_stops_at_the_step(corpus, masking_base, tmp_path):
    with pytest.raises(TrainingError, match=r"Expected a finite loss, got (nan|inf) at step \d+ of the pretraining"):
        pretrain(
            corpus.texts,
            base=masking_base,
            config=settings(rate=1e30, head_rate=1e30),
            workdir=tmp_path,
            progress=silent,
        )


def test_one_text_is_too_few(masking_base, tmp_path):
    with pytest.raises(TrainingError, match="Expected at least 2 distinct item texts to pretrain on, got 1"):
        pretrain(["red trowel"], base=masking_base, config=settings(), workdir=tmp_path, progress=silent)
