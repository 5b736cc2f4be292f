"""Where logs and bases come from."""

import shutil

import pytest

from pipelines import source
from recsys.errors import FetchError, UsageError
from recsys.settings import Settings
from recsys.text.bases import hub
from recsys.text.bases.config import EncoderConfig, ScratchConfig
from recsys.text.encoder import TransformerEncoder
from tests.tiny import write_base

TEXTS = ("red trowel seed", "blue oven whisk")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("base"))


def test_a_log_that_has_grown_is_another_input(tmp_path):
    (tmp_path / "events").mkdir()
    (tmp_path / "items.parquet").write_text("items")
    digests = []
    for name in ("a", "b"):
        (tmp_path / "events" / f"{name}.parquet").write_text("events")
        path, digest = source.locate(str(tmp_path))
        digests.append(digest)
        assert path == str(tmp_path.resolve())
    assert digests[0] != digests[1] == source.locate(str(tmp_path))[1]


def test_a_folder_is_itself(base):
    assert source.base_folder(str(base)) == base


def test_a_name_is_asked_of_the_hub(base, monkeypatch):
    asked = []
    monkeypatch.setattr(hub, "fetch", lambda name, revision: asked.append((name, revision)) or base)
    assert source.base_folder("FacebookAI/xlm-roberta-base", revision="v2") == base
    assert asked == [("FacebookAI/xlm-roberta-base", "v2")]


def test_a_folder_goes_before_a_name(base, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(base, tmp_path / "owner" / "name")
    assert source.base_folder("owner/name").samefile(tmp_path / "owner" / "name")


def test_no_such_base(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"Expected encoder.base as all-MiniLM-L6-v2, the folder .* got 'bert'; check"):
        source.base_folder("bert")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match=r"no/such is not in the cache and the hub cannot be reached"):
        source.base_folder("no/such")


def test_a_base_from_scratch_needs_texts():
    with pytest.raises(UsageError, match=r"A base from scratch is made by recsys run, .* give this command a folder"):
        source.base_folder("scratch")


def test_a_base_that_fits_is_not_remarked_upon(base, tmp_path, capsys):
    assert source.base_for(EncoderConfig(base=str(base)), TEXTS, tmp_path) == base
    assert capsys.readouterr().err == ""


def test_a_base_that_does_not_fit(base, tmp_path, capsys):
    foreign = [*TEXTS, "красный совок"]
    assert source.base_for(EncoderConfig(base=str(base)), foreign, tmp_path) == base
    told = capsys.readouterr().err
    # two of eight tokens
    assert "warning: 25% of the tokens of the shop's texts are unknown to the base (expected at most 5%)" in told
    assert "FacebookAI/xlm-roberta-base" in told
    assert "or to scratch" in told


def test_from_scratch_it_is_made_of_the_texts(tmp_path):
    config = EncoderConfig(base="scratch", scratch=ScratchConfig(vocabulary=300, layers=1, width=16, heads=2))
    folder = source.base_for(config, TEXTS, tmp_path)
    assert folder.parent == tmp_path
    assert source.pretraining(Settings(encoder=config)).embeddings == "learned"
    assert source.pretraining(Settings()).embeddings == "frozen"
    assert TransformerEncoder.of_base(folder, max_tokens=8, pooling="mean").dim == 16
