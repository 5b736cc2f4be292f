"""The machine of deploy/compose.yaml: who reaches whom, what is published, and that its parts find each other."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

import serving
from serving.app import create_app
from serving.guard import MAX_BODY
from serving.routes import declared
from serving.run import GRACE_SECONDS
from serving.sqlite import SqliteStore
from tests.deploy.files import DEPLOY, ROOT, builds, read_yaml, source, understood
from tests.deploy.test_images import command
from tests.serving.server import RedisServer

COMPOSE = read_yaml("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROMETHEUS = read_yaml("compose/prometheus.yaml")
(JOB,) = PROMETHEUS["scrape_configs"]
TOLD = understood(command("serving", "CMD"))


def mounts(name: str) -> dict[str, tuple[str, bool]]:
    """Where in a service → what, and whether it is read-only."""
    found = {}
    for text in SERVICES[name].get("volumes", []):
        what, where, *mode = re.sub(r"\$\{(\w+)[^}]*\}", r"$\1", text).split(":")
        found[where] = (what, mode == ["ro"])
    return found


def published() -> Iterator[tuple[str, str]]:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            yield name, port


def test_only_the_door_and_the_charts_are_published_and_only_here() -> None:
    assert dict(published()) == {"door": "127.0.0.1:8000:8000", "grafana": "127.0.0.1:3000:3000"}
    assert not [name for name, service in SERVICES.items() if "network_mode" in service or "expose" in service]
    inside = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}
    assert {name for name, service in SERVICES.items() if set(service["networks"]) - inside} == {"door", "grafana"}


def test_who_asks_for_no_key_is_reached_by_few() -> None:
    def near(name: str) -> set[str]:
        networks = set(SERVICES[name]["networks"])
        return {other for other, service in SERVICES.items() if networks & set(service["networks"])} - {name}

    assert near("redis") == {"recommend"}
    assert near("prometheus") == {"grafana", "recommend", "door"}
    assert "prometheus" not in {name for name, _ in published()}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "door" else [])
    assert not {"privileged", "devices", "pid", "ipc", "userns_mode", "group_add"} & set(service)
    image, tag = service["image"].split(":")
    assert re.search(r"\d", tag), f"{image} needs a version"
    assert all(read for where, (what, read) in mounts(name).items() if what.startswith((".", "$")))
    assert not [where for where in mounts(name) if "docker.sock" in where]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_named_is_there(name: str) -> None:
    service = SERVICES[name]
    for what, _ in mounts(name).values():
        if what.startswith("./secrets/"):
            continue
        if what.startswith("."):
            assert (DEPLOY / what).resolve().exists(), what
        elif not what.startswith("$"):
            assert what in COMPOSE["volumes"]
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    for other, condition in service.get("depends_on", {}).items():
        assert condition == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other] or "HEALTHCHECK" in source("serving")


def test_nothing_is_declared_for_nobody() -> None:
    named = {what for name in SERVICES for what, _ in mounts(name).values()}
    assert set(COMPOSE["volumes"]) <= named
    assert set(COMPOSE["secrets"]) == {secret for service in SERVICES.values() for secret in service.get("secrets", [])}


def test_no_secret_is_in_a_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY", name):
                assert name.endswith("__FILE")
                assert value in {f"/run/secrets/{secret}" for secret in service["secrets"]}
    folders = {str(Path(secret["file"]).parent) for secret in COMPOSE["secrets"].values()}
    assert folders == {"secrets"}
    ignored = subprocess.run(["git", "check-ignore", "-q", "deploy/secrets/service/keys"], cwd=ROOT, check=False)
    assert ignored.returncode in {0, 128}  # 128: no repository, as in an unpacked archive
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_service_finds_what_its_command_names() -> None:
    service = SERVICES["recommend"]
    assert service["image"] in builds()
    assert builds()[service["image"]] == {"file": Path(service["build"]["dockerfile"]).name.removesuffix(".Dockerfile")}
    assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
    assert "command" not in service
    assert mounts("recommend")[str(TOLD["bundles"])] == ("$BUNDLES", True)
    assert str(TOLD["log"]) in mounts("recommend")
    assert "/compiled" in mounts("recommend")
    assert mounts("recommend")[str(TOLD["keys"].parent)] == ("./secrets/service", True)  # a folder: keys are replaced
    assert TOLD["state"] == "redis://redis:6379/0"
    assert {"recommend", "redis"} == {name for name, one in SERVICES.items() if "state" in one["networks"]}
    assert int(service["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS


def test_the_door_leads_to_the_service() -> None:
    text = (DEPLOY / "compose" / "Caddyfile").read_text()
    assert re.findall(r"^:(\d+) \{$", text, re.MULTILINE) == [SERVICES["door"]["ports"][0].split(":")[-1]]
    assert re.findall(r"dynamic a (\w+) (\d+) \{", text) == [("recommend", str(TOLD["port"]))]
    assert re.findall(r"max_size (\d+)KiB", text) == [str(MAX_BODY // 1024)]
    assert text.count("{") == text.count("}")
    assert "/etc/caddy/Caddyfile" in mounts("door")


def test_redis_keeps_what_it_acknowledges(tmp_path: Path) -> None:
    words = SERVICES["redis"]["command"]
    assert all(isinstance(word, str) for word in words)
    assert mounts("redis") == {"/data": ("state", False)}
    RedisServer.needed()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*words, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    try:
        client = redis.Redis(port=port, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 200))
        client.ping()
        wanted = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
        assert {name: client.config_get(name)[name] for name in wanted} == wanted
        client.close()
    finally:
        process.terminate()
        process.wait()


def test_each_process_is_asked_for_its_metrics_with_a_key_that_may(bundle_root: Path, tmp_path: Path) -> None:
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end)
    needs = {access.path: access.role for access in declared(app.routes)}
    assert needs[JOB["metrics_path"]] == "read"
    assert JOB["authorization"] == {"credentials_file": "/run/secrets/metrics_key"}
    assert SERVICES["prometheus"]["secrets"] == ["metrics_key"]
    (source,) = JOB["dns_sd_configs"]
    assert (source["names"], source["type"], source["port"]) == (["recommend"], "A", TOLD["port"])
    assert SERVICES["recommend"]["scale"] >= 2


def test_alerts_speak_of_the_job_and_are_read() -> None:
    alerts = (Path(serving.__path__[0]) / "alerts.yaml").read_text()
    assert set(re.findall(r'job="(\w+)"', alerts)) == {JOB["job_name"]}
    for path in PROMETHEUS["rule_files"]:
        assert mounts("prometheus")[path] == ("../serving/alerts.yaml", True)
    words = SERVICES["prometheus"]["command"]
    assert words[0].removeprefix("--config.file=") in mounts("prometheus")
    assert words[1].removeprefix("--storage.tsdb.path=") in mounts("prometheus")


def test_grafana_has_its_source_and_the_dashboard() -> None:
    (source,) = read_yaml("compose/grafana_source.yaml")["datasources"]
    (provider,) = read_yaml("compose/grafana_dashboards.yaml")["providers"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert set(SERVICES["grafana"]["networks"]) & set(SERVICES["prometheus"]["networks"])
    folder = provider["options"]["path"]
    assert mounts("grafana")[folder] == ("../serving/dashboards", True)
    (dashboard,) = (ROOT / "serving" / "dashboards").glob("*.json")
    variables = json.loads(dashboard.read_text())["templating"]["list"]
    assert [v["query"] for v in variables if v["type"] == "datasource"] == [source["type"]]


def test_the_readme_makes_each_secret_and_gives_it_to_who_reads_it() -> None:
    text = (ROOT / "README.md").read_text()
    files = {f"deploy/{secret['file']}" for secret in COMPOSE["secrets"].values()}
    files.add(f"deploy/secrets/service/{TOLD['keys'].name}")
    made = set(re.findall(r"(?:>|--file) (deploy/secrets/\S+)", text))
    assert made == files
    for line in re.findall(r"^    \.venv/bin/recsys (key .*--file deploy/.*?)(?:  +#.*| > .*)$", text, re.MULTILINE):
        assert understood(line.split())["command"] == "key"
