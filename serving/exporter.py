"""Metrics of one process of several behind a port that chooses among them: each on a port of its own."""

import logging
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, start_http_server

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"


def export(registry: CollectorRegistry, ports: Sequence[int]) -> int | None:
    """Tell Prometheus what is counted, until the process ends, on the first port of this machine that is free.

    Args:
        registry: of the process.
        ports: loopback only: nobody is asked for a key there.

    Returns:
        The port; None where none is free, which is told in the log: an answer matters more than its count.
    """
    for port in ports:
        try:
            start_http_server(port, addr=_HOST, registry=registry)
        except OSError:  # another process of this machine has it
            continue
        return port
    if ports:
        _LOG.error("No port is free to tell this process's metrics; name more.")
    return None
