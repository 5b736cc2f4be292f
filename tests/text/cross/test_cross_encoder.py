"""The model that reads history and candidate together."""

import numpy as np
import pytest
import torch

from recsys.errors import ArtifactError, ShapeError
from recsys.retrieval.interest import InterestModel
from recsys.text.cross.config import CrossEncoderConfig
from recsys.text.cross.cross_encoder import CrossEncoder
from recsys.text.encoder import TransformerEncoder

CONFIG = CrossEncoderConfig(threads=1)


@pytest.fixture
def model(base, corpus):
    found = CrossEncoder.of(base, CONFIG)
    with torch.no_grad():
        found.tower.first.copy_(torch.linspace(-1, 1, len(found.tower.first)))
        found.tower.log_scale.fill_(1.5)
        text = found.tower.text
        ids, mask = found.encoder.tokens(corpus.texts).padded(np.arange(len(corpus.texts)))
        # what all texts share is left out, or all cosines would be 1
        text.head.bias.copy_(-text.states(ids, mask)[mask].mean(dim=0))
    return found


def test_the_formula_written_out(model, corpus):
    history, candidate = corpus.texts[:2], corpus.texts[5]
    encode, tower = model.encoder.tokenizer.encode, model.encoder.tower
    past = [encode(t, add_special_tokens=False).ids[:12] for t in history]
    comma = encode(",", add_special_tokens=False).ids
    cls, sep = encode("").ids
    before = [cls, *past[0], *comma, *past[1], sep]
    row = torch.tensor([[*before, *encode(candidate, add_special_tokens=False).ids[:24], sep]])
    with torch.inference_mode():
        states = tower.transformer(input_ids=row).last_hidden_state[0]
        h, c = (
            torch.nn.functional.normalize(part.mean(dim=0) + tower.head.bias, dim=0)
            for part in (states[: len(before)], states[len(before) :])
        )
        expected = float(np.exp(1.5) * (h @ c) + states[0] @ model.tower.first)
    assert model.score([history], [[candidate]])[0, 0] == pytest.approx(expected, abs=1e-4)


def test_scores_do_not_depend_on_neighbours(model, corpus):
    histories, candidates = (
        [corpus.texts[:3], corpus.texts[4:5], []],
        [corpus.texts[5:9], corpus.texts[9:13], corpus.texts[1:5]],
    )
    together = model.score(histories, candidates)
    assert together.shape == (3, 4)
    assert together.dtype == np.float32
    alone = np.concatenate([model.score([h], [c]) for h, c in zip(histories, candidates, strict=True)])
    assert together == pytest.approx(alone, abs=1e-4)


def test_the_order_of_the_history_and_the_history_itself_count(model, corpus):
    a, b = corpus.texts[:2]
    scores = model.score([[a, b], [b, a], [a]], [corpus.texts[7:8]] * 3)[:, 0]
    assert len(set(scores.round(4))) == 3


def test_a_teacher_is_started_from_with_its_projection(base, corpus, tmp_path):
    teacher = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")
    with torch.no_grad():
        teacher.tower.head.bias.fill_(0.3)
        teacher.tower.transformer.encoder.layer[0].output.dense.bias.fill_(0.7)
    teacher.save(tmp_path)
    InterestModel.zero_shot(teacher.dim, corpus.day).save(tmp_path)
    text = CrossEncoder.of(tmp_path, CONFIG).tower.text
    assert (text.head.bias == 0.3).all()
    assert (text.transformer.encoder.layer[0].output.dense.bias == 0.7).all()


def test_save_and_load(model, corpus, tmp_path):
    digest = model.save(tmp_path / "cross")
    again = CrossEncoder.load(tmp_path / "cross")
    args = [corpus.texts[:3]], [corpus.texts[5:9]]
    assert np.array_equal(again.score(*args), model.score(*args))
    assert again.config == CONFIG
    assert again.save(tmp_path / "again") != ""
    assert len(digest) == 64


def test_what_is_no_cross_encoder(model, tmp_path):
    with pytest.raises(ArtifactError, match=r"Expected a cross_encoder at .*found no manifest.json"):
        CrossEncoder.load(tmp_path / "none")
    model.save(tmp_path / "cross")
    weights = tmp_path / "cross" / "cross.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match=r"cross.safetensors was altered"):
        CrossEncoder.load(tmp_path / "cross")
    with pytest.raises(ArtifactError, match="Expected a pretrained model at"):
        CrossEncoder.of(tmp_path / "none", CONFIG)


def test_lists_that_do_not_pair(model):
    with pytest.raises(ShapeError, match=r"got 1 histories and 2 lists of \[1\] candidates; pair them"):
        model.score([["a"]], [["b"], ["c"]])
    with pytest.raises(ShapeError, match=r"got 2 histories and 2 lists of \[1, 2\] candidates"):
        model.score([["a"], ["a"]], [["b"], ["c", "d"]])


def test_nobody_to_score(model):
    assert model.score([], []).size == 0
