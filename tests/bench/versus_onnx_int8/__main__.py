"""What we serve against sentence-transformers' ONNX int8: python -m tests.bench.versus_onnx_int8 --run RUN …

The same real texts, as many tokens, as many threads; each side in a process of its own, in turn. Theirs is the base,
quantised; ours is the run's student, or the encoder in a folder named. Printed: medians over rounds, and their ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="a run with a student")
    parser.add_argument("--encoder", type=Path, help="folder of the encoder to race; the run's student by default")
    parser.add_argument("--python", type=Path, required=True, help="of the environment with sentence-transformers")
    parser.add_argument("--base", type=Path, help="folder of their model; the default base by default")
    parser.add_argument("--work", type=Path, required=True, help="where their quantised graph is kept")
    parser.add_argument("--form", default="avx512_vnni", help="their configuration")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    encoder = arguments.encoder or arguments.run / "student"
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder) / "texts.json"
        texts.write_text(json.dumps(catalogue(arguments.run)))
        common = {"texts": texts, "threads": arguments.threads, "out": Path(folder) / "figures.json"}
        ours = [sys.executable, "-m", "tests.bench.versus_onnx_int8.ours", *named(encoder=encoder, **common)]
        limit = json.loads((encoder / "encoder.json").read_text())["max_tokens"]
        own = {
            "base": arguments.base or default_base(),
            "work": arguments.work,
            "form": arguments.form,
            "max-tokens": limit,
        }
        theirs = [arguments.python.absolute(), HERE / "theirs.py", *named(**own, **common)]
        rounds = [(measured(ours, common["out"]), measured(theirs, common["out"])) for _ in range(arguments.rounds)]
    print(f"{arguments.threads} threads, {limit} tokens, {arguments.rounds} rounds")
    for name in rounds[0][0]:
        us, them = ([side[name] for side in sides] for sides in zip(*rounds, strict=True))
        ratios = sorted((a / b if name == "texts/s" else b / a) for a, b in zip(us, them, strict=True))
        print(
            f"{name:8s} ours {statistics.median(us):10.2f} theirs {statistics.median(them):10.2f} "
            f"ours better {statistics.median(ratios):6.2f} × [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
        )


def named(**options: object) -> list[str]:
    return [str(part) for name, value in options.items() for part in (f"--{name}", value)]


def catalogue(run: Path) -> list[str]:
    """All distinct item texts of a run."""
    from recsys.data.catalog import Catalog

    return list(dict.fromkeys(Catalog.load(run / "catalog").texts))


def default_base() -> Path:
    from recsys.data.download import default_cache
    from recsys.data.sources import base_encoder

    return base_encoder(default_cache())


def measured(command: list, out: Path) -> dict[str, float]:
    """What a process of its own leaves."""
    out.unlink(missing_ok=True)
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    return json.loads(out.read_text())


if __name__ == "__main__":
    main()
