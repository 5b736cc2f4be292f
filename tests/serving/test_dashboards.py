"""The dashboard and the alerts ask for what the service tells, and for nothing else."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import serving
from serving.telemetry import Facts, Telemetry
from serving.visit import Visit

HERE = Path(serving.__path__[0])
DASHBOARD = json.loads((HERE / "dashboards" / "recsys.json").read_text())
RULES = [rule for group in yaml.safe_load((HERE / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
ASKED = re.compile(r"\b(?:recsys|process)_\w+")
BY = re.compile(r"\bby \(([^)]*)\)")
LABEL = re.compile(r'(\w+)(?:=|=~|!=)"')
FROM_PROMETHEUS = {"job", "instance", "le"}


def expressions() -> list[tuple[str, str]]:
    """(title, query) of every panel and rule."""
    panels = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]
    variables = [(v["name"], v["query"]) for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
    return [*panels, *variables, *((rule["alert"], rule["expr"]) for rule in RULES)]


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """Name of a sample → its labels, of a process that has done everything once."""
    telemetry = Telemetry(lambda: Facts(digest="d", age=1, waiting=0, drift_lists=1, drift={"score": 0.1}))
    visit = Visit(request_id="r", method="GET", route="/metrics", status=200, queued=1, started=2, ended=3)
    visit.lap("trees")
    from serving.schemas import Answer

    visit.answer = Answer.model_construct(arm="a", policy="p", degraded=["state"], bundle="b")
    telemetry.visited(visit)
    telemetry.recalled(1.0)
    samples = [s for family in text_string_to_metric_families(telemetry.text().decode()) for s in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


@pytest.mark.parametrize(("title", "query"), expressions())
def test_every_name_and_label_is_told(title: str, query: str, told: dict[str, set[str]]) -> None:
    names = ASKED.findall(query)
    assert names or "up{" in query
    assert set(names) <= set(told), title
    labels = {word.strip() for group in BY.findall(query) for word in group.split(",")} | set(LABEL.findall(query))
    assert labels - FROM_PROMETHEUS <= set().union(*(told[name] for name in names)), title


def test_everything_told_is_asked_for_somewhere(told: dict[str, set[str]]) -> None:
    asked = {name for _, query in expressions() for name in ASKED.findall(query)}
    own = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in told if name.startswith("recsys_")}
    assert own == {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in asked if name.startswith("recsys_")}


def test_each_panel_and_rule_stands_once() -> None:
    panels = DASHBOARD["panels"]
    for names in ([p["title"] for p in panels], [p["id"] for p in panels], [rule["alert"] for rule in RULES]):
        assert len(set(names)) == len(names)
    places = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels}
    assert len(places) == len(panels)


def test_rules_say_what_is_wrong_and_how_bad() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "warn"}
        assert rule["annotations"]["summary"].endswith(".")
