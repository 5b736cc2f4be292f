"""Lists by the arms of an experiment are those of the endpoint."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient

from pipelines import batch, list_arms, partitions
from pipelines.list_arms import ListArms, loaded, read_file
from pipelines.list_maker import ListMaker, Wanted
from recsys.artifacts import verify
from recsys.bundle import Bundle
from recsys.errors import ArtifactError, UsageError
from recsys.retrieval.candidates import SOURCES
from serving.app import create_app
from serving.experiments import Experiment
from serving.sqlite import SqliteStore
from tests.serving.conftest import both_in

DRAWN = {"kind": "plackett_luce", "temperature": 0.5}
GREEDY = {"kind": "epsilon_greedy", "epsilon": 0.6}
FILTERS = {"item_ids": {"deny": ["i00001", "i00002"]}}


@pytest.fixture(scope="module")
def root(bundle_root, ruled_root, tmp_path_factory) -> Path:
    """Both bundles in one folder; current is the one without rules."""
    return both_in(tmp_path_factory.mktemp("arms") / "bundles", bundle_root, ruled_root)


@pytest.fixture(scope="module")
def with_rules(ruled_root) -> str:
    return (ruled_root / "current").resolve().name


def experiment(with_rules: str, **more) -> dict:
    arms = [
        {"name": "as-is", "share": 0.25},
        {"name": "ruled", "share": 0.25, "bundle": with_rules},
        {"name": "drawn", "share": 0.25, "policy": DRAWN},
        {"name": "greedy", "share": 0.25, "bundle": with_rules, "policy": GREEDY},
    ]
    return {"name": "june", "holdout": 0.1, "traffic": 0.9, "seed": 3, "arms": arms} | more


def wanted(root: Path, told: dict | str, **more) -> Wanted:
    text = told if isinstance(told, str) else json.dumps(told)
    return Wanted(bundle=root / "current", k=6, experiment=text, **more)


def answers(root: Path, folder: Path, told: dict, table: pl.DataFrame, filters: dict | None) -> dict[str, dict]:
    """What the endpoint says at the bundle's end, asked by the lists' names."""
    store, found = SqliteStore(folder / "state"), {}
    with TestClient(create_app(root, store=store, clock=lambda end: end)) as client:
        assert client.put("/v1/experiment", json=told).status_code == 200
        for user, name in table.select("user_id", "request_id").unique(maintain_order=True).iter_rows():
            query = {"user_id": user, "k": 6, "request_id": name, "filters": filters}
            found[user] = client.post("/v1/recommend", json=query).json()
            assert found[user]["degraded"] == []
    return found


@pytest.mark.parametrize("filters", [None, FILTERS])
def test_each_user_gets_what_the_endpoint_would_answer(root, with_rules, tmp_path, filters):
    told, asked = experiment(with_rules), None if filters is None else json.dumps(filters)
    maker = loaded(wanted(root, told, filters=asked))
    table = maker.table(["stranger", *maker.bundle.users.ids])
    found = answers(root, tmp_path, told, table, filters)
    assert set(found) == {"stranger", *maker.bundle.users.ids}
    for (user,), own in table.group_by("user_id", maintain_order=True):
        answer = found[user]
        items = answer["items"]
        assert [item["item_id"] for item in items] == own["item_id"].to_list()
        assert own["rank"].to_list() == list(range(1, 7))
        for name in ("arm", "bundle", "policy", "request_id"):
            assert own[name].unique().to_list() == [answer[name]]
        assert [item["propensity"] for item in items] == own["propensity"].to_list()
        assert [item["score"] for item in items] == pytest.approx(own["score"].to_list(), abs=1e-5)
        assert [item.get("rules", []) for item in items] == own["rules"].to_list()
    assert set(table["arm"]) == {"as-is", "ruled", "drawn", "greedy", "default", "holdout"}
    assert set(table["experiment"]) == {"june"}
    drawn = table["policy"].is_in(["plackett_luce", "epsilon_greedy"])
    assert table.filter(~drawn)["propensity"].unique().to_list() == [1]
    assert (table.filter(drawn)["propensity"] < 1).mean() > 0.5


def test_what_explores_draws_from_what_the_other_arms_would_propose(root, with_rules, monkeypatch):
    told = experiment(with_rules, holdout=0, traffic=1)
    load = ListMaker.load

    def narrow(asked: Wanted) -> ListMaker:
        """The one in use proposes what is popular, the five best."""
        maker = load(asked)
        if maker.bundle.digest == with_rules:
            return maker
        recommender = maker.bundle.recommender
        retriever = recommender.retriever
        sizes = {name: 0 for name in type(retriever.config).model_fields if name in SOURCES} | {"popular": 5}
        few = replace(retriever, config=retriever.config.model_copy(update=sizes))
        made = replace(recommender, snapshot=replace(recommender.snapshot, retriever=few))
        return replace(maker, bundle=replace(maker.bundle, recommender=made))

    monkeypatch.setattr(ListMaker, "load", narrow)
    maker = loaded(wanted(root, told))
    assert isinstance(maker, ListArms)
    users = list(maker.bundle.users.ids)
    mask = maker._besides(maker.main, users)
    own = {user: row for row, user in enumerate(users)}
    beyond = 0
    for (user,), rows in maker.table(users).filter(pl.col("arm") == "drawn").group_by("user_id"):
        items = maker.bundle.catalog.vocabulary.encode(rows["item_id"])
        popular = rows["sources"].list.contains("popular").to_numpy()
        beyond += int((~popular).sum())
        assert (mask[own[user], items] | popular).all()
    assert beyond > 0


@pytest.mark.parametrize("size", [1, 7])
def test_a_list_does_not_depend_on_who_else_is_asked_for(root, with_rules, monkeypatch, size):
    maker = loaded(wanted(root, experiment(with_rules)))
    users = list(maker.bundle.users.ids)[:30]
    whole = maker.table(users)
    monkeypatch.setattr(list_arms, "_BLOCK", size)
    assert maker.table(users).equals(whole)
    assert maker.table(users[3:5]).equals(whole.filter(pl.col("user_id").is_in(users[3:5])))
    assert whole["user_id"].unique(maintain_order=True).to_list() == users


def test_nobody_gets_a_table_of_the_same_columns(root, with_rules):
    maker = loaded(wanted(root, experiment(with_rules)))
    some, none = maker.table(maker.bundle.users.ids[:2]), maker.table([])
    assert none.schema == some.schema
    assert len(none) == 0


def test_another_seed_draws_other_lists_and_nothing_else(root, with_rules):
    one, two = (loaded(wanted(root, experiment(with_rules, seed=seed))) for seed in (1, 2))
    users = one.bundle.users.ids
    first, second = one.table(users), two.table(users)
    assert first.equals(loaded(wanted(root, experiment(with_rules, seed=1))).table(users))
    still = pl.col("policy") == "deterministic"
    columns = ["user_id", "arm", "item_id", "score"]
    assert first.filter(still).select(columns).equals(second.filter(still).select(columns))
    assert not first.filter(~still).select(columns).equals(second.filter(~still).select(columns))


def recommend(root, out, told, **how):
    batch.recommend(wanted(root, told), out=out, whom=batch.Whom(), **how)
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_the_manifest_holds_the_experiment_and_the_arms_bundles(root, with_rules, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 25)
    first = recommend(root, tmp_path / "lists", experiment(with_rules))
    manifest = verify(tmp_path / "lists", kind="recommendations")
    main = Bundle.load(root / "current").digest
    assert manifest.parents == {"bundle": main, "bundle of ruled": with_rules, "bundle of greedy": with_rules}
    assert Experiment.model_validate(manifest.config["experiment"]) == Experiment.model_validate(experiment(with_rules))
    assert recommend(root, tmp_path / "lists", experiment(with_rules)) == first
    assert recommend(root, tmp_path / "lists", experiment(with_rules, seed=8)) != first


@pytest.mark.ray
@pytest.mark.slow
def test_rays_actors_draw_the_same_bytes(root, with_rules, tmp_path, monkeypatch):
    monkeypatch.setattr(partitions, "USERS", 13)
    local = recommend(root, tmp_path / "local", experiment(with_rules))
    assert recommend(root, tmp_path / "ray", experiment(with_rules), engine="ray", workers=2) == local


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("{", "Expected --experiment as in PUT /v1/experiment, got the text: Invalid JSON"),
        ({"name": "june", "arms": [{"name": "a", "share": 0.5}]}, "got the text: Value error, expected shares of arms"),
        ({"name": "june", "arms": [{"name": "a", "share": 1, "color": 1}]}, "got arms.0.color: Extra inputs"),
        (
            {"name": "june", "arms": [{"name": "a", "share": 1, "interleave": {"bundle": "0" * 64}}]},
            "Expected arms of one ranking each, arm 'a' interleaves two; lists of both are made by the endpoint alone",
        ),
        (
            {"name": "june", "arms": [{"name": "a", "share": 1, "bundle": "0" * 64}]},
            "Expected bundle 000000000000… of arm 'a' beside",
        ),
    ],
)
def test_what_no_list_can_be_made_of_has_a_sentence(root, tmp_path, told, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        recommend(root, tmp_path / "out", told)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match=r"^Cannot read --experiment .*none.json: .*; expected the JSON of PUT"):
        read_file(tmp_path / "none.json")


def test_bundles_of_another_instant_are_refused(root, with_rules, monkeypatch):
    load = ListMaker.load

    def older(asked: Wanted) -> ListMaker:
        maker = load(asked)
        late = maker.bundle.end + (maker.bundle.digest == with_rules)
        return replace(maker, bundle=replace(maker.bundle, end=late))

    monkeypatch.setattr(ListMaker, "load", older)
    with pytest.raises(UsageError, match=r"^Expected bundles that end at one instant, that of arm 'ruled' ends at"):
        loaded(wanted(root, experiment(with_rules)))


def test_an_altered_bundle_of_an_arm_is_named(root, with_rules, tmp_path):
    copy = Path(shutil.copytree(root, tmp_path / "bundles", symlinks=True))
    (copy / with_rules / "users.json").write_text("[]")
    with pytest.raises(ArtifactError, match=r"users.json was altered"):
        loaded(wanted(copy, experiment(with_rules)))


def test_arms_that_name_the_bundle_in_use_are_of_it(root, with_rules):
    main = Bundle.load(root / "current").digest
    told = experiment(with_rules)
    told["arms"][0]["bundle"] = main
    users = Bundle.load(root / "current").users.ids
    one, two = (loaded(wanted(root, each)).table(users) for each in (told, experiment(with_rules)))
    same = pl.col("policy") == "deterministic"
    columns = ["user_id", "arm", "bundle", "item_id"]
    assert one.filter(same).select(columns).equals(two.filter(same).select(columns))
    assert one.filter(pl.col("arm") == "as-is")["bundle"].unique().to_list() == [main]
