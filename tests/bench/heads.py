"""Task heads on public labelled text: accuracy on SST-2, entity F1 on CoNLL-2003, full tuning beside LoRA.

    python -m tests.bench.heads DATA OUT [--part dev|test] [--only sst2-all,conll2003-lora] [--base FOLDER]

DATA holds sst2/{train,dev,test}.tsv.xz (text, tab, label; no header) and conll2003/{train,dev,test}.txt.xz. A head that
is in OUT already is scored, not trained again: choose settings on dev, then score test once. One JSON object a line.
"""

import argparse
import dataclasses
import json
import lzma
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from recsys.data.download import default_cache
from recsys.data.sources import base_encoder
from recsys.text.config import OptimiserConfig
from recsys.text.heads.bio import entities
from recsys.text.heads.classification import probabilities, train_classifier
from recsys.text.heads.config import HeadConfig
from recsys.text.heads.examples import Sentences, Texts, read_sentences, read_texts
from recsys.text.heads.head import Head
from recsys.text.heads.scores import Scores, class_scores, entity_scores
from recsys.text.heads.tagging import tags, train_tagger

SST2 = HeadConfig(
    threads=1, epochs=3, layer_dropout=0.1, valid_fraction=0.05, optimiser=OptimiserConfig(layer_rate=1e-4)
)
CONLL = HeadConfig(
    threads=1, epochs=2, layer_dropout=0, valid_fraction=0.1, looks=1, optimiser=OptimiserConfig(layer_rate=2e-4)
)
SETTINGS = {
    "sst2-all": SST2,
    "sst2-lora": SST2.model_copy(update={"tune": "lora", "epochs": 4, "optimiser": OptimiserConfig(layer_rate=4e-4)}),
    "conll2003-all": CONLL,
    "conll2003-lora": CONLL.model_copy(
        update={"tune": "lora", "epochs": 3, "optimiser": OptimiserConfig(layer_rate=8e-4)}
    ),
}
"""Chosen on dev; all training sentences are used."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--part", choices=("dev", "test"), default="dev")
    parser.add_argument("--only", default=",".join(SETTINGS))
    parser.add_argument("--base", type=Path)
    given = parser.parse_args()
    base = given.base or base_encoder(default_cache())
    for name in given.only.split(","):
        task = name.split("-")[0]
        row = train(task, name, given.data / task, given.out, base) if not (given.out / name).is_dir() else {}
        start = time.perf_counter()
        head, truth = Head.load(given.out / name), examples(task, given.data / task, given.part)
        scores, interval = score(head, truth)
        row |= {"head": name, "part": given.part, "score_seconds": round(time.perf_counter() - start)}
        row |= {"f1_interval": interval}
        print(json.dumps(row | dataclasses.asdict(scores)), flush=True)


def train(task: str, name: str, folder: Path, out: Path, base: Path) -> dict[str, object]:
    """Train and save; what it took."""
    config, start = SETTINGS[name], time.perf_counter()
    learn = train_classifier if task == "sst2" else train_tagger
    head, course = learn(examples(task, folder, "train"), start=base, config=config, progress=show)
    head.save(out / name, config=config)
    return {
        "seconds": round(time.perf_counter() - start),
        "share": course.share,
        "held_out": [round(look.figure, 4) for look in course.looks],
    }


def examples(task: str, folder: Path, part: str) -> Texts | Sentences:
    """One part of a data set."""
    ending = "tsv" if task == "sst2" else "txt"
    raw = lzma.decompress((folder / f"{part}.{ending}.xz").read_bytes())
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / f"{part}.{ending}"
        path.write_bytes(b"text\tlabel\n" + raw if task == "sst2" else raw)
        return read_texts(path, labelled=True) if task == "sst2" else read_sentences(path, tagged=True)


def score(head: Head, truth: Texts | Sentences) -> tuple[Scores, tuple[float, float]]:
    """Scores, and the 95 % interval of f1 over 2,000 resamples of the examples."""
    if isinstance(truth, Texts):
        found = probabilities(head, truth.texts).argmax(axis=1)
        scores = class_scores(truth.labels, [head.labels[i] for i in found])
        counts = [(label == head.labels[i], 1, 1) for label, i in zip(truth.labels, found, strict=True)]
    else:
        guessed = tags(head, truth.words)
        scores = entity_scores(truth.tags, guessed)
        pairs = [(set(entities(a)), set(entities(b))) for a, b in zip(truth.tags, guessed, strict=True)]
        counts = [(len(a & b), len(b), len(a)) for a, b in pairs]
    table = np.array(counts, np.float64)
    draws = np.random.default_rng(0).integers(len(table), size=(2000, len(table)))
    hits, found_, there = np.moveaxis(np.array([table[rows].sum(axis=0) for rows in draws]), 1, 0)
    low, high = np.quantile(2 * hits / (found_ + there), [0.025, 0.975])
    return scores, (round(float(low), 4), round(float(high), 4))


def show(step: int, steps: int, figures: object) -> None:
    if step % 50 == 0 or "judged" in str(figures):
        print(step, steps, figures, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
