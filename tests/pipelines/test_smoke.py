"""A bundle that answers passes; one that does not, or not rightly, is told."""

import shutil
from dataclasses import fields, replace

import numpy as np
import pytest

from pipelines import smoke
from pipelines.smoke import SmokeError
from recsys.errors import ArtifactError
from serving.service import Service


@pytest.fixture
def bundle(bundle_root):
    return (bundle_root / "current").resolve()


def test_one_that_answers_passes_here_and_in_a_process_of_its_own(bundle):
    smoke.smoke(bundle)
    smoke.in_own_process(bundle)


def test_an_altered_file_is_told_before_it_is_parsed(bundle, tmp_path, capfd):
    copy = shutil.copytree(bundle, tmp_path / bundle.name)
    file = copy / "users.json"
    file.write_bytes(file.read_bytes()[:-2] + b"!]")
    with pytest.raises(ArtifactError, match=r"users.json was altered"):
        smoke.smoke(copy)
    with pytest.raises(SmokeError, match=rf"Expected bundle {bundle.name[:12]}… to answer, got exit code 1"):
        smoke.in_own_process(copy)
    assert "recsys: " in (told := capfd.readouterr().err)
    assert "Traceback" not in told


def answering(monkeypatch, change):
    """Every answer of the service, changed."""
    honest = Service.recommend
    monkeypatch.setattr(Service, "recommend", lambda self, query, **_: change(honest(self, query), query))


def swapped(reply, **found):
    return replace(reply, found=replace(reply.found, **found))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda reply, query: 1 / 0, "got ZeroDivisionError"),
        (lambda reply, query: swapped(reply, score=reply.found.score * np.float32(np.nan)), "scores that are no numb"),
        (lambda reply, query: swapped(reply, item_idx=np.zeros_like(reply.found.item_idx)), "an item twice"),
    ],
)
def test_what_cannot_be_right_is_told(bundle, monkeypatch, change, sentence):
    answering(monkeypatch, change)
    with pytest.raises(SmokeError, match=sentence):
        smoke.smoke(bundle)


def test_an_answer_that_had_to_do_without_is_none(bundle, monkeypatch):
    answering(monkeypatch, lambda reply, query: replace(reply, degraded=["encoder"]))
    with pytest.raises(SmokeError, match="got one without encoder"):
        smoke.smoke(bundle)


@pytest.mark.parametrize(("empty", "who"), [("new", "who is new"), ("known", "of those it knows")])
def test_no_lists_for_anybody_is_told(bundle, monkeypatch, empty, who):
    def change(reply, query):
        is_new = query.user_id == smoke.NEWCOMER
        if is_new != (empty == "new"):
            return reply
        found = reply.found
        arrays = {field.name: getattr(found, field.name) for field in fields(found)}
        nothing = {name: a[:0] for name, a in arrays.items() if isinstance(a, np.ndarray) and name != "indptr"}
        return replace(reply, found=replace(found, indptr=np.zeros(2, np.int64), **nothing))

    answering(monkeypatch, change)
    with pytest.raises(SmokeError, match=f"got none for anybody {who}"):
        smoke.smoke(bundle)
