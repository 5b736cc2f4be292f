"""`recsys ab` as people meet it: exit codes, two streams, two files."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pipelines.__main__ import main
from pipelines.ab import Question
from recsys.errors import UsageError
from recsys.evaluation.off_policy.judging.learned import learned
from recsys.evaluation.off_policy.judging.target import Target
from recsys.evaluation.refusal import Refusal, Refusals
from recsys.evaluation.simulation.played import simulate
from recsys.evaluation.simulation.written import written
from tests.evaluation.off_policy.played_log import BASE, FIRST, luce, target

PLAYED = simulate(BASE, luce(), 2_000, 0)
SETTINGS = """
[off_policy]
window_hours = 1
as_of = "2026-12-01T00:00:00Z"
samples = 200
"""
OTHER = (Refusal(name="other-log", because="It has 7 other requests.", cure="Give the file of this log."),)
TARGETS: dict[str, Target | Refusals] = {
    "good": target(PLAYED, luce(0.7)),
    "alike": target(PLAYED, luce(1.0)),
    "far": target(PLAYED, luce(0.05, times=-3)),
    "other": OTHER,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log, settings, and files that stand for policies."""
    folder = tmp_path_factory.mktemp("shop")
    written(PLAYED, luce(), start=FIRST).save(folder / "log")
    (folder / "ab.toml").write_text(SETTINGS)
    for name in TARGETS:
        (folder / name).write_text("")
    return folder


@pytest.fixture(scope="module")
def two_arms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same log, users of even numbers in another arm."""
    log = written(PLAYED, luce(), start=FIRST)
    even = pl.col("user_id").str.slice(1).cast(pl.Int32) % 2 == 0
    folder = tmp_path_factory.mktemp("arms") / "log"
    replace(log, answers=log.answers.with_columns(arm=pl.when(even).then(pl.lit("b")).otherwise("arm"))).save(folder)
    return folder


@pytest.fixture
def run(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """The command in this process, policies by their file's name → exit code, stdout, stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        more = ["--log", shop / "log", "--config", shop / "ab.toml", "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", ["recsys", "ab", *map(str, [*more, *arguments])])
        with pytest.raises(SystemExit) as end:
            main()
        return (int(end.value.code or 0), *capsys.readouterr())

    monkeypatch.setattr("pipelines.ab.target_of", lambda source, *_, **__: TARGETS[source.name])
    monkeypatch.setattr("pipelines.ab.learned", lambda *_, **__: None)
    monkeypatch.chdir(shop)
    return command


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_table_on_stdout_and_two_files(run, tmp_path):
    code, out, err = run("--policy", "good=good", "--policy", "alike=alike")
    assert code == 0
    assert out.startswith("policy")
    assert "\ngood is better by " in out
    assert f"report: {tmp_path / 'out' / 'ab.html'}\n" in err
    assert "asking alike about 2,000 answers" in err
    assert files(tmp_path / "out") == ["ab.html", "ab.json"]
    page = (tmp_path / "out" / "ab.html").read_text()
    assert '<p class="headline">good is better by ' in page
    assert page.count("<!doctype html>") == 1


def test_json_on_stdout_is_what_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.ab.learned", learned)
    code, out, err = run("--policy", "good=good", "--json")
    assert code == 0
    found = json.loads(out)
    assert out == (tmp_path / "out" / "ab.json").read_text()
    assert found["policies"]["good"]["headline"] == "snips"
    assert found["card"]["answers"] == 2_000
    assert "learning rewards from 6,000 rows" in err
    assert "report: " in err


def test_what_another_policy_is_compared_to(run):
    code, out, _ = run("--policy", "good=good", "--policy", "alike=alike", "--base", "alike", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["base"] == "alike"
    assert found["policies"]["alike"]["against"] is None
    assert found["policies"]["good"]["against"]["relative"]["mean"] > 0


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("far", "The log weighs as much as"), ("other", "It has 7 other requests. Give the file of this log.")],
)
def test_one_policy_that_cannot_be_answered_makes_3_and_the_other_is_told(run, tmp_path, name, sentence):
    code, out, err = run("--policy", "good=good", "--policy", f"new={name}")
    assert code == 3
    assert "recsys: This log does not tell what new would have earned; the reasons" in err
    assert f"\nnew cannot be answered: {sentence}" in out
    assert "\ngood is better by " in out
    page = (tmp_path / "out" / "ab.html").read_text()
    assert '<p class="headline worse">new cannot be answered:</p>' in page
    assert json.loads((tmp_path / "out" / "ab.json").read_text())["policies"]["new"]["estimates"] == {}


def test_a_log_that_tells_nothing_makes_3_and_says_why(run, shop, tmp_path):
    (shop / "sales.toml").write_text(f"{SETTINGS}rewards = {{purchase = 1.0}}\n")
    code, out, err = run("--policy", "good=good", "--config", shop / "sales.toml")
    assert code == 3
    assert out == ""
    assert f"recsys: {shop / 'log'} cannot be evaluated, whoever is judged by it: Nothing was earned: " in err
    assert "or set rewards to roles that are there (click " in err
    assert f"report: {tmp_path / 'out' / 'ab.html'}\n" in err
    assert "Traceback" not in err
    (refused,) = json.loads((tmp_path / "out" / "ab.json").read_text())["refused"]
    assert refused["name"] == "no-rewards"
    page = (tmp_path / "out" / "ab.html").read_text()
    assert refused["because"] in page
    assert refused["cure"] in page


def test_as_json_a_refused_log_tells_why_on_stdout(run, shop, tmp_path):
    (shop / "none.toml").write_text(f"{SETTINGS}rewards = {{purchase = 1.0}}\n")
    code, out, _ = run("--policy", "good=good", "--config", shop / "none.toml", "--json")
    assert code == 3
    assert out == (tmp_path / "out" / "ab.json").read_text()
    assert json.loads(out)["refused"][0]["name"] == "no-rewards"


def test_without_policies_the_arms_are_asked_and_one_is_compared_to_nothing(run, shop, tmp_path):
    code, out, err = run()
    assert (code, out) == (3, "")
    assert f"recsys: {shop / 'log'} tells of no experiment: There are no two arms to compare" in err
    assert [each["name"] for each in json.loads((tmp_path / "out" / "ab.json").read_text())["refused"]] == ["one-arm"]
    assert "There are no two arms to compare" in (tmp_path / "out" / "ab.html").read_text()


def test_what_arms_have_shown_stands_on_the_page_before_the_data(run, two_arms, tmp_path):
    code, out, _ = run("--policy", "good=good", "--log", two_arms)
    assert code == 0
    assert "\ngood is better by " in out
    titles = re.findall("<h2>(.*?)</h2>", (tmp_path / "out" / "ab.html").read_text())
    assert (titles[0], titles[-2:]) == ("What a list earns", ["The experiment", "Data"])
    assert files(tmp_path / "out") == ["ab.html", "ab.json", "experiment.json"]


def test_arms_alone(run, two_arms, tmp_path):
    code, out, _ = run("--log", two_arms, "--json")
    assert code == 0
    readout = json.loads((tmp_path / "out" / "experiment.json").read_text())
    assert json.loads(out) == {"experiment": readout, "interleaved": []}
    assert files(tmp_path / "out") == ["ab.html", "experiment.json"]


def test_users_are_drawn_where_answers_are_too_many(run, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.ab.target_of", lambda *_, **__: OTHER)
    code, out, err = run("--policy", "new=other", "--set", "off_policy.most_answers=500", "--json")
    assert code == 3
    card = json.loads(out)["card"]
    assert 500 <= card["answers"] < 520
    assert card["answers"] + card["unused"] == 2_000
    assert f"asking new about {card['answers']} answers" in err


def test_the_user_who_reaches_the_most_answers_is_drawn_too(run, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.ab.target_of", lambda *_, **__: OTHER)
    code, out, _ = run("--policy", "new=other", "--set", "off_policy.most_answers=1", "--json")
    assert code == 3
    assert (json.loads(out)["card"]["users"], json.loads(out)["card"]["answers"] > 0) == (1, True)


def test_a_file_where_the_report_should_go_has_a_sentence(run, tmp_path):
    (tmp_path / "out").write_text("not a folder")
    code, out, err = run("--policy", "new=other")
    assert (code, out) == (2, "")
    assert f"recsys: --out {tmp_path / 'out'}: expected a folder, got: File exists; give another." in err


def test_what_stood_there_is_replaced(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "ab.html").write_text("what was before")
    assert run("--policy", "new=other")[0] == 3
    assert "what was before" not in (tmp_path / "out" / "ab.html").read_text()
    assert files(tmp_path / "out") == ["ab.html", "ab.json"]


def test_files_of_another_question_do_not_stay(run, two_arms, tmp_path):
    run("--policy", "good=good", "--log", two_arms)
    assert files(tmp_path / "out") == ["ab.html", "ab.json", "experiment.json"]
    run("--log", two_arms)
    assert files(tmp_path / "out") == ["ab.html", "experiment.json"]
    run("--policy", "good=good")
    assert files(tmp_path / "out") == ["ab.html", "ab.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--policy", "good"], 2, "Expected --policy NAME=BUNDLE_OR_PARQUET, got 'good'; put a name before the path."),
        (["--policy", "=good"], 2, "got '=good'; put a name"),
        (["--policy", "good="], 2, "got 'good='; put a name"),
        (
            ["--policy", "a=good", "--policy", "a=far"],
            2,
            "--policy a=far: the name 'a' is given twice; choose another.",
        ),
        (["--policy", "log=good"], 2, "--policy log=good: the name 'log' is the log's own; choose another."),
        (
            ["--policy", "a=none"],
            2,
            "--policy a=none: found nothing at none; give a bundle's folder or a Parquet file.",
        ),
        (["--policy", "a=good", "--base", "b"], 2, "Expected --base as one of log, a, got 'b'; it is what others are"),
        (["--policy", "a=good", "--log", "none"], 1, "Expected a policy log in none, found no folders answers and"),
        (["--policy", "a=good", "--set", "off_policy.sampels=9"], 2, "did you mean off_policy.samples?"),
    ],
)
def test_questions_that_cannot_be_understood_have_a_sentence_and_write_nothing(
    run, tmp_path, arguments, code, sentence
):
    found, out, err = run(*arguments)
    assert found == code
    assert sentence in " ".join(err.replace("│", " ").split())
    assert out == ""
    assert not (tmp_path / "out").exists()


def test_a_path_may_have_an_equals_sign(tmp_path):
    (tmp_path / "t=0.5").write_text("")
    question = Question(log=tmp_path, policies=[f"new={tmp_path}/t=0.5"], base="log", out=tmp_path)
    assert question.sources() == {"new": tmp_path / "t=0.5"}
    with pytest.raises(UsageError, match="one of log, new, got 'old'"):
        replace(question, base="old").sources()
