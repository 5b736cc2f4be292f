"""sentence-transformers' trainer with MultipleNegativesRankingLoss: recall of the validation users over wall time.

Runs in an environment of its own, without this project:

    python3.11 -m venv VENV
    VENV/bin/pip install -c constraints.txt torch==2.13.0 sentence-transformers==6.2.0 datasets accelerate

As its documentation recommends: no duplicates in a batch, AdamW, a tenth of the steps as warm-up, then linear decay, as
many steps as fit into the budget. The clock runs in the trainer only: neither reading nor evaluating counts.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

HISTORY_TOKENS = 256
RECALL_K, K = 20, 10
PROBE_STEPS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="what pairs.write left")
    parser.add_argument("--base", type=Path, required=True, help="folder of the pretrained encoder")
    parser.add_argument("--out", type=Path, required=True, help="the curve, JSON")
    parser.add_argument("--budget", type=float, default=1200, help="seconds of training")
    parser.add_argument("--looks", type=int, default=20, help="evaluations, evenly spread over the budget")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=5e-5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(arguments.threads), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import torch

    torch.set_num_threads(arguments.threads)
    arguments.out.write_text(json.dumps(curve_of(arguments), indent=1))


def curve_of(arguments: argparse.Namespace) -> list[dict[str, float]]:
    probe = Clock(arguments, budget=float("inf"))
    fit(arguments, probe, steps=PROBE_STEPS)
    step_seconds = (probe.ends[-1] - probe.ends[0]) / (PROBE_STEPS - 1)
    clock = Clock(arguments, budget=arguments.budget)
    fit(arguments, clock, steps=max(2, int(arguments.budget / step_seconds)))
    return clock.curve


class Clock:
    """Time in the trainer, looks when they are due, and the end of the budget."""

    def __init__(self, arguments: argparse.Namespace, *, budget: float) -> None:
        self.budget, self.every = budget, budget / arguments.looks
        self.judge = judge_of(arguments.pairs)
        self.curve: list[dict[str, float]] = []
        self.ends: list[float] = []
        self.paused = 0.0
        self.start = 0.0

    def begin(self, model) -> None:
        """Start, after a look at the untrained model where there is a budget."""
        if self.budget < float("inf"):
            self.look(0, model, 0.0)
        self.start, self.paused = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start - self.paused

    def after(self, step: int, model) -> bool:
        """Look if it is time; whether the budget is spent."""
        now = self.seconds
        self.ends.append(now)
        last = now >= self.budget
        if last or now >= self.every * len(self.curve):
            self.look(step, model, now)
        return last

    def look(self, step: int, model, now: float) -> None:
        before = time.perf_counter()
        self.curve.append({"seconds": now, "step": step} | self.judge(model))
        model.train()
        self.paused += time.perf_counter() - before


def fit(arguments: argparse.Namespace, clock: Clock, *, steps: int) -> None:
    """Train a fresh model for `steps` steps, or until the clock says so."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.base.sampler import BatchSamplers
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            control.should_training_stop |= clock.after(state.global_step, model)
            return control

        def on_train_end(self, args, state, control, **_):
            if clock.curve and clock.curve[-1]["step"] < state.global_step:
                clock.look(state.global_step, model, clock.seconds)

    model = SentenceTransformer(str(arguments.base), device="cpu", local_files_only=True)
    model.max_seq_length = HISTORY_TOKENS
    with tempfile.TemporaryDirectory() as folder:
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                output_dir=folder,
                max_steps=steps,
                per_device_train_batch_size=arguments.batch,
                learning_rate=arguments.rate,
                warmup_steps=0.1,
                batch_sampler=BatchSamplers.NO_DUPLICATES,
                use_cpu=True,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
                seed=arguments.seed,
            ),
            train_dataset=Dataset.from_parquet(str(arguments.pairs / "pairs.parquet"), cache_dir=folder),
            loss=MultipleNegativesRankingLoss(model),
            callbacks=[Watch()],
        )
        clock.begin(model)
        trainer.train()


def judge_of(pairs: Path):
    """The same recall@20 and nDCG@10 as `recsys.text.validation`: among the texts a user has not taken."""
    import numpy as np
    import pyarrow.parquet as pq

    texts = pq.read_table(pairs / "texts.parquet")["text"].to_pylist()
    users = pq.read_table(pairs / "users.parquet").to_pydict()
    rows = np.arange(len(users["history"]))
    taken = (np.repeat(rows, [len(t) for t in users["taken"]]), np.concatenate(users["taken"]).astype(int))
    truth = np.zeros((len(rows), len(texts)), bool)
    truth[np.repeat(rows, [len(t) for t in users["truth"]]), np.concatenate(users["truth"]).astype(int)] = True
    discounts = 1 / np.log2(np.arange(2, K + 2))

    def judge(model) -> dict[str, float]:
        vectors = model.encode(texts, batch_size=128, normalize_embeddings=True)
        scores = model.encode(users["history"], batch_size=32, normalize_embeddings=True) @ vectors.T
        scores[taken] = -np.inf
        hits = np.take_along_axis(truth, np.argsort(-scores, axis=1, kind="stable")[:, :RECALL_K], axis=1)
        count = truth.sum(axis=1)
        best = np.cumsum(discounts)[np.minimum(count, K) - 1]
        return {
            "recall": float((hits.sum(axis=1) / np.minimum(count, RECALL_K)).mean()),
            "ndcg": float(((hits[:, :K] * discounts).sum(axis=1) / best).mean()),
        }

    return judge


if __name__ == "__main__":
    main()
