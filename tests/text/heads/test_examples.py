"""Labelled files, and what is said of bad ones."""

import json

import polars as pl
import pytest

from recsys.errors import SchemaError
from recsys.text.heads.examples import Sentences, Texts, read_sentences, read_texts

ROWS = [("a mug, blue", "good"), ('says "so"', "bad")]


def write(path, body):
    path.write_text(body, encoding="utf-8")
    return path


def test_four_forms_of_labelled_texts_read_alike(tmp_path):
    table = pl.DataFrame(ROWS, schema=["text", "label"], orient="row")
    table.write_parquet(tmp_path / "a.parquet")
    table.write_csv(tmp_path / "a.csv")
    write(tmp_path / "a.tsv", "text\tlabel\n" + "".join(f"{t}\t{label}\n" for t, label in ROWS))
    table.write_ndjson(tmp_path / "a.jsonl")
    for name, places in {
        "a.parquet": ("row 1", "row 2"),
        "a.csv": ("line 2", "line 3"),
        "a.tsv": ("line 2", "line 3"),
        "a.jsonl": ("line 1", "line 2"),
    }.items():
        found = read_texts(tmp_path / name, labelled=True)
        assert found == Texts(
            texts=("a mug, blue", 'says "so"'),
            labels=("good", "bad"),
            places=tuple(f"{tmp_path / name}, {place}" for place in places),
        )
        assert read_texts(tmp_path / name, labelled=False).labels == ()


def test_a_csv_field_of_two_lines_counts_both(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"one\ntwo",x\n ,y\n')
    with pytest.raises(SchemaError, match=r"a\.csv, line 4: expected a text with at least one word, got ' '"):
        read_texts(path, labelled=True)


def test_conll_and_jsonl_and_parquet_sentences_read_alike(tmp_path):
    conll = "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n\n\nPeter NNP B-PER\nBlackburn NNP I-PER"
    path = write(tmp_path / "a.txt", conll)
    found = read_sentences(path, tagged=True)
    assert found == Sentences(
        words=(("EU", "rejects"), ("Peter", "Blackburn")),
        tags=(("B-ORG", "O"), ("B-PER", "I-PER")),
        places=(f"{path}, line 3", f"{path}, line 7"),
    )
    rows = [{"words": w, "tags": t} for w, t in zip(found.words, found.tags, strict=True)]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    write(tmp_path / "a.jsonl", "\n".join(json.dumps(row) for row in rows))
    for name in ("a.parquet", "a.jsonl"):
        again = read_sentences(tmp_path / name, tagged=True)
        assert (again.words, again.tags) == (found.words, found.tags)
    assert read_sentences(tmp_path / "a.jsonl", tagged=False).tags == ()


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("a.csv", "text,label\n", r"Expected examples in .*a\.csv, found none; give a file with at least one row"),
        ("a.csv", "", r"Expected examples in .*a\.csv, found none"),
        ("a.csv", "text,label\nx,\n", r"line 2: expected a label, got ''; label the row or leave it out"),
        ("a.csv", "text,label\nx\n", r"line 2: expected 2 fields, got 1; quote or mend the line"),
        ("a.tsv", "text\ttopic\nx\ty\n", r"line 2: expected a column 'label', got text, topic; name the column so"),
        ("a.jsonl", '{"text": "x", "label": "a"}\n{oops\n', r"line 2: expected one JSON object, got '\{oops"),
        ("a.jsonl", '{"text": null, "label": "a"}', r"line 1: expected a text with at least one word, got None"),
        ("a.md", "x", r"Expected .*a\.md as \.parquet, \.csv, \.tsv or \.jsonl, or tagged words as \.txt"),
        ("a.parquet", "x", r"a\.parquet cannot be read as parquet"),
    ],
)
def test_errors_of_labelled_texts(tmp_path, name, body, sentence):
    with pytest.raises(SchemaError, match=sentence):
        read_texts(write(tmp_path / name, body), labelled=True)


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("a.txt", "\n-DOCSTART- O\n\n", r"Expected examples in .*a\.txt, found none"),
        ("a.txt", "EU B-ORG\nrejects\n", r"line 2: expected a word and its tag, got 'rejects'; give every word a tag"),
        ("a.txt", "EU B-ORG\nx ORG\n", r"line 2: expected the tag O, B-type or I-type for 'x', got 'ORG'"),
        (
            "a.jsonl",
            '\n{"words": ["a", "b"], "tags": ["O"]}',
            r"line 2: expected one tag a word, got 1 tags for 2 words; align them",
        ),
        ("a.jsonl", '{"words": ["a"], "tags": ["E-x"]}', r"line 1: expected the tag O, B-type or I-type for 'a', got"),
        ("a.jsonl", '{"words": "a b", "tags": ["O"]}', r"line 1: expected words as a list of strings, got 'a b'"),
        ("a.jsonl", '{"words": [], "tags": []}', r"line 1: expected words, none of them empty, got \(\)"),
        ("a.jsonl", '{"words": ["a", " "], "tags": ["O", "O"]}', r"line 1: expected words, none of them empty"),
        ("a.jsonl", '{"tags": ["O"]}', r"line 1: expected a column 'words', got tags"),
    ],
)
def test_errors_of_sentences(tmp_path, name, body, sentence):
    with pytest.raises(SchemaError, match=sentence):
        read_sentences(write(tmp_path / name, body), tagged=True)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(SchemaError, match=r"Cannot read .*none\.txt"):
        read_sentences(tmp_path / "none.txt", tagged=True)
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 O\n")
    with pytest.raises(SchemaError, match="expected a file with text as UTF-8"):
        read_sentences(tmp_path / "latin.txt", tagged=True)
