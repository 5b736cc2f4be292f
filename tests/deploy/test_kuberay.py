"""The manifests for KubeRay name what is there: images, commands, settings, ports, volumes; no cluster is needed."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from recsys import settings
from recsys.errors import UsageError
from serving.app import create_app
from serving.routes import declared
from serving.run import check_host
from serving.sqlite import SqliteStore
from tests.deploy.files import DEPLOY, ROOT, builds, dockerfile, read_yaml, understood
from tests.deploy.test_images import PINNED, extras

MANIFESTS = {"service.yaml": "RayService", "train.yaml": "RayJob", "lists.yaml": "RayJob"}
JOBS = [name for name, kind in MANIFESTS.items() if kind == "RayJob"]
KNOWN = {
    "RayService": {"serveConfigV2", "rayClusterConfig"},
    "RayJob": {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "rayClusterSpec"},
    "cluster": {"rayVersion", "authOptions", "headGroupSpec", "workerGroupSpecs"},
    "group": {"rayStartParams", "template", "groupName", "replicas", "minReplicas", "maxReplicas"},
    "pod": {"securityContext", "volumes", "containers"},
    "container": {
        "name",
        "image",
        "securityContext",
        "env",
        "volumeMounts",
        "resources",
        "ports",
        "readinessProbe",
    },
}


def cluster(name: str) -> dict[str, Any]:
    spec = read_yaml(f"kuberay/{name}")["spec"]
    found: dict[str, Any] = spec.get("rayClusterConfig") or spec["rayClusterSpec"]
    return found


def pods() -> list[Any]:
    """Each pod of each manifest."""
    found = []
    for name in MANIFESTS:
        spec = cluster(name)
        for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
            found.append(pytest.param(group["template"]["spec"], id=f"{name}-{group.get('groupName', 'head')}"))
    return found


def cpus(group: dict[str, Any]) -> int:
    """What Ray takes a pod of a group to have."""
    (container,) = group["template"]["spec"]["containers"]
    return int(group["rayStartParams"].get("num-cpus", container["resources"]["limits"]["cpu"]))


@pytest.mark.parametrize(("name", "kind"), MANIFESTS.items())
def test_a_manifest_has_its_form(name: str, kind: str) -> None:
    manifest = read_yaml(f"kuberay/{name}")
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", kind)
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?", manifest["metadata"]["name"])
    assert set(manifest["spec"]) == KNOWN[kind]
    spec = cluster(name)
    assert set(spec) == KNOWN["cluster"]
    assert spec["rayVersion"] == PINNED["ray"]
    assert spec["authOptions"] == {"mode": "token"}
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert set(group) <= KNOWN["group"]
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
    for group in spec["workerGroupSpecs"]:
        assert 1 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


@pytest.mark.parametrize("pod", pods())
def test_a_pod_may_do_little_and_has_what_it_mounts(pod: dict[str, Any]) -> None:
    assert set(pod) == KNOWN["pod"]
    user = pod["securityContext"]
    assert user["runAsNonRoot"] is True
    assert {user["runAsUser"], user["runAsGroup"], user["fsGroup"]} == {10001}
    (container,) = pod["containers"]
    assert set(container) <= KNOWN["container"]
    shut = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert container["securityContext"] == shut
    assert set(container["resources"]) == {"requests", "limits"}
    assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    assert mounts["tmp"] == "/tmp"  # Ray's own files; it is the user's home as well
    claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
    assert claims == [read_yaml("kuberay/storage.yaml")["metadata"]["name"]]


@pytest.mark.parametrize("pod", pods())
def test_a_pod_runs_an_image_with_ray_as_its_user(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    build = builds()[container["image"]]
    assert "ray" in extras(container["image"]).split(",")  # with it the dashboard, by which KubeRay submits
    assert [i.text for i in dockerfile(build["file"]) if i.name == "USER"] == ["10001:10001"]
    assert "--home-dir /tmp" in (DEPLOY / f"{build['file']}.Dockerfile").read_text()


def test_the_storage_is_shared() -> None:
    claim = read_yaml("kuberay/storage.yaml")
    assert (claim["apiVersion"], claim["kind"]) == ("v1", "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_service_is_that_of_the_other_file_but_for_its_places() -> None:
    ours = yaml.safe_load(read_yaml("kuberay/service.yaml")["spec"]["serveConfigV2"])
    theirs = yaml.safe_load((ROOT / "serving" / "ray_serve.yaml").read_text())
    different = {"proxy_location": "EveryNode"}
    (one,), (other,) = ours["applications"], theirs["applications"]
    assert ours | different == theirs | different | {
        "http_options": theirs["http_options"] | {"host": "0.0.0.0"},
        "applications": [other | {"args": one["args"]}],
    }
    places = {"bundles", "log", "keys"}
    assert {k: v for k, v in one["args"].items() if k not in places} == {
        k: v for k, v in (other["args"] | {"state": "redis://redis:6379/0"}).items() if k not in places
    }


@pytest.mark.ray
@pytest.mark.slow
def test_ray_and_the_app_take_the_service(tmp_path: Path) -> None:
    from ray.serve.schema import ServeDeploySchema

    from serving.ray_app import Arguments

    config = yaml.safe_load(read_yaml("kuberay/service.yaml")["spec"]["serveConfigV2"])
    (application,) = ServeDeploySchema.model_validate(config).applications
    arguments = Arguments.model_validate(application.args)
    with pytest.raises(UsageError):
        check_host(config["http_options"]["host"])
    assert arguments.keys is not None
    (group,) = cluster("service.yaml")["workerGroupSpecs"]
    (deployment,) = config["applications"][0]["deployments"]
    most = deployment["autoscaling_config"]["max_replicas"] * deployment["ray_actor_options"]["num_cpus"]
    assert group["maxReplicas"] * cpus(group) >= most
    assert len(arguments.metrics.every) >= cpus(group)
    (container,) = group["template"]["spec"]["containers"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    for path in (arguments.bundles, arguments.log, arguments.keys):
        assert path is not None
        assert f"/{path.parts[1]}" in mounts
    (secret,) = [v["secret"] for v in group["template"]["spec"]["volumes"] if "secret" in v]
    assert secret["defaultMode"] & 0o007 == 0
    assert secret["defaultMode"] & 0o022 == 0  # `recsys serve` refuses keys that others may write


def test_it_is_probed_where_it_answers(bundle_root: Path, tmp_path: Path) -> None:
    (group,) = cluster("service.yaml")["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    probe = container["readinessProbe"]["httpGet"]
    app = create_app(bundle_root, store=SqliteStore(tmp_path / "state"), clock=lambda end: end)
    assert {access.path: access.role for access in declared(app.routes)}[probe["path"]] == "anyone"
    config = yaml.safe_load(read_yaml("kuberay/service.yaml")["spec"]["serveConfigV2"])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert probe["port"] == ports["serve"] == config["http_options"]["port"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_calls_what_there_is(name: str) -> None:
    spec = read_yaml(f"kuberay/{name}")["spec"]
    program, *words = shlex.split(spec["entrypoint"])
    assert program == "recsys"
    (head,) = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    mounts = {mount["mountPath"] for mount in head["volumeMounts"]}
    for path in (word for word in words if word.startswith("/")):
        assert f"/{Path(path).parts[1]}" in mounts
    assert understood(words)["command"] in {"run", "recommend"}
    assert spec["shutdownAfterJobFinishes"] is True


def test_trainers_have_what_the_settings_ask_for() -> None:
    spec = read_yaml("kuberay/train.yaml")["spec"]
    told = understood(shlex.split(spec["entrypoint"])[1:])
    chosen = settings.load(None, told["set_"]).finetune
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    assert group["minReplicas"] * cpus(group) == chosen.workers
    (container,) = group["template"]["spec"]["containers"]
    assert int(container["resources"]["limits"]["cpu"]) >= cpus(group) * chosen.threads


def test_makers_of_lists_are_as_many_as_their_cpus() -> None:
    spec = read_yaml("kuberay/lists.yaml")["spec"]
    told = understood(shlex.split(spec["entrypoint"])[1:])
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    assert (told["engine"], told["workers"]) == ("ray", group["minReplicas"] * cpus(group))
    assert str(told["bundle"]).startswith(str(Path(str(told["out"])).parent))


@pytest.mark.parametrize("name", JOBS)
def test_a_job_runs_in_an_image_with_what_ray_trains_and_shares_data_by(name: str) -> None:
    images = {c["image"] for pod in pods() if str(pod.id).startswith(name) for c in pod.values[0]["containers"]}
    assert all("train" in extras(image).split(",") for image in images)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_ray_takes_the_line_that_submits_it(name: str) -> None:
    from ray.dashboard.modules.job.cli import submit

    text = (DEPLOY / "kuberay" / name).read_text()
    (line,) = re.findall(r"ray job submit (.*)$", text, re.MULTILINE)
    entrypoint = shlex.split(read_yaml(f"kuberay/{name}")["spec"]["entrypoint"])
    words = [*shlex.split(line)[:-1], *entrypoint]
    with submit.make_context("submit", words) as context:
        assert list(context.params["entrypoint"]) == entrypoint
        assert json.dumps(context.params["address"]) == '"http://HEAD:8265"'
