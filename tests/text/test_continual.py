"""Going on from the last teacher."""

import numpy as np
import polars as pl
import pytest
import torch

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.synthetic import START, make_world
from recsys.data.vocabulary import Vocabulary
from recsys.errors import ArtifactError
from recsys.retrieval.interest import InterestModel
from recsys.schema import DAY, EVENT_CODES, EVENT_WEIGHTS
from recsys.text import continual
from recsys.text.config import ContinualConfig
from recsys.text.corpus import Corpus
from recsys.text.encoder import TransformerEncoder
from recsys.text.finetune import finetune
from recsys.text.origin import read_scale
from recsys.text.task import Towers
from recsys.text.user import UserTower
from tests.tiny import SHORT, silent


@pytest.fixture
def towers(base):
    encoder = TransformerEncoder.of_base(base, max_tokens=SHORT.max_tokens, pooling="mean")
    return Towers(encoder.tower, UserTower(InterestModel.zero_shot(encoder.dim, DAY), scale=10.0))


def unit(*rows):
    return torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)


def wide(vectors, dim):
    return torch.nn.functional.pad(vectors, (0, dim - vectors.shape[1]))


def test_distillation_is_the_cosine_distance_to_the_last_teachers_vectors(towers):
    dim = len(towers.user.query)
    kept, now = wide(unit([1, 0], [0, 1], [3, 4]), dim), wide(unit([1, 0], [4, 3]), dim)
    penalty = continual.penalty(ContinualConfig(penalty="distill", weight=2.0), towers, kept)
    same = penalty(towers, np.array([0, 2]), kept[[0, 2]])
    moved = penalty(towers, np.array([0, 2]), now)
    assert float(same.detach()) == pytest.approx(0, abs=1e-6)
    # candidates and, through a map that has not moved, histories: each 1 - (1 + 24/25) / 2
    assert float(moved.detach()) == pytest.approx(2.0 * (1 - (1 + 24 / 25) / 2), rel=1e-5)


def test_distillation_sees_the_map_move(towers):
    dim = len(towers.user.query)
    kept = wide(unit([1, 0], [0, 1]), dim)
    penalty = continual.penalty(ContinualConfig(penalty="distill", weight=1.0), towers, kept)
    with torch.no_grad():
        towers.user.map.neg_()
    value = penalty(towers, np.array([0, 1]), kept)
    assert float(value.detach()) == pytest.approx((0 + 2) / 2)
    value.backward()
    assert towers.user.map.grad is not None


def test_l2sp_is_half_the_squared_way_of_what_learns(towers):
    towers.requires_grad_(False)
    towers.user.query.requires_grad_(True)
    penalty = continual.penalty(ContinualConfig(penalty="l2sp", weight=3.0), towers, torch.zeros(0))
    with torch.no_grad():
        towers.user.query[:2] += torch.tensor([1.0, -2.0])
        towers.user.map += 1  # does not learn
    value = penalty(towers, np.zeros(0, np.int64), torch.zeros(0))
    assert float(value.detach()) == pytest.approx(3.0 / 2 * (1 + 4), rel=1e-6)


@pytest.mark.parametrize("change", [{"penalty": "none"}, {"weight": 0.0}])
def test_no_penalty(towers, change):
    assert continual.penalty(ContinualConfig(**change), towers, torch.zeros(0)) is None


def test_windows_are_read_as_written(corpus, tmp_path):
    first, own = (1, 5), (corpus.valid_start, corpus.end)
    continual.write_windows(corpus, tmp_path)
    assert continual.read_windows(tmp_path) == (own,)
    continual.write_windows(corpus.after((first,)), tmp_path)
    assert continual.read_windows(tmp_path) == (first, own)


@pytest.mark.parametrize("text", [None, "{", "[1]", "[]"])
def test_a_directory_that_is_no_teacher(tmp_path, text):
    if text is not None:
        (tmp_path / "windows.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"windows.json.*(continual.start to the teacher|train the teacher again)"):
        continual.read_windows(tmp_path)


TURN, END = START + 72 * DAY, START + 115 * DAY
FIERCE = {"users_per_step": 32, "tokens_per_step": 900, "evaluate_every": 10, "layer_rate": 3e-3, "head_rate": 1e-2}


@pytest.fixture(scope="module")
def turning():
    """A shop whose customers all stay away from day 72 on; others come then, with two tastes it had not known."""
    world = make_world(n_users=120, n_items=72, n_tastes=6)
    catalog, users = Catalog.of(world.items, text_chars=600), Vocabulary.of(world.events["user_id"])
    newcomer = pl.Series((world.taste_of_user >= 4)[users.encode(world.events["user_id"])])
    events = world.events.filter(newcomer == (world.events["timestamp"].dt.epoch("us") >= TURN))
    events = events.select(
        user_idx=pl.Series(users.encode(events["user_id"])),
        item_idx=pl.Series(catalog.vocabulary.encode(events["item_id"])),
        event=pl.col("event").replace_strict(EVENT_CODES, return_dtype=pl.UInt8),
        at=pl.col("timestamp").dt.epoch("us"),
        value=pl.col("value"),
        weight=pl.col("event").replace_strict(EVENT_WEIGHTS, return_dtype=pl.Float32),
        until=pl.lit(None, pl.Int64),
        position=pl.lit(None, pl.Int32),
    ).sort("at", "user_idx", "item_idx", "event", "value")
    return catalog, Interactions(events=events, users=users, n_items=len(catalog))


@pytest.fixture(scope="module")
def last(turning, base, quick, tmp_path_factory):
    """The teacher as of the turn."""
    out = tmp_path_factory.mktemp("last")
    corpus = Corpus.of(*turning, TURN, valid_fraction=0.25)
    config = quick(**FIERCE | {"head_steps": 20, "max_steps": 20, "layer_rate": 1e-3, "head_rate": 1e-3})
    finetune(corpus, base=base, encoder=SHORT, config=config, workdir=out / "work", progress=silent).save(out)
    continual.write_windows(corpus, out)
    return out


def updated(turning, last, base, config, folder):
    """Mean nDCG@10 (old window before, after, new window before, after) of an update in a folder."""
    windows = continual.read_windows(last)
    corpus = Corpus.of(*turning, END, valid_fraction=0.12).after(windows)
    work = {"workdir": folder / "work", "progress": silent, "start": last}
    finetune(corpus, base=base, encoder=SHORT, config=config, **work).save(folder)
    found = continual.memories(corpus, last, folder, [windows[-1], (corpus.valid_start, corpus.end)])
    return [float(quality.ndcg.mean()) for memory in found for quality in (memory.before, memory.after)]


def test_without_a_safeguard_the_old_is_forgotten(turning, last, base, quick, tmp_path):
    config = quick(**FIERCE, continual={"steps": 20, "penalty": "none", "replay": 0.0})
    old_before, old_after, new_before, new_after = updated(turning, last, base, config, tmp_path)
    assert new_after > new_before + 0.2
    assert old_after < 0.5 * old_before


@pytest.mark.parametrize("safeguard", [{"penalty": "distill", "weight": 5.0}, {"penalty": "l2sp", "weight": 5.0}])
def test_replay_and_a_penalty_keep_the_old_while_the_new_is_learned(turning, last, base, quick, tmp_path, safeguard):
    config = quick(**FIERCE, continual={"steps": 20, "replay": 0.5} | safeguard)
    old_before, old_after, new_before, new_after = updated(turning, last, base, config, tmp_path)
    assert new_after > new_before + 0.2
    assert old_after >= 0.95 * old_before


def test_no_step_is_the_last_teacher_again(turning, last, base, quick, tmp_path):
    config = quick(**FIERCE, continual={"steps": 0})
    old_before, old_after, new_before, new_after = updated(turning, last, base, config, tmp_path)
    assert (old_after, new_after) == (pytest.approx(old_before), pytest.approx(new_before))


def test_the_softmax_goes_on_with_the_last_teachers_scale(turning, last, base, quick, tmp_path):
    corpus = Corpus.of(*turning, END, valid_fraction=0.12).after(continual.read_windows(last))
    work = {"workdir": tmp_path, "progress": silent, "start": last}
    config = quick(**FIERCE, continual={"steps": 0})
    again = finetune(corpus, base=base, encoder=SHORT, config=config, **work)
    assert abs(read_scale(last) - 10) > 0.1
    assert again.scale == pytest.approx(read_scale(last), rel=1e-6)


def test_an_interrupted_update_ends_bit_equal(turning, last, base, quick, tmp_path):
    config = quick(**FIERCE | {"evaluate_every": 2}, continual={"steps": 6})
    corpus = Corpus.of(*turning, END, valid_fraction=0.12).after(continual.read_windows(last))

    def interrupt(done, *_):
        if done == 5:
            raise KeyboardInterrupt

    def update(name, progress=silent):
        work = {"workdir": tmp_path / name, "progress": progress, "start": last}
        return finetune(corpus, base=base, encoder=SHORT, config=config, **work)

    with pytest.raises(KeyboardInterrupt):
        update("a", interrupt)
    again, whole = update("a"), update("b")
    assert np.array_equal(again.encoder.encode(corpus.texts), whole.encoder.encode(corpus.texts))
    assert np.array_equal(again.interest.map, whole.interest.map)
