"""Ray clusters of several nodes on this machine: processes of `ray start`, which listen on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# `ray start` puts a machine's address on the network in place of the loopback interface's, where others could connect.
START = """
from ray._private import services
services.resolve_ip_for_localhost = lambda host: host
from ray.scripts.scripts import main
main()
"""
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "PYTHONPATH": str(ROOT)}


class RayNodes:
    """The nodes of one cluster, the head first.

    Attributes:
        address: of the head, for --cluster.
        environment: of whoever connects: only who has the cluster's token may.
        nodes: a process each, which leads a separate group.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        token = folder / "token"
        token.touch(0o600)
        token.write_text(secrets.token_hex(32))
        authentication = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        self.environment = {**os.environ, **ENVIRONMENT, **authentication}
        self.address = f"127.0.0.1:{_free_port()}"
        self.nodes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """Starts one more node, and returns when the cluster has it."""
        is_head, number = not self.nodes, len(self.nodes)
        place = ["--head", f"--port={self.address.rpartition(':')[2]}"] if is_head else [f"--address={self.address}"]
        command = [sys.executable, "-c", START, "start", *place, "--block", "--num-cpus=1"]
        command += ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000"]
        command += [f"--temp-dir={self._folder}", "--include-dashboard=false"] if is_head else []
        log = (self._folder / f"node-{number}.log").open("wb")
        node = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=self.environment)
        self.nodes.append(node)
        end = time.monotonic() + 120
        while b"Ray runtime started" not in (self._folder / f"node-{number}.log").read_bytes():
            if node.poll() is not None or time.monotonic() > end:
                raise OSError(f"a Ray node did not start: {(self._folder / f'node-{number}.log').read_text()}")
            time.sleep(0.2)
        return node

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kills all processes of a node at once, as a loss of power would."""
        for process in descendants(node.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        node.wait()

    @contextlib.contextmanager
    def counting_cpu(self) -> Iterator[dict[int, float]]:
        """Yields the processor seconds that each process of the nodes has used within the context, kept up to date.

        They are looked at ten times a second: Ray kills its workers, whose time then nobody is told.
        """
        before, used = self._cpu_seconds(), dict[int, float]()
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.1):
                used.update({pid: now - before.get(pid, 0.0) for pid, now in self._cpu_seconds().items()})

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield used
        finally:
            ended.set()
            thread.join()

    def _cpu_seconds(self) -> dict[int, float]:
        found = {}
        for node in self.nodes:
            for process in descendants(node.pid):
                with contextlib.suppress(OSError):
                    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
                    found[process] = sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")
        return found

    def workers(self) -> list[int]:
        """Returns the processes that separate songs."""
        return [process for node in self.nodes for process in titled(node.pid, "MapWorker")]


@contextlib.contextmanager
def ray_nodes(count: int) -> Iterator[RayNodes]:
    """Starts a cluster of `count` nodes, with a core each; it ends with the context."""
    with tempfile.TemporaryDirectory(prefix="ray") as folder:  # a short name: it is part of those of sockets
        nodes = RayNodes(Path(folder))
        try:
            for _ in range(count):
                nodes.start()
            yield nodes
        finally:
            for node in nodes.nodes:
                nodes.kill(node)


def titled(process: int, title: str) -> list[int]:
    """Returns a process and its descendants whose titles contain a text; Ray gives actors that of their class."""
    found = []
    for each in descendants(process):
        with contextlib.suppress(OSError):
            if title.encode() in Path(f"/proc/{each}/cmdline").read_bytes():
                found.append(each)
    return found


def descendants(process: int) -> list[int]:
    """Returns a process with all that it has started, and what those have."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
