"""A head on disk."""

import json

import pytest

from recsys.artifacts import read_manifest
from recsys.errors import ArtifactError
from recsys.text.heads.classification import probabilities, train_classifier
from recsys.text.heads.head import Head, starting_encoder
from recsys.text.heads.tagging import tags, train_tagger
from tests.text.shop_texts import QUICK, TASTES, THINGS
from tests.tiny import silent


@pytest.fixture(scope="module", params=["all", "lora"])
def head(base, request):
    return train_classifier(
        TASTES, start=base, config=QUICK.model_copy(update={"tune": request.param}), progress=silent
    )[0]


def test_it_comes_back_as_it_was_saved(head, tmp_path):
    digest = head.save(tmp_path / "head", config=QUICK)
    again = Head.load(tmp_path / "head")
    assert (again.task, again.labels) == (head.task, head.labels)
    assert probabilities(again, TASTES.texts) == pytest.approx(probabilities(head, TASTES.texts), abs=1e-6)
    assert again.save(tmp_path / "again", config=QUICK) != ""
    assert head.save(tmp_path / "twin", config=QUICK) == digest
    assert read_manifest(tmp_path / "head", kind="head").digest == digest
    assert not [p.name for p in (tmp_path / "head").rglob("*") if p.suffix in (".bin", ".pkl", ".pt")]


def test_a_tagger_too(base, tmp_path):
    head, _ = train_tagger(THINGS, start=base, config=QUICK.model_copy(update={"epochs": 1}), progress=silent)
    head.save(tmp_path / "head", config=QUICK)
    assert tags(Head.load(tmp_path / "head"), THINGS.words) == tags(head, THINGS.words)


def test_it_starts_from_a_teacher_too(head, base, tmp_path):
    config = QUICK.model_copy(update={"max_tokens": 24})
    starting_encoder(base, config).save(tmp_path)
    begun = starting_encoder(tmp_path, config)
    assert begun.max_tokens == 24
    assert begun.encode(["trowel"])[0] == pytest.approx(starting_encoder(base, config).encode(["trowel"])[0])
    with pytest.raises(ArtifactError, match="Expected a pretrained model at"):
        starting_encoder(tmp_path / "none", config)


def test_what_was_altered_is_refused(head, tmp_path):
    head.save(tmp_path / "head", config=QUICK)
    settings = tmp_path / "head" / "head.json"
    body = json.loads(settings.read_text())
    settings.write_text(json.dumps(body | {"labels": body["labels"][::-1]}))
    with pytest.raises(ArtifactError, match=r"head\.json was altered: sha256 is"):
        Head.load(tmp_path / "head")
    with pytest.raises(ArtifactError, match=r"Expected a head at .*, found no manifest"):
        Head.load(tmp_path / "none")
