"""Training on the hosts of a Ray cluster, a process each, by Ray Train.

A process that dies ends the step for all; Ray Train starts as many as there are machines left, and they go on from the
last checkpoint. The run's folder, the data and the cache are on a file system that all hosts share.
"""

from __future__ import annotations

import dataclasses
import socket
import tempfile
from pathlib import Path
from typing import Any

from keras_sep.batch.workers import usable_cores
from keras_sep.cluster.session import ray_session
from keras_sep.presets import presets
from training.engine.config import TrainConfig

MOST_FAILURES = 10


def train_on_hosts(
    cluster: str, hosts: int, config: TrainConfig, data: Path, run: Path, *, gpus: int = 0, **options: Any
) -> None:
    """Trains a run on up to `hosts` hosts.

    Args:
        cluster: see `keras_sep.cluster.session.ray_session`.
        hosts: processes, one a host, ≥ 1; after a loss, as many as are left.
        config, data, run, options: as of `training.engine.training_run.train`.
        gpus: that each process takes.

    Raises:
        ValueError: training failed, for another reason than a lost process, or more often than MOST_FAILURES times.
    """
    if hosts < 1:
        raise ValueError(f"--hosts: expected at least 1. Received: {hosts}")
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, init=_whole(config.model.init)),
        loss=dataclasses.replace(config.loss, teacher=_whole(config.loss.teacher)),
    )
    paths = {"data": data.resolve(), "run": run.resolve(), "cache": (options.pop("cache") or run / "cache").resolve()}
    with ray_session(cluster, usable_cores()), tempfile.TemporaryDirectory() as storage:
        from ray.train.v2.api.config import FailureConfig, RunConfig, ScalingConfig
        from ray.train.v2.jax import JaxTrainer

        sizes = (config.data.batch_size, config.data.validation_segments)
        trainer = JaxTrainer(
            _process,
            train_loop_config={"config": config, "sizes": sizes, **paths, **options},
            scaling_config=ScalingConfig(
                num_workers=(1, hosts) if hosts > 1 else 1,
                use_gpu=gpus > 0,
                resources_per_worker={"CPU": 1, **({"GPU": gpus} if gpus else {})},
                placement_strategy="SPREAD",
            ),
            run_config=RunConfig(
                storage_path=storage,
                failure_config=FailureConfig(max_failures=MOST_FAILURES),
                worker_runtime_env={"env_vars": {"KERAS_BACKEND": "jax"}},
            ),
        )
        try:
            trainer.fit()
        except Exception as error:
            raise ValueError(f"training on {hosts} hosts failed: {' '.join(str(error).split())}") from error


def _whole(folder: str) -> str:
    """Returns a folder's path from the root, the same wherever a process starts; the name of a preset stays."""
    return folder if not folder or folder in presets() else str(Path(folder).resolve())


def _process(given: dict[str, Any]) -> None:
    """Trains as one process of a run."""
    from ray import train as ray_train
    from ray.train.collective import broadcast_from_rank_zero

    from training.engine import distributed
    from training.engine.training_run import train

    context = ray_train.get_context()
    index, sizes = context.get_world_rank(), given.pop("sizes")
    address = broadcast_from_rank_zero(_free_address() if index == 0 else None)
    count = distributed.most_processes(context.get_world_size(), *sizes)
    if index >= count:  # a batch cannot be shared by all that are left
        return
    if count > 1:
        distributed.join(address, count, index)
    config, data, run = (given.pop(name) for name in ("config", "data", "run"))
    train(config, data, run, **given)


def _free_address() -> str:
    """Returns an address of this machine that the other processes can reach."""
    import ray

    host = ray.util.get_node_ip_address()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return f"[{host}]:{probe.getsockname()[1]}" if ":" in host else f"{host}:{probe.getsockname()[1]}"
