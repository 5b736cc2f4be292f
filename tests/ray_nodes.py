"""Several of Ray's nodes on this machine, each with one CPU; one can be lost as a machine is when its power fails."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
import ray
from ray._private import services
from ray._private.node import Node
from ray.cluster_utils import Cluster

START_SECONDS = 300
_get_node = services.get_node


def _patient(address: str, node_id: str) -> Any:
    """What Ray asks for half a minute when it starts a node, and then gives up."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return _get_node(address, node_id)
        except RuntimeError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


services.get_node = _patient

# drivers take 127.0.0.1 for the machine's outer address, where nobody listens
_NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "node_ip_address": "127.0.0.2"}
_NOTICED_SOON = {"health_check_period_ms": 1000, "health_check_failure_threshold": 2}
"""By default a node counts as lost after 15 s."""


@contextmanager
def nodes(n: int) -> Iterator[Cluster]:
    """A cluster of n nodes, one CPU each, which $RAY_ADDRESS names, as it does in a Ray job; drivers join its head."""
    cluster = Cluster()
    try:
        cluster.add_node(wait=False, **_NODE, **_ports(), include_dashboard=False, _system_config=_NOTICED_SOON)
        for _ in range(n - 1):
            cluster.add_node(wait=False, **_NODE, **_ports())
        cluster.wait_for_nodes(START_SECONDS)
        os.environ["RAY_ADDRESS"] = cluster.address
        yield cluster
    finally:
        os.environ.pop("RAY_ADDRESS", None)
        ray.shutdown()
        cluster.shutdown()


def _ports() -> dict[str, int]:
    """Free ones for a node's agents: for those that choose their own it waits 15 s, too short on a busy machine."""
    agents = ("metrics_agent_port", "runtime_env_agent_port", "metrics_export_port", "dashboard_agent_listen_port")
    held = [socket.create_server(("127.0.0.2", 0)) for _ in agents]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return dict(zip(agents, ports, strict=True))


def lose(cluster: Cluster, working: str) -> None:
    """Kill all processes of a node, not the head, on which an actor works whose process has a name that begins so."""
    node = next(node for node in cluster.worker_nodes if _has(node, working))
    cluster.remove_node(node, allow_graceful=False)


def _has(node: Node, working: str) -> bool:
    (raylet,) = node.all_processes["raylet"]
    children = psutil.Process(raylet.process.pid).children(recursive=True)
    return any(child.cmdline()[:1] and child.cmdline()[0].startswith(working) for child in children)
