"""`recsys head`: from files to files."""

import json
from contextlib import contextmanager

import polars as pl
import pytest

from pipelines import head
from pipelines.head import Order
from recsys.errors import SchemaError, UsageError
from recsys.text.heads.head import Head
from tests.pipelines.test_main import recsys
from tests.text.shop_texts import TASTES, THINGS
from tests.tiny import write_base

SETTINGS = [
    "head.epochs=3",
    "head.threads=1",
    "head.max_tokens=16",
    "head.optimiser.layer_rate=1e-2",
    "head.optimiser.head_rate=1e-2",
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    pl.DataFrame({"text": TASTES.texts, "label": TASTES.labels}).write_csv(folder / "texts.csv")
    rows = zip(THINGS.words[:200], THINGS.tags[:200], strict=True)
    lines = ["\n".join(f"{word} {tag}" for word, tag in zip(words, tags, strict=True)) for words, tags in rows]
    (folder / "things.txt").write_text("\n\n".join(lines))
    return folder


def order(task, data, out, base, **changes):
    settings = [f"encoder.base={base}", *SETTINGS]
    return Order(
        **({"task": task, "data": data, "out": out, "teacher": None, "config": None, "assignments": settings} | changes)
    )


def test_classes_from_file_to_file(files, base, tmp_path, capsys):
    head.train(order("classify", files / "texts.csv", tmp_path / "topic", base), form="json")
    facts = json.loads(capsys.readouterr().out)
    assert facts["labels"] == ["garden", "kitchen", "stationery", "toys"]
    assert facts["held_out_accuracy"] > 0.4
    head.predict(tmp_path / "topic", files / "texts.csv", tmp_path / "found.parquet")
    found = pl.read_parquet(tmp_path / "found.parquet")
    assert found.columns == ["text", "label", *(f"probability_{label}" for label in facts["labels"])]
    assert found["text"].to_list() == list(TASTES.texts)
    head.score(tmp_path / "topic", files / "texts.csv", form="json")
    scores = json.loads(capsys.readouterr().out)
    right = [a == b for a, b in zip(found["label"], TASTES.labels, strict=True)]
    assert scores["accuracy"] == sum(right) / len(right)
    head.score(tmp_path / "topic", files / "texts.csv", form="table")
    assert "precision  recall  f1     support" in capsys.readouterr().out


def test_tags_from_file_to_file_and_a_head_may_be_replaced(files, base, tmp_path, capsys):
    head.train(order("tag", files / "things.txt", tmp_path / "out", base), form="table")
    assert "held_out_f1" in capsys.readouterr().out
    head.train(order("tag", files / "things.txt", tmp_path / "out", base), form="table")
    head.predict(tmp_path / "out", files / "things.txt", tmp_path / "found.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert [tuple(row["words"]) for row in rows] == list(THINGS.words[:200])
    for row in rows[:20]:
        for entity in row["entities"]:
            assert row["tags"][entity["start"]][2:] == entity["type"]
            assert " ".join(row["words"][entity["start"] : entity["end"]]) == entity["text"]


def test_it_starts_from_a_teacher(files, base, tmp_path, capsys):
    head.train(order("classify", files / "texts.csv", tmp_path / "one", base), form="json")
    teacher = tmp_path / "one" / "encoder"
    head.train(order("classify", files / "texts.csv", tmp_path / "two", base, teacher=teacher), form="json")
    assert Head.load(tmp_path / "two").labels == Head.load(tmp_path / "one").labels


def test_ctrl_c_leaves_nothing_behind(files, base, tmp_path, monkeypatch):
    def interrupt(step, *_):
        if step == 2:
            raise KeyboardInterrupt

    @contextmanager
    def interrupted(_):
        yield interrupt

    monkeypatch.setattr(head, "progress", interrupted)
    with pytest.raises(KeyboardInterrupt):
        head.train(order("classify", files / "texts.csv", tmp_path / "topic", base), form="json")
    assert list(tmp_path.iterdir()) == []


def test_errors(files, base, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("precious")
    with pytest.raises(UsageError, match="full exists and holds no head; choose another --out"):
        head.train(order("classify", files / "texts.csv", tmp_path / "full", base), form="json")
    assert (tmp_path / "full" / "thesis.tex").read_text() == "precious"
    with pytest.raises(UsageError, match=r"Expected --out as \.parquet or \.jsonl, got .*found\.csv; rename it"):
        head.predict(tmp_path, files / "texts.csv", tmp_path / "found.csv")
    with pytest.raises(SchemaError, match="expected a column 'words', got text, label"):
        head.train(order("tag", files / "texts.csv", tmp_path / "out", base), form="json")


@pytest.mark.slow
def test_the_command_line_says_what_is_wrong_on_one_line(files, tmp_path):
    done = recsys(
        "head",
        "train",
        "--task",
        "classify",
        "--data",
        files / "none.csv",
        "--out",
        tmp_path / "x",
        "--set",
        "head.epoch=1",
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Unknown setting head.epoch; did you mean head.epochs?" in done.stderr
    done = recsys("head", "score", "--head", tmp_path, "--data", files / "texts.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Expected a head at" in done.stderr
