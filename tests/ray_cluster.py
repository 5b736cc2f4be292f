"""`serving/ray_serve.yaml` on a Ray of one CPU, as `serve run` deploys it.

As a process: python -m tests.ray_cluster BUNDLES STATE PORT.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# five seconds, three times, are too short on a busy machine: the controller would kill a proxy that is about to start
os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "120")

import ray
from ray import serve
from ray.serve._private import api, client
from ray.serve.schema import ServeDeploySchema

START_SECONDS = 300
api.HTTP_PROXY_TIMEOUT = client.HTTP_PROXY_TIMEOUT = START_SECONDS  # a minute is too short on a busy machine
FILE = Path(__file__).parents[1] / "serving" / "ray_serve.yaml"


@contextmanager
def deployed(
    bundles: Path, state: Path, *, port: int, replicas: int, **arguments: Any
) -> Iterator[client.ServeControllerClient]:
    """The application of the file, all replicas on this machine's one CPU; `arguments`: others than in the file."""
    config = yaml.safe_load(FILE.read_text())
    config["http_options"]["port"] = port
    (application,) = config["applications"]
    application["args"] |= {
        "bundles": str(bundles),
        "state": str(state),
        "clock": "log",
        "log": str(state.parent / "log"),
        **arguments,
    }
    (deployment,) = application["deployments"]
    deployment["autoscaling_config"] |= {"min_replicas": replicas, "max_replicas": replicas}
    deployment["ray_actor_options"] = {"num_cpus": 0.9 / replicas}
    schema = ServeDeploySchema.model_validate(config)
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        namespace="serve",
        _node_ip_address="127.0.0.1",
    )
    try:
        serving = api.serve_start(http_options=schema.http_options.model_dump(), proxy_location=schema.proxy_location)
        serving.deploy_apps(schema)  # which would wait no longer than a minute
        serving._wait_for_application_running(application["name"], timeout_s=START_SECONDS)
        serving.wait_for_proxies_serving(wait_for_applications_running=True)
        yield serving
    finally:
        serve.shutdown()
        ray.shutdown()


def main() -> None:
    bundles, state, port = sys.argv[1:]
    with deployed(Path(bundles), Path(state), port=int(port), replicas=1):
        print(f"Listening on http://127.0.0.1:{port}", file=sys.stderr, flush=True)
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
