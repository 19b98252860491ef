"""Data-parallel training on several devices, on TensorFlow or JAX: one flag, the same numbers.

A batch is split evenly; the devices' gradients are averaged and batch normalisation sees the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def data_parallel(count: int, batch_size: int) -> Iterator[None]:
    """Everything built and fitted inside runs on `count` devices; 1 changes nothing.

    Raises:
        ValueError: with fewer devices than that, a batch that cannot be split, or another backend.
    """
    if count == 1:
        yield
        return
    if count < 1 or batch_size % count:
        raise ValueError(f"--devices: expected a divisor of batch_size={batch_size}. Received: {count}")
    backend = keras.backend.backend()
    if backend == "jax":
        devices = keras.distribution.list_devices()
        _require(devices, count)
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices[:count]))
        try:
            yield
        finally:
            keras.distribution.set_distribution(None)
    elif backend == "tensorflow":
        import tensorflow as tf

        devices = [d.name for d in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")]
        _require(devices, count)
        with tf.distribute.MirroredStrategy(devices[:count]).scope():
            yield
    else:
        raise ValueError(f"--devices: expected the backend tensorflow or jax. Received: {backend}")


def synchronise_normalisation(network: keras.Model) -> None:
    """Batch normalisation over all replicas on TensorFlow; on JAX it is so by itself."""
    if keras.backend.backend() == "tensorflow":
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True


def _require(devices: list[str], count: int) -> None:
    if len(devices) < count:
        raise ValueError(f"--devices: expected at most {len(devices)} ({', '.join(devices)}). Received: {count}")
