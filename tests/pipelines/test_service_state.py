"""A service that runs beside the nights keeps its bundles and is told of new ones; where none runs, nothing is made."""

import pytest

from pipelines.service_state import announce, needed, shelf
from serving.experiments import Experiment
from serving.site import opened
from serving.store import StoreError

OLD, NEW, ARM = (letter * 64 for letter in "abc")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "bundles").mkdir()
    return tmp_path / "bundles"


def test_where_no_service_has_run_nothing_is_needed_told_or_made(root):
    assert needed(None, root) == set()
    announce(NEW, None, root)
    assert [path.name for path in root.parent.iterdir()] == ["bundles"]


@pytest.mark.parametrize("beside", [True, False])
def test_what_runs_is_needed_and_told_once(root, tmp_path, beside):
    state = None if beside else str(tmp_path / "elsewhere.sqlite")
    store = opened(state, root)
    store.announce(OLD)
    arms = [{"name": "a", "share": 0.5, "bundle": ARM}, {"name": "b", "share": 0.5}]
    store.run_experiment(Experiment.model_validate({"name": "june", "arms": arms}).model_dump_json())
    assert needed(state, root) == {OLD, ARM}
    (last,) = store.swaps(after=0)[-1:]
    announce(OLD, state, root)
    assert store.swaps(after=last.number) == []
    announce(NEW, state, root)
    announce(NEW, state, root)
    assert [swap.digest for swap in store.swaps(after=last.number)] == [NEW]
    assert store.swaps(after=last.number)[0].number == last.number + 1
    assert needed(state, root) == {NEW, ARM}
    store.close()


def test_items_that_were_put_or_taken_away_are_known(root, tmp_path):
    assert shelf(None, root).put.is_empty()
    for state in (None, str(tmp_path / "elsewhere.sqlite")):
        store = opened(state, root)
        store.change_items({"a": '{"title": "mug"}', "b": "{}", "c": None})
        store.change_items({"b": None})
        store.close()
        found = shelf(state, root)
        assert found.put.select("item_id", "title").rows() == [("a", "mug")]
        assert found.taken == {"b", "c"}


def test_an_experiment_that_cannot_be_read_is_not_taken_for_none(root):
    store = opened(None, root)
    store.run_experiment('{"name": 3}')
    store.close()
    with pytest.raises(StoreError, match="cannot be read; end it by DELETE"):
        needed(None, root)
