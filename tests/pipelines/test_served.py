"""What passes its smoke test stays, what does not gives way to the last that did."""

import pytest

from pipelines.served import FILE, Served, tried
from recsys.artifacts import point_to
from recsys.errors import ArtifactError, RecsysError


@pytest.fixture
def root(tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    return tmp_path


def failing(asked):
    def smoke(directory):
        asked.append(directory.name)
        raise RecsysError("does not answer")

    return smoke


def test_it_is_read_as_it_was_written(tmp_path):
    assert Served.load(tmp_path) is None
    Served(bundle="b", night="n").save(tmp_path)
    assert Served.load(tmp_path) == Served(bundle="b", night="n")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ArtifactError, match="Expected 'bundle' in "):
        Served.load(tmp_path)


def test_what_is_good_is_not_tried_again(root):
    point_to(root / "current", root / "old")
    assert tried(root, "old", failing([])) == "old"


def test_one_that_passes_stays(root):
    point_to(root / "current", root / "new")
    asked = []
    assert tried(root, "old", asked.append) == "new"
    assert asked == [root / "new"]


def test_one_that_fails_gives_way_to_the_last_good_one(root):
    point_to(root / "current", root / "new")
    asked = []
    with pytest.raises(RecsysError, match="does not answer"):
        tried(root, "old", failing(asked))
    assert asked == ["new"]
    assert (root / "current").resolve() == root / "old"


@pytest.mark.parametrize("good", [None, "deleted"])
def test_one_that_fails_with_none_before_it_is_not_served(root, good):
    point_to(root / "current", root / "new")
    with pytest.raises(RecsysError):
        tried(root, good, failing([]))
    assert not (root / "current").is_symlink()
    assert tried(root, good, failing([])) is None
