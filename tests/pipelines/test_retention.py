"""The latest stay, and what is in use; what goes is never seen half gone."""

import os
import shutil

import pytest

from pipelines.retention import sweep
from recsys.artifacts import MANIFEST, point_to, publish_by_digest


@pytest.fixture
def made(tmp_path):
    """(root, digests): five artifacts, the oldest first, `current` at the second."""
    digests = []
    for number in range(5):
        folder = publish_by_digest(tmp_path, lambda work, n=number: (work / "n").write_text(str(n)), kind="bundle")
        os.utime(folder / MANIFEST, ns=(number, number))
        digests.append(folder.name)
    point_to(tmp_path / "current", tmp_path / digests[1])
    return tmp_path, digests


def there(root):
    return {path.name for path in root.iterdir()} - {"current"}


def test_the_latest_stay_with_what_is_current_and_named(made):
    root, digests = made
    assert sweep(root, keep=2, named=[digests[0]]) == [digests[2]]
    assert there(root) == {digests[0], digests[1], digests[3], digests[4]}
    assert (root / "current").resolve() == root / digests[1]
    assert sweep(root, keep=2, named=[digests[0]]) == []


def test_what_is_in_use_stays_though_none_be_kept(made):
    root, digests = made
    assert sweep(root, keep=0) == [digests[n] for n in (4, 3, 2, 0)]
    assert there(root) == {digests[1]}


def test_what_is_no_artifact_is_left_alone(made):
    root, _ = made
    for name in (".bundle-x", "notes"):
        (root / name).mkdir()
    (root / ".bundle-x" / MANIFEST).write_text("{}")  # somebody is writing it
    sweep(root, keep=0)
    assert there(root) >= {".bundle-x", "notes"}


def test_an_interrupted_sweep_leaves_no_half_artifact_and_is_ended_by_the_next(made, monkeypatch):
    root, digests = made

    def killed(path, **_):
        (path / "n").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            sweep(root, keep=4)
    assert there(root) == {*digests[1:], f".gone-{digests[0]}"}
    sweep(root, keep=4)
    assert there(root) == set(digests[1:])


def test_nothing_there_is_nothing_to_do(tmp_path):
    assert sweep(tmp_path / "none", keep=1) == []
