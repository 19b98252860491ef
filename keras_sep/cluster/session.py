"""A connection to a Ray cluster, or a cluster of this machine alone for as long as it is needed."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from keras_sep.environment import variables_set
from keras_sep.errors import AudioError

# Rows of tables pass through it, never audio.
_STORE_BYTES = 100_000_000
# Read when Ray is imported. Without the first, its servers listen on every interface, whatever they are told.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# The second: workers would give way to everything else on the machine, as those of --jobs do not.
_OURS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}


@contextlib.contextmanager
def ray_session(
    cluster: str, num_cores: int, *, store_bytes: int = _STORE_BYTES, progress: bool = False
) -> Iterator[Any]:
    """Connects to a cluster; yields the module ray.

    Args:
        cluster: "local" for this machine alone, in processes that listen on the loopback interface and end with the
            context; "auto" for the cluster that this machine is a node of; or the address of one, HOST:PORT.
        num_cores, store_bytes: of a local cluster, and room for what its processes send each other.
        progress: show Ray's progress bars.

    Raises:
        AudioError: Ray is not installed, or there is no cluster.

    Examples:
        >>> from keras_sep.cluster.session import ray_session
        >>> with ray_session("local", num_cores=1) as ray:
        ...     ray.get(ray.remote(lambda: 2).remote())
        2
    """
    is_loopback = cluster == "local" or _is_loopback(cluster)
    with variables_set(_OURS | (_LOOPBACK if is_loopback else {})):
        try:
            import ray
            from ray.data import DataContext
        except ImportError as error:
            raise AudioError('--cluster needs Ray: pip install "keras-sep[cluster]"') from error
        own: dict[str, Any] = {}
        if cluster == "local":
            own = {"num_cpus": num_cores, "object_store_memory": store_bytes, "include_dashboard": False}
        logging.getLogger("ray").setLevel(logging.ERROR)
        with _keeping_signals():
            try:
                ray.init(cluster, log_to_driver=False, logging_level=logging.ERROR, **own)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise AudioError(f"--cluster {cluster}: cannot connect: {' '.join(str(error).split())}") from error
        DataContext.get_current().enable_progress_bars = progress and sys.stderr.isatty()
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        try:
            yield ray
        finally:
            ray.shutdown()


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


@contextlib.contextmanager
def _keeping_signals() -> Iterator[None]:
    """Restores the command's handlers of signals, in place of which Ray puts others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
