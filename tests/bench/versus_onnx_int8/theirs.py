"""sentence-transformers' ONNX backend in int8, as its documentation makes it: dynamic quantisation of the base.

Runs in an environment of its own, without this project:

    python3.11 -m venv VENV
    VENV/bin/pip install torch==2.13.0 "sentence-transformers[onnx]" "transformers<5"

It sorts texts by length itself; the best of several batch sizes counts. --form is one of its configurations.
"""

import argparse
import json
import os
from pathlib import Path

BATCHES = (16, 32, 64, 128)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="JSON, a list")
    parser.add_argument("--base", type=Path, required=True, help="folder of the pretrained encoder, in its layout")
    parser.add_argument("--work", type=Path, required=True, help="where the quantised graph is kept")
    parser.add_argument("--max-tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--form", default="avx512_vnni")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(arguments.threads), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    import torch
    from stopwatch import figures

    torch.set_num_threads(arguments.threads)
    model = quantised(arguments.base, arguments.work / arguments.form, arguments.form, arguments.threads)
    model.max_seq_length = arguments.max_tokens
    texts = json.loads(arguments.texts.read_text())

    def encoding(batch):
        common = {"batch_size": batch, "normalize_embeddings": True, "show_progress_bar": False}
        return lambda some: model.encode(list(some), **common)

    found = [figures(encoding(batch), texts) for batch in BATCHES]
    arguments.out.write_text(json.dumps(max(found, key=lambda one: one["texts/s"])))


def quantised(base: Path, work: Path, form: str, threads: int):
    """The model in int8, quantised at the first call."""
    import onnxruntime
    from sentence_transformers import SentenceTransformer, export_dynamic_quantized_onnx_model

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    own = {"provider": "CPUExecutionProvider", "session_options": options}
    common = {"device": "cpu", "backend": "onnx", "local_files_only": True}
    if not (work / "onnx" / f"model_qint8_{form}.onnx").exists():
        model = SentenceTransformer(str(base), model_kwargs={**own, "export": True}, **common)
        model.save_pretrained(str(work))
        export_dynamic_quantized_onnx_model(model, form, str(work))
    return SentenceTransformer(str(work), model_kwargs={**own, "file_name": f"onnx/model_qint8_{form}.onnx"}, **common)


if __name__ == "__main__":
    main()
