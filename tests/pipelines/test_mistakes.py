"""What a newcomer gets wrong, and the one sentence each gets back: what was expected, what was found, what to do.

All by the command line's own entry point, in this process; what happens in stages' processes, and Ctrl-C, port and
disk in a running one, have their tests in test_main, test_force, tests/serving and tests/test_artifacts.
"""

import json
import shutil
import socket
import sys
from pathlib import Path

import polars as pl
import pytest

from pipelines.__main__ import main
from recsys.data.synthetic import make_world

WORLD = make_world(n_users=12, n_items=16)
NAIVE = pl.col("timestamp").dt.replace_time_zone(None)


def directory(root: Path, name: str, items: pl.DataFrame = WORLD.items, events: pl.DataFrame = WORLD.events) -> None:
    """A shop's tables under a name."""
    (root / name).mkdir()
    items.write_parquet(root / name / "items.parquet")
    events.write_parquet(root / name / "events.parquet")


@pytest.fixture(scope="module")
def place(tmp_path_factory, bundle_root):
    """Directories with one thing wrong each, a good shop, and a published bundle."""
    root = tmp_path_factory.mktemp("newcomer")
    directory(root, "shop")
    directory(root, "no-zone", events=WORLD.events.with_columns(NAIVE))
    directory(root, "no-item-id", items=WORLD.items.rename({"item_id": "sku"}))
    directory(root, "no-user-id", events=WORLD.events.rename({"user_id": "customer"}))
    directory(root, "no-event", events=WORLD.events.drop("event"))
    directory(root, "own-roles", events=WORLD.events.with_columns(event=pl.lit("bought")))
    directory(root, "other-items", items=WORLD.items.with_columns(item_id="x" + pl.col("item_id")))
    directory(root, "no-rows", events=WORLD.events.head(0))
    directory(root, "words-for-times", events=WORLD.events.with_columns(timestamp=pl.lit("last week")))
    for name in ("empty", "one-table", "semicolons", "latin", "broken", "lists"):
        (root / name).mkdir()
    WORLD.items.write_parquet(root / "one-table" / "items.parquet")
    for separator, name, encoding in ((";", "semicolons", "utf8"), (",", "latin", "latin-1")):
        for table, rows in (("items", WORLD.items.select("item_id", title=pl.lit("Tëa"))), ("events", WORLD.events)):
            text = rows.drop("tags", strict=False).write_csv(separator=separator)
            (root / name / f"{table}.csv").write_text(text, encoding=encoding)
    shutil.copy(root / "shop" / "items.parquet", root / "broken" / "items.parquet")
    (root / "broken" / "events.parquet").write_bytes((root / "shop" / "events.parquet").read_bytes()[:200])
    shutil.copytree(bundle_root, root / "run" / "bundles", symlinks=True)
    (root / "run" / "run.json").write_text("{}")
    shutil.copytree(bundle_root, root / "altered", symlinks=True)
    users = (root / "altered" / "current").resolve() / "users.json"
    users.write_text(users.read_text().replace("u", "v", 1))
    shutil.copytree(bundle_root, root / "elder", symlinks=True)
    manifest = (root / "elder" / "current").resolve() / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": "0.0.1", "shape": "old"}))
    (root / "file").write_text("")
    (root / "settings.ini").write_text("target: new")
    (root / "users.bin").write_bytes(b"\xff\xfe\x00")
    return root


def told(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code, and what stood on stderr, boxes and line ends taken out."""
    monkeypatch.setattr(sys, "argv", ["recsys", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, " ".join(capfd.readouterr().err.replace("│", " ").split())


RECOMMEND = ["recommend", "--out", "@new", "--bundle"]
RUN = ["run", "--run", "@new", "--data"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["rnu"], 2, "No such command 'rnu'. Did you mean 'run'?"),
        (["run"], 2, "Missing option '--data'"),
        ([*RUN, "retail"], 2, "Expected --data as a directory or one of online-retail, ml-1m, got 'retail'; check the"),
        ([*RUN, "@shop", "--set", "task.traget=new"], 2, "Unknown setting task.traget; did you mean task.target?"),
        (
            [*RUN, "@shop", "--set", "task.target=old"],
            2,
            "Setting task.target: Input should be 'all' or 'new'",
        ),
        ([*RUN, "@shop", "--set", "seed"], 2, "Expected section.key=value, got 'seed'"),
        ([*RUN, "@shop", "--config", "@none.toml"], 2, "Cannot read the settings file"),
        ([*RUN, "@shop", "--config", "@settings.ini"], 2, "settings.ini is not TOML"),
        (
            [*RUN, "@shop", "--until", "yesterday"],
            2,
            "Expected --until as a quantile between 0 and 1 or a time such as",
        ),
        (["run", "--data", "@shop", "--run", "@shop"], 2, "Expected --run as a new directory or an earlier run, got"),
        (["run", "--data", "@shop", "--run", "@file"], 2, "file, a file; choose another."),
        (["embed", "--run", "@shop"], 2, "found no run.json; start with `recsys run`"),
        (["data", "check", "@nowhere"], 1, "found nothing; give a directory in the plain form or the name of a source"),
        (["data", "check", "@file"], 1, "found a file; give a directory"),
        (["data", "check", "@empty"], 1, "Expected items.parquet, .csv or .jsonl in"),
        (["data", "check", "@one-table"], 1, "found items.parquet; add the missing table."),
        (["data", "check", "@no-rows"], 1, "Expected rows in events, found none; export the table again."),
        (["data", "check", "@no-item-id"], 1, "sku; add it or name it in data.mapping.items."),
        (["data", "check", "@no-user-id"], 1, "customer; add it or name it in data.mapping.events."),
        (["data", "check", "@no-event"], 1, "or name the event of all rows in data.mapping.event"),
        (["data", "check", "@no-zone"], 1, 'write the column as UTC or set data.mapping.timezone, such as "UTC".'),
        (["data", "check", "@words-for-times"], 1, "more malformed rows than quality.max_reject_fraction; see above"),
        (["data", "check", "@own-roles"], 1, "more malformed rows than quality.max_reject_fraction; see above"),
        (["data", "check", "@other-items"], 1, "more malformed rows than quality.max_reject_fraction; see above"),
        (["data", "check", "@semicolons"], 1, "the fields seem to stand between ';', set data.mapping.separator"),
        (["data", "check", "@latin"], 1, "text as UTF-8, or tell its encoding in data.mapping.encoding."),
        (["data", "check", "@broken"], 1, "events.parquet cannot be read as parquet"),
        (
            ["data", "check", "@shop", "--set", "data.mapping.items={title='name'}"],
            1,
            "expected a column 'name'",
        ),
        (["data", "check", "@shop", "--set", "data.mapping.timezone=Berlin"], 2, "expected an IANA time zone such as"),
        (["data", "get", "ml1m", "--out", "@new"], 1, "did you mean ml-1m?"),
        (["data", "get", "ml-1m", "--out", "@shop"], 2, "which holds something; choose another."),
        (["init", "--out", "@settings.ini"], 2, "exists; choose another, or move it away."),
        (["init", "--data", "@empty", "--out", "@new"], 1, "Expected items and events, or one table of both"),
        ([*RECOMMEND, "@run"], 1, "run/bundles/current?"),
        ([*RECOMMEND, "@run/bundles"], 1, "run/bundles/current?"),
        ([*RECOMMEND, "@shop"], 1, "found no manifest.json; run the stage that makes it."),
        ([*RECOMMEND, "@altered/current"], 1, "users.json"),
        ([*RECOMMEND, "@elder/current"], 1, "manifest.json is not a manifest"),
        ([*RECOMMEND, "@run/bundles/current", "--users", "@users.bin"], 2, "expected a text file, one user_id a line."),
        ([*RECOMMEND, "@run/bundles/current", "--since", "monday"], 2, "Expected --since as a time such as"),
        ([*RECOMMEND, "@run/bundles/current", "--filters", "toys"], 2, "Expected --filters as in a request, such as"),
        ([*RECOMMEND, "@run/bundles/current", "--k", "0"], 2, "greater than or equal to 1"),
        (
            ["recommend", "--bundle", "@run/bundles/current", "--out", "@shop"],
            2,
            "exists and holds no lists",
        ),
        (["serve", "--bundles", "@run", "--port", "0"], 1, "run/bundles/current?"),
        (["serve", "--bundles", "@run/bundles", "--host", "0.0.0.0"], 2, "key"),
        (["serve", "--bundles", "@run/bundles", "--port", "TAKEN"], 2, "port"),
        (["serve", "--bundles", "@run/bundles", "--port", "0", "--set", "limits.anwsers=3"], 2, "limits.answers?"),
        (["ab", "--log", "@shop", "--out", "@new"], 1, "give the folder that recsys serve --log writes to."),
        (["ab", "--log", "@nowhere", "--out", "@new"], 1, "give the folder that recsys serve --log writes to."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_each_gets_one_sentence(place, tmp_path, monkeypatch, capfd, arguments, code, sentence):
    before = sorted(path.name for path in place.rglob("*"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port, new = str(taken.getsockname()[1]), str(tmp_path / "new")
        given = [
            port if one == "TAKEN" else new if one == "@new" else one.replace("@", f"{place}/") for one in arguments
        ]
        got, text = told(given, monkeypatch, capfd)
    assert got == code, text
    assert sentence in text
    assert "Traceback" not in text
    assert sorted(path.name for path in place.rglob("*")) == before
    assert list(tmp_path.glob("new/*")) == []
