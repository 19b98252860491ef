"""Training by several processes, on JAX: each mixes and computes its share of a batch, and the first writes the run.

A launcher starts the same command on every host, with `--distributed`: under SLURM, Open MPI and Kubernetes JAX finds
out who is who; others set JAX_COORDINATOR_ADDRESS (HOST:PORT of the first), JAX_NUM_PROCESSES and JAX_PROCESS_ID.
The rows of a batch depend on (seed, step, row) alone, so a run with the same batch is the same run whatever the number
of processes. When one is lost the others end, too; started again, with as many as there are, they go on from the last
checkpoint.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

# What a process that is lost costs the others before they end.
HEARTBEAT_S = 20


@dataclass(frozen=True)
class Processes:
    """All that train one run together.

    Attributes:
        index: of this one, from 0.
        count: of all.
    """

    index: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        return self.index == 0

    def share(self, batch_size: int) -> range:
        """Returns this process's rows of a batch."""
        rows = batch_size // self.count
        return range(self.index * rows, (self.index + 1) * rows)

    def shares(self, arrays: Any, batch_size: int) -> Any:
        """Returns this process's rows of arrays that are taken in batches of `batch_size`, the last maybe shorter."""
        length = len(keras.tree.flatten(arrays)[0])
        sizes = [min(batch_size, length - begin) for begin in range(0, length, batch_size)]
        begins = np.cumsum([0, *sizes])
        rows = [begin + row for begin, size in zip(begins, sizes, strict=False) for row in self.share(size)]
        return keras.tree.map_structure(lambda array: array[rows], arrays) if self.count > 1 else arrays

    def agree(self, value: bool) -> bool:
        """Returns the first process's value, to all; they call it together."""
        if self.count == 1:
            return value
        from jax.experimental import multihost_utils

        return bool(multihost_utils.broadcast_one_to_all(np.array(value)))

    def wait(self, name: str) -> None:
        """Returns when all have called it."""
        if self.count > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices(name)


def join(address: str | None = None, count: int | None = None, index: int | None = None) -> Processes:
    """Joins the others, and returns who all are; to be called before anything is computed.

    Args:
        address: HOST:PORT of the first; count, index: as of `Processes`. None for what the launcher says.

    Raises:
        ValueError: another backend than JAX, or nothing says who the others are.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(f"--distributed: expected KERAS_BACKEND=jax. Received: {keras.backend.backend()}")
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # it would keep the process from ending by SIGTERM
    try:
        jax.distributed.initialize(
            address,
            _number("JAX_NUM_PROCESSES") if count is None else count,
            _number("JAX_PROCESS_ID") if index is None else index,
            heartbeat_timeout_seconds=HEARTBEAT_S,
        )
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            "--distributed: expected SLURM, Open MPI, or JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and "
            f"JAX_PROCESS_ID. Received: {error}"
        ) from error
    return these_processes()


def these_processes() -> Processes:
    """Returns those that have joined; this one alone where none has."""
    if keras.backend.backend() != "jax" or "jax" not in sys.modules:
        return Processes()
    import jax

    if not jax.distributed.is_initialized():
        return Processes()
    return Processes(jax.process_index(), jax.process_count())


def most_processes(available: int, *sizes: int) -> int:
    """Returns how many of the available processes can share batches of all these sizes evenly."""
    return max(count for count in range(1, available + 1) if not any(size % count for size in sizes))


def _number(name: str) -> int | None:
    text = os.environ.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise ValueError(f"{name}: expected a number. Received: {text!r}")
    return int(text)
