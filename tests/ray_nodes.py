"""Several of Ray's nodes on this machine, each with one CPU; one can be lost as a machine is when its power fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray._private.node import Node
from ray.cluster_utils import Cluster

# drivers take 127.0.0.1 for the machine's outer address, where nobody listens
_NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "node_ip_address": "127.0.0.2"}
_NOTICED_SOON = {"health_check_period_ms": 1000, "health_check_failure_threshold": 2}
"""By default a node counts as lost after 15 s."""


@contextmanager
def nodes(n: int) -> Iterator[Cluster]:
    """A cluster of n nodes, one CPU each, which $RAY_ADDRESS names, as it does in a Ray job; drivers join its head."""
    cluster = Cluster()
    try:
        cluster.add_node(**_NODE, include_dashboard=False, _system_config=_NOTICED_SOON)
        for _ in range(n - 1):
            cluster.add_node(**_NODE)
        os.environ["RAY_ADDRESS"] = cluster.address
        yield cluster
    finally:
        os.environ.pop("RAY_ADDRESS", None)
        ray.shutdown()
        cluster.shutdown()


def lose(cluster: Cluster, working: str) -> None:
    """Kill all processes of a node, not the head, on which an actor works whose process has a name that begins so."""
    node, workers = next((node, workers) for node in cluster.worker_nodes if _works(workers := _workers(node), working))
    cluster.remove_node(node, allow_graceful=False)
    for worker in workers:  # they would outlive their raylet for seconds, and work on
        with suppress(psutil.NoSuchProcess):
            worker.kill()


def _workers(node: Node) -> list[psutil.Process]:
    (raylet,) = node.all_processes["raylet"]
    return psutil.Process(raylet.process.pid).children(recursive=True)


def _works(workers: list[psutil.Process], name: str) -> bool:
    return any(worker.cmdline()[:1] and worker.cmdline()[0].startswith(name) for worker in workers)
