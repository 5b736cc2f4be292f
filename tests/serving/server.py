"""A real Redis server, for as long as a test needs it."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis


class RedisServer:
    """On a free port of loopback, keeping what it acknowledges; it can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.needed()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url, self._folder = f"redis://127.0.0.1:{self.port}/0", folder
        self.start()

    @staticmethod
    def needed() -> None:
        """Skip the test where there is none."""
        if shutil.which("redis-server") is None:
            pytest.skip("there is no redis-server here; .ci/run installs one")

    def start(self) -> None:
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen(["redis-server", *where, *durable], stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(self.url)
        for _ in range(400):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                assert self._process.poll() is None
                time.sleep(0.02)
        client.close()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Let it hang."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)
