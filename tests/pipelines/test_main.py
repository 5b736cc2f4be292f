"""The command line as people meet it: a process, its exit code, its two streams."""

import hashlib
import json
import subprocess
import sys

import pytest

from recsys import __version__
from recsys.data.synthetic import make_world

HEAVY = ("torch", "transformers", "ray", "lightgbm", "faiss", "implicit", "onnxruntime", "fastapi")


def recsys(*arguments, **options):
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_version_goes_to_stdout():
    done = recsys("--version")
    assert (done.returncode, done.stdout) == (0, f"recsys {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *([name, "--help"] for name in ("run", "finetune", "recommend", "serve", "ab", "key", "cycle", "export")),
    ],
)
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\nfrom pipelines.__main__ import main\n"
        f"sys.argv = ['recsys', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "[]"
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--data", "nowhere", "--run", "RUN"], "Expected --data as a directory or one of online-retail, ml-1m"),
        (["run", "--data", "RUN", "--run", "RUN", "--set", "tsak.target=new"], "did you mean task.target?"),
        (["run", "--data", "RUN", "--run", "RUN", "--until", "soon"], "Expected --until as a quantile"),
        (["cycle", "--cycle", "RUN", "--data", "RUN", "--set", "tsak.target=new"], "did you mean task.target?"),
        (["cycle", "--cycle", "RUN", "--data", "RUN", "--log", "FULL"], "Expected --log as the folder of a policy log"),
        (["evaluate", "--run", "RUN"], "found no run.json; start with `recsys run`"),
        (["report", "--run", "RUN"], "found no run.json; start with `recsys run`"),
        (["data", "check"], "Missing argument"),
        (["data", "get", "online-retail", "--out", "FULL"], "which holds something; choose another"),
        (["recommend", "--bundle", "RUN", "--out", "FULL"], "exists and holds no lists; choose another --out"),
        (["frobnicate"], "No such command"),
    ],
)
def test_usage_errors_exit_2_with_a_sentence_and_write_nothing(tmp_path, arguments, sentence):
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").write_text("precious")
    (tmp_path / "run").mkdir()
    places = {"RUN": tmp_path / "run", "FULL": full}
    done = recsys(*(places.get(argument, argument) for argument in arguments))
    assert done.returncode == 2
    assert sentence in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "run").iterdir()] == []
    assert (full / "thesis.tex").read_text() == "precious"


def test_a_key_is_printed_once_and_its_hash_kept(tmp_path):
    made = recsys("key", "shop", "--role", "read", "--rate", "50", "--file", tmp_path / "keys")
    assert made.returncode == 0
    assert made.stdout.startswith("recsys_")
    assert made.stdout.count("\n") == 1
    assert made.stdout.strip() not in made.stderr
    kept = json.loads((tmp_path / "keys").read_text())
    assert kept["sha256"] == hashlib.sha256(made.stdout.strip().encode()).hexdigest()
    assert (kept["name"], kept["role"], kept["rate"]) == ("shop", "read", 50)
    again = recsys("key", "shop", "--role", "read", "--file", tmp_path / "keys")
    assert again.returncode == 2
    assert "has a key named shop already; choose another name" in again.stderr


def test_an_input_error_in_a_stage_exits_1_and_keeps_nothing_half_written(tmp_path):
    make_world().write(tmp_path / "shop")
    (tmp_path / "shop" / "events.parquet").write_bytes(b"PAR1 no")
    done = recsys("run", "--data", tmp_path / "shop", "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "events.parquet cannot be read as parquet" in done.stderr
    assert "stage prepare ended with exit code 1" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"run.json", "lock"}


def test_data_list_and_check(tmp_path):
    assert [line.split("\t")[0] for line in recsys("data", "list").stdout.splitlines()] == ["online-retail", "ml-1m"]
    world = make_world()
    world.write(tmp_path / "shop")
    told = recsys("data", "check", tmp_path / "shop")
    assert told.returncode == 0
    assert f"{world.events.height} events" in told.stdout
    found = json.loads(recsys("data", "check", tmp_path / "shop", "--json").stdout)
    assert found["rows"] == {"items": world.items.height, "events": world.events.height}


def test_data_check_exits_1_where_too_much_is_malformed(tmp_path):
    world = make_world()
    world.write(tmp_path / "shop")
    world.events.with_columns(item_id=world.events["item_id"] + "x").write_parquet(tmp_path / "shop" / "events.parquet")
    done = recsys("data", "check", tmp_path / "shop")
    assert done.returncode == 1
    assert "not in items (first row 1)" in done.stdout
    assert "more malformed rows than quality.max_reject_fraction" in done.stderr
