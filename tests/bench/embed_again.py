"""What embedding costs after 1 % of the texts changed: python -m tests.bench.embed_again [--texts 200000].

An encoder of 3 layers, 384 wide, random weights, as it is served; random texts of 10 to 30 words. A full pass; then 1 %
of the titles change, and the pass goes again as the stage does it: the vectors of before are compared with
their sha256, unchanged texts found by digest, the rest encoded. Both with vectors and blocks on disk. Prints CPU
seconds of both, their ratio, clock seconds, the peak memory above what the encoder takes, and how many of 500 sampled
vectors have other bits than if they were encoded alone.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from pipelines.console import progress
from recsys.artifacts import publish, verify
from recsys.data.catalog import Catalog
from recsys.data.synthetic import WORDS
from recsys.retrieval.embedding import Embedding
from recsys.retrieval.embeddings import ItemVectors
from recsys.retrieval.onnx import OnnxEncoder

LAYERS, WIDTH, TOKENS = 3, 384, 48
CHANGED = 0.01
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=200_000)
    parser.add_argument("--work", type=Path, help="where vectors and blocks go; a temporary folder if not given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        compare(Path(folder), arguments.texts)


def compare(folder: Path, n: int) -> None:
    """Print the figures for n texts."""
    encoder = written(folder)
    encoder.steady(titles(np.random.default_rng(2), 64))
    rng = np.random.default_rng(0)
    before = titles(rng, n)
    base = peak()
    show("texts", n)
    _, full, full_clock = timed(lambda: embed(folder, encoder, catalog(before)))
    show("full, CPU s", full)
    show("full, clock s", full_clock)
    now = list(before)
    changed = rng.choice(n, max(1, int(n * CHANGED)), replace=False)
    for place, title in zip(changed, titles(rng, len(changed)), strict=True):
        now[place] = title
    (vectors, encoded), again, again_clock = timed(lambda: embed(folder, encoder, catalog(now), known=True))
    show("again, CPU s", again)
    show("again, clock s", again_clock)
    show("again, texts", encoded)
    show("again / full, CPU %", 100 * again / full)
    show("again / full, clock %", 100 * again_clock / full_clock)
    show("memory above, MiB", peak() - base)
    show("vectors, MiB", vectors.vectors.nbytes / 2**20)
    sample = np.unique(np.concatenate([changed[:250], rng.choice(n, min(n, 250), replace=False)]))
    alone = np.concatenate([encoder.steady([now[place]]) for place in sample])
    show("other bits", int((alone != vectors.vectors[sample]).any(axis=1).sum()))


def embed(folder: Path, encoder: OnnxEncoder, items: Catalog, *, known: bool = False) -> tuple[ItemVectors, int]:
    """As the stage does it: what is there is verified and read, what is made is published."""
    before = []
    if known:
        verify(folder / "vectors", kind="vectors")
        before = [ItemVectors.load(folder / "vectors")]
    with tempfile.TemporaryDirectory(dir=folder) as work, progress("text") as told:
        found, encoded = Embedding(encoder=encoder, work=Path(work), before=before).of(items, progress=told)
    with publish(folder / "vectors", kind="vectors") as out:
        found.save(out)
    return found, encoded


def titles(rng: np.random.Generator, n: int) -> list[str]:
    """Random words."""
    words = np.array(sorted({word for taste in WORDS.values() for word in taste}))
    return [" ".join(rng.choice(words, size)) for size in rng.integers(10, 31, n)]


def catalog(texts: list[str]) -> Catalog:
    """In the order of the texts."""
    items = pl.DataFrame({"item_id": [f"{i:09d}" for i in range(len(texts))], "title": texts})
    return Catalog.of(items, text_chars=10_000)


def written(folder: Path) -> OnnxEncoder:
    """A transformer of random weights, exported in a process that ends, so that torch is not in the memory counted."""
    code = (
        "import sys; from pathlib import Path; from tests.tiny import write_base; "
        "from recsys.text.compress.export import export_onnx; from recsys.text.encoder import TransformerEncoder; "
        "folder = Path(sys.argv[1]); (folder / 'encoder').mkdir(); "
        f"base = write_base(folder / 'base', layers={LAYERS}, width={WIDTH}); "
        f"encoder = TransformerEncoder.of_base(base, max_tokens={TOKENS}, pooling='mean'); "
        "export_onnx(encoder, folder / 'encoder')"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, stderr=subprocess.DEVNULL)
    return OnnxEncoder.load(folder / "encoder")


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """The result, CPU seconds, clock seconds."""
    clock, cpu = time.perf_counter(), time.process_time()
    return work(), time.process_time() - cpu, time.perf_counter() - clock


def peak() -> float:
    """MiB, at most, that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def show(name: str, value: float) -> None:
    print(f"{name:22s} {value:12.2f}", flush=True)


if __name__ == "__main__":
    main()
