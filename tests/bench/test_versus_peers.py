"""The peers are what they say, sit the same exam under the same rules, and see nothing of its answers."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.baselines import Baselines
from pipelines.run_directory import RunDirectory
from recsys.artifacts import publish
from recsys.data.config import SplitConfig
from recsys.data.split import TimeSplit
from recsys.ranking.rules import available
from recsys.retrieval.collaborative import Behaviour
from recsys.retrieval.config import BehaviourConfig
from tests.bench.peers_world import question, window, window_of
from tests.bench.versus_peers import __main__ as command
from tests.bench.versus_peers import matrices, worker
from tests.bench.versus_peers.spaces import spaces
from tests.bench.versus_peers.window import Window
from tests.tiny import silent

LIMITS = worker.Limits(minutes=2, threads=1, seed=0, say=silent)


# What a window holds


@pytest.mark.parametrize("target", ["all", "new"])
def test_the_rules_are_those_of_the_baselines(shop, target):
    """Our EASE, by the window's rules and by those of the stage evaluate: the same lists."""
    asked, as_of = question(shop, target), TimeSplit.of(shop.interactions, SplitConfig()).ranker_end
    exam = asked.exam(asked.split)
    baselines = Baselines(
        histories=shop.interactions.histories(exam.user_idx, as_of=as_of),
        as_of=as_of,
        target=target,
        available=available(shop.catalog, as_of=as_of),
        k=20,
    )
    config = BehaviourConfig(ease_l2=300.0)
    expected = baselines.behavioural(Behaviour.fit(shop.interactions, as_of=as_of, config=config))["EASE"]
    found = matrices.ease(window(shop, target), {"l2": config.ease_l2, "counting": "once"}, LIMITS).lists
    warm = shop.interactions.before(as_of).seen_items()
    assert np.array_equal(np.where(warm[found], found, -1), np.where(warm[expected], expected, -1))


def test_nothing_of_the_answers_is_in_a_window(shop):
    asked = question(shop, "new")
    split = asked.split
    exam, blind = asked.exam(split), replace(asked, interactions=shop.interactions.before(split.ranker_end))
    known, unaware = asked.window(exam, split), blind.window(exam, split)
    for name in ("user", "item", "at", "denied", "denied_indptr", "available", "look"):
        assert np.array_equal(getattr(known, name), getattr(unaware, name)), name
    assert len(known.look) == 0


def test_tuning_looks_end_before_the_window_it_is_judged_on(shop):
    asked = question(shop, "all")
    exam = asked.exam(asked.tuning)
    found = asked.window(exam, asked.tuning, look_end=asked.split.instants[-1])
    assert found.at.max() < asked.split.encoder_end
    assert 0 < len(found.look) < len(exam.segments["overall"].item_idx)
    judged = exam.segments["overall"]
    assert set(
        zip(np.repeat(np.arange(len(exam.user_idx)), np.diff(found.look_indptr)), found.look, strict=True)
    ) <= set(zip(judged.rows, judged.item_idx, strict=True))


def test_a_window_is_read_as_it_was_written(shop, tmp_path):
    found = window(shop, "new")
    found.save(tmp_path / "window.npz")
    read = Window.load(tmp_path / "window.npz")
    assert (read.target, read.k, read.shape) == (found.target, found.k, found.shape)
    assert np.array_equal(read.denied, found.denied)


def test_lists_obey_the_rules_and_ties_go_to_the_popular():
    events = [(0, 2, 0), (1, 2, 1), (1, 3, 2)]
    parts = {
        "denied_indptr": np.array([0, 1, 1, 1]),
        "denied": np.array([2]),
        "available": np.array([0, 1, 1, 1, 1]) > 0,
    }
    found = window_of(events, n_items=5, asked=[0, 1, 2], shape=(3, 5), **parts)
    scores = np.array([[9, 0, 9, 0, 5], [0, 0, 0, 0, -np.inf], [0, 9, 0, 0, 0]])
    # row 0: 0 is not available, 2 denied; row 1: all alike; row 2: nothing is known of the user
    assert found.lists(lambda users: scores[users]).tolist() == [[4, 3, 1], [2, 3, 1], [2, 3, 1]]
    assert found.lists(lambda users: np.full((len(users), 5), -np.inf), np.array([1])).tolist() == [[-1, -1, -1]]


# The search


def test_trials_do_not_depend_on_their_number_and_begin_with_the_usual():
    for target in ("all", "new"):
        for name, space in spaces(target).items():
            few, many = (space.trials(name, n=n, seed=3) for n in (4, 30))
            assert few == many[:4]
            assert few[0] == space.usual
            assert all(one.keys() == space.usual.keys() for one in many)
            assert len({json.dumps(one) for one in many}) == 30
            assert few[1:] != space.trials(name, n=4, seed=4)[1:]


def test_a_worker_goes_on_tries_again_what_failed_and_ends_with_its_minutes(tmp_path, monkeypatch):
    calls = []

    def peer(found: Window, settings: worker.Settings, limits: worker.Limits) -> worker.Answer:
        calls.append(settings["a"])
        if settings["a"] == 2 and calls.count(2) == 1:
            raise ValueError("not yet")
        return worker.Answer(lists=np.zeros((1, found.k), np.int32), found={"epochs": 4})

    window_of([(0, 0, 0)], n_items=1, asked=[0]).save(tmp_path / "window.npz")
    asked = tmp_path / "asked"
    asked.write_text(json.dumps({"one": {"a": 1}, "two": {"a": 2}}))
    options = {"peer": "p", "window": tmp_path / "window.npz", "settings": asked, "out": tmp_path, "minutes": 1}

    def work(minutes: float) -> None:
        given = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        monkeypatch.setattr(sys, "argv", ["worker", *given, "--search-minutes", str(minutes)])
        worker.main({"p": peer})

    work(0)
    assert calls == []
    work(1)
    assert calls == [1, 2]
    assert json.loads((tmp_path / "two.json").read_text())["failed"] == "ValueError: not yet"
    work(1)
    assert calls == [1, 2, 2]
    assert json.loads((tmp_path / "two.json").read_text())["found"] == {"epochs": 4}


def test_other_libraries_need_nothing_of_this_project():
    modules = "from tests.bench.versus_peers import lenskit_models, rectools_models; import sys"
    check = "assert not {'recsys', 'polars', 'pipelines', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{modules}; {check}"], check=True, cwd=Path(__file__).parents[2])


# The command


def code_of(*arguments: object) -> int:
    """What the command exits with."""
    with pytest.raises(SystemExit) as ended:
        command.main([str(argument) for argument in arguments])
    return ended.value.code


def publish_lists(run: Path, lists: pl.DataFrame) -> None:
    with publish(run / "evaluation", kind="evaluation") as out:
        (out / "recommendations").mkdir()
        lists.write_parquet(out / "recommendations" / "part-00000.parquet")


@pytest.mark.slow
def test_peers_on_a_small_log(shop, tmp_path, capfd, monkeypatch):
    shop.world.write(tmp_path / "shop")
    usual = {name: space.usual for name, space in spaces("new").items()}
    work, peers = tmp_path / "work", ["itemknn", "als", "bpr", "ease", "sasrec"]
    options = ["--work", work, "--trials", 2, "--peers", ",".join(peers), "--minutes", 0.2, "--json"]
    assert code_of("--data", tmp_path / "shop", "--target", "new", *options) == 0
    first = json.loads(capfd.readouterr().out)
    assert {one["method"] for one in first} == set(peers)
    for one in first:
        name, tried = one["method"], [trial["ndcg@10"] for trial in one["trials"]]
        assert (one["asked"], one["tried"], one["failed"], len(tried)) == (2, 2, 0, 2)
        assert one["validation"] == max(tried)
        chosen = one["trials"][int(np.argmax(tried))]
        assert one["settings"] == chosen["settings"] | chosen["found"]
        assert one["trials"][0]["settings"] == usual[name]
        assert json.loads((work / f"{name}.json").read_text())["key"] == one["key"]

    publish_lists(work / "log", pl.read_parquet(work / "ease" / "lists.parquet"))
    monkeypatch.setattr(subprocess, "run", None)  # nothing is made again
    assert code_of("--run", work / "log", *options) == 0
    second = json.loads(capfd.readouterr().out)
    assert second[0]["method"] == "recsys"
    by_name = {one["method"]: one for one in second}
    for one in first:
        again = by_name[one["method"]]
        assert again["ndcg@10"] == one["ndcg@10"]
        lead = by_name["recsys"]["ndcg@10"]["mean"] - one["ndcg@10"]["mean"]
        assert again["recsys - it, ndcg@10"]["mean"] == pytest.approx(lead)
    assert by_name["ease"]["recsys - it, recall@20"]["differing"] == 0
    assert code_of("--run", work / "log", *options[:-1]) == 0
    assert "2 of 2" in capfd.readouterr().out


@pytest.mark.slow
def test_a_peer_that_fails_does_not_stop_the_others(shop, tmp_path, capfd, monkeypatch):
    shop.world.write(tmp_path / "shop")
    options = ["--work", tmp_path / "work", "--trials", 1, "--peers", "lenskit-als,ease"]
    assert code_of("--data", tmp_path / "shop", "--python", sys.executable, *options) == 1
    told = capfd.readouterr()
    assert "none of 1 trials left lists; the first: ModuleNotFoundError: No module named 'lenskit'" in told.err
    assert "lenskit-als  failed" in told.out
    assert told.out.splitlines()[2].startswith("ease")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--peers", "eese"],
            "Unknown peer 'eese'; did you mean ease? There are itemknn, als, bpr, ease, sasrec, lensk",
        ),
        (["--peers", "lenskit-als"], "Expected --python, of an environment with lenskit, for lenskit-als, got none;"),
        (["--trials", "0"], "Expected --trials from 1 up, got 0; correct it."),
        (["--peers", "ease"], "Expected --run, a run to compare with, or --data, a log to prepare, got neither."),
    ],
)
def test_mistakes_get_a_sentence(arguments, sentence, tmp_path, capfd):
    assert code_of("--work", tmp_path, *arguments) == 2
    assert f"versus_peers: {sentence}" in capfd.readouterr().err


def test_a_run_is_of_its_own_log_and_target(shop, tmp_path, capfd):
    from recsys.settings import load

    shop.world.write(tmp_path / "shop")
    (tmp_path / "other").mkdir()
    run = RunDirectory(
        path=tmp_path / "run", source="shop", source_digest="", until=None, settings=load(None, ["task.target=new"])
    )
    run.save()
    options = ["--work", tmp_path / "work", "--run", tmp_path / "run", "--peers", "ease"]
    assert code_of(*options, "--target", "all") == 2
    assert "Expected --target new, what the lists of " in capfd.readouterr().err
    assert code_of(*options, "--data", tmp_path / "shop") == 2
    assert f"Expected --data as the log of {tmp_path / 'run'}, shop, got " in capfd.readouterr().err
