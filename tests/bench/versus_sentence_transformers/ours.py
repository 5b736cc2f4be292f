"""This project's `finetune` as it is; its looks at the validation users over wall time.

Everything counts: reading the base, tokenising, caching the frozen layers, the looks themselves, the checkpoints.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a log in the plain form")
    parser.add_argument("--base", type=Path, required=True, help="folder of the pretrained encoder")
    parser.add_argument("--out", type=Path, required=True, help="the curve, JSON")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    from recsys.text.bases.config import EncoderConfig
    from recsys.text.config import FinetuneConfig
    from recsys.text.finetune import finetune
    from tests.bench.versus_sentence_transformers.pairs import corpus_of

    corpus = corpus_of(arguments.data)
    config = FinetuneConfig(threads=arguments.threads, seed=arguments.seed)
    reports: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as workdir:
        start = time.perf_counter()
        teacher = finetune(
            corpus,
            base=arguments.base,
            encoder=EncoderConfig(),
            config=config,
            workdir=Path(workdir),
            progress=lambda done, _, __: reports.append((done, time.perf_counter() - start)),
        )
    curve = [
        {
            "seconds": told(reports, look.step + (config.head_steps if look.phase == "layers" else 0), look.step == 0),
            "step": f"{look.phase} {look.step}",
            "recall": look.recall,
            "ndcg": look.ndcg,
        }
        for look in teacher.looks
    ]
    arguments.out.write_text(json.dumps(curve, indent=1))


def told(reports: list[tuple[int, float]], done: int, before_any: bool) -> float:
    """Seconds at the first report after a look: that of its own step, or of the next where there was none."""
    return next(seconds for step, seconds in reports if step >= done + before_any)


if __name__ == "__main__":
    main()
