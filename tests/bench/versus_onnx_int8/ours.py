"""An encoder as this project serves it."""

import argparse
import json
from pathlib import Path

from recsys.retrieval.onnx import OnnxEncoder
from tests.bench.versus_onnx_int8.stopwatch import figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="JSON, a list")
    parser.add_argument("--encoder", type=Path, required=True, help="folder with model.onnx")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    encoder = OnnxEncoder.load(arguments.encoder, threads=arguments.threads)
    texts = json.loads(arguments.texts.read_text())
    arguments.out.write_text(json.dumps(figures(encoder.encode, texts)))


if __name__ == "__main__":
    main()
