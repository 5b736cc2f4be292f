"""From base to teacher on the small shop."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from recsys.data.interactions import Interactions
from recsys.retrieval.interest import InterestModel
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.finetune import finetune
from tests.tiny import SHORT, silent


def files(directory):
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def taught(corpus, base, config, tmp_path, progress=silent):
    out = tmp_path / "teacher"
    out.mkdir(parents=True)
    finetune(corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path / "work", progress=progress).save(out)
    return out


def test_training_helps_and_the_teacher_can_be_read(corpus, base, quick, tmp_path):
    config = quick(head_steps=20, max_steps=20, evaluate_every=10)
    out = tmp_path / "teacher"
    out.mkdir()
    seen = []
    teacher = finetune(
        corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path / "w", progress=lambda *a: seen.append(a)
    )
    teacher.save(out)
    first, best = teacher.looks[0], max(teacher.looks, key=lambda look: look.ndcg)
    assert best.ndcg > first.ndcg + 0.05
    assert seen[-1][:2] == (40, 40)
    assert {"loss", "ndcg@10"} <= set(seen[3][2])
    encoder = TransformerEncoder.load(out)
    readme = (out / "README.md").read_text()
    assert "| base | all-MiniLM-L6-v2 |" in readme
    assert f"| nDCG@10 (validation window) | {best.ndcg:.4f} |" in readme
    assert abs(encoder.encode(corpus.texts) - teacher.encoder.encode(corpus.texts)).max() < 1e-6
    assert InterestModel.load(out).calibration == teacher.interest.calibration
    assert not list((tmp_path / "w").glob("states*"))


def test_an_interrupted_run_ends_bit_equal(corpus, base, quick, tmp_path):
    config = quick()
    whole = files(taught(corpus, base, config, tmp_path / "a"))
    for stop in (3, 7):

        def interrupt(done, total, metrics, stop=stop):
            if done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            finetune(
                corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path / "b" / "work", progress=interrupt
            )
    assert files(taught(corpus, base, config, tmp_path / "b")) == whole


def test_another_setting_does_not_resume(corpus, base, quick, tmp_path):
    finetune(corpus, base=base, encoder=SHORT, config=quick(), workdir=tmp_path / "work", progress=silent)
    steps = []
    finetune(
        corpus,
        base=base,
        encoder=SHORT,
        config=quick(seed=1),
        workdir=tmp_path / "work",
        progress=lambda done, *_: steps.append(done),
    )
    assert steps[0] == 1


def test_the_future_leaves_the_teacher_bit_equal(shop, split, base, quick, tmp_path):
    later = pl.col("at") >= split.encoder_end
    altered = shop.interactions.events.with_columns(
        item_idx=pl.when(later).then(0).otherwise("item_idx").cast(pl.Int32),
        user_idx=pl.when(later).then(1).otherwise("user_idx").cast(pl.Int32),
        weight=pl.when(later).then(0.7).otherwise("weight").cast(pl.Float32),
    )
    other = Interactions(
        events=altered, users=shop.interactions.users, n_items=shop.interactions.n_items, day=shop.interactions.day
    )
    teachers = []
    for name, log in (("a", shop.interactions), ("b", other)):
        corpus = Corpus.of(shop.catalog, log, split.encoder_end, valid_fraction=0.2)
        teachers.append(files(taught(corpus, base, quick(), tmp_path / name)))
    assert teachers[0] == teachers[1]


def test_the_past_does_not(shop, split, base, quick, tmp_path):
    earlier = pl.col("at") < split.encoder_end
    altered = shop.interactions.events.with_columns(
        item_idx=pl.when(earlier & (pl.col("user_idx") == 3)).then(0).otherwise("item_idx").cast(pl.Int32)
    )
    other = Interactions(events=altered, users=shop.interactions.users, n_items=shop.interactions.n_items)
    teachers = []
    for name, log in (("a", shop.interactions), ("b", other)):
        corpus = Corpus.of(shop.catalog, log, split.encoder_end, valid_fraction=0.2)
        teachers.append(files(taught(corpus, base, quick(), tmp_path / name)))
    assert teachers[0] != teachers[1]


@pytest.mark.parametrize("tune", [1, "all", "lora"])
def test_without_a_layers_step_no_layer_changes_and_none_is_computed_twice(corpus, base, quick, tmp_path, tune):
    calls = []
    tower = type(TransformerEncoder.of_base(base, max_tokens=24, pooling="mean").tower)
    lower = tower.lower
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tower, "lower", lambda *args, layers: calls.append(len(args[1])) or lower(*args, layers=layers))
        config = quick(tune=tune, max_steps=0)
        teacher = finetune(corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path / "work", progress=silent)
    assert sum(calls) == len(corpus.texts)
    layers = teacher.encoder.tower.layers.state_dict()
    before = TransformerEncoder.of_base(base, max_tokens=24, pooling="mean").tower.layers.state_dict()
    assert all(layers[name].equal(before[name]) for name in before)


def test_training_starts_with_the_share_of_axes_in_which_users_agree(corpus, base, quick, tmp_path):
    """Events that judge leave the start as it is; events that teach do not."""

    def start(corpus, agreement):
        config = quick(agreement=agreement, head_steps=0, max_steps=0)
        return finetune(
            corpus, base=base, encoder=SHORT, config=config, workdir=tmp_path / corpus.digest, progress=silent
        )

    part, none = start(corpus, 0.667), start(corpus, 0.0)
    vectors = part.encoder.encode(corpus.texts)
    assert vectors.shape[1] == 21
    assert part.looks[0].ndcg > none.looks[0].ndcg
    turned = start(corpus, 1.0).encoder.encode(corpus.texts)
    plain = none.encoder.encode(corpus.texts)
    assert np.allclose(turned @ turned.T, plain @ plain.T, atol=1e-5)
    for judging in (True, False):
        text = np.where(corpus.judging == judging, corpus.text[::-1], corpus.text)
        other = start(replace(corpus, text=text), 0.667)
        assert (other.encoder.encode(corpus.texts) == vectors).all() == judging
