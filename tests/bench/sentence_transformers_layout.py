"""Do others read our folders? Cosines between an encoder of ours and what sentence_transformers makes of its folder.

sentence-transformers is no dependency of this project; it lives in an environment of its own:

    python3.11 -m venv /tmp/st-venv
    /tmp/st-venv/bin/pip install -c constraints.txt sentence-transformers==6.2.0 torch==2.13.0
    python tests/bench/sentence_transformers_layout.py /tmp/st-venv/bin/python [BASE]

BASE is a pretrained folder; without one, tiny random models of each pooling are made. Exit code 1 below .99999.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from recsys.text.bases.config import Pooling
from recsys.text.encoder import TransformerEncoder
from tests.tiny import write_base, write_decoder

LEAST = 0.99999
THEIRS = """
import json, sys
import numpy as np
from sentence_transformers import SentenceTransformer
model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
np.save(sys.argv[3], model.encode(json.load(open(sys.argv[2])), batch_size=32))
"""
PARTS = ("red", "Oven", "garden", "trowel", "seed", "GUITAR", "", "blue,", "12", "whisk & pan")
TEXTS = [f"{a} {b} {a}. {b}" * (1 + i) for i, a in enumerate(PARTS) for b in PARTS]


def noisy(folder: Path, pooling: Pooling) -> TransformerEncoder:
    """A base whose head has learned something."""
    encoder = TransformerEncoder.of_base(folder, max_tokens=24, pooling=pooling)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (encoder.tower.head.projection, encoder.tower.head.bias):
            parameter.add_(torch.randn(parameter.shape, generator=noise) / 5)
    return encoder


def cosine(encoder: TransformerEncoder, python: str, work: Path) -> float:
    """The lowest over the texts."""
    saved, texts, out = work / "saved", work / "texts.json", work / "theirs.npy"
    saved.mkdir(parents=True)
    encoder.save(saved)
    texts.write_text(json.dumps(TEXTS))
    subprocess.run([python, "-c", THEIRS, str(saved), str(texts), str(out)], check=True)
    return float((np.load(out) * encoder.encode(TEXTS)).sum(axis=1).min())


def main(python: str, *bases: str) -> int:
    """Print a line a folder."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        tiny = [
            (write_base(work / "bert"), "mean"),
            (work / "bert", "cls"),
            (write_decoder(work / "decoder"), "last"),
        ]
        cases = [(Path(base), "mean") for base in bases] or tiny
        worst = 1.0
        for i, (folder, pooling) in enumerate(cases):
            found = cosine(noisy(folder, pooling), python, work / str(i))
            worst = min(worst, found)
            print(f"{folder.name:20} {pooling:6} lowest cosine of {len(TEXTS)} texts: {found:.7f}")
    return 0 if worst >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
