"""Data-parallel training on several devices, on TensorFlow or JAX, with the same numbers as on one.

A batch is split evenly; the devices' gradients are averaged, and batch normalisation sees the whole batch. On
TensorFlow each device clips its share of the gradient before the shares are added; on JAX the whole is clipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def data_parallel(count: int) -> Iterator[None]:
    """Makes everything that is built and fitted inside the context run on `count` devices; 1 changes nothing.

    Raises:
        ValueError: there are fewer devices, or the backend is neither TensorFlow nor JAX.
    """
    if count == 1:
        yield
        return
    backend = keras.backend.backend()
    if backend == "jax":
        devices = keras.distribution.list_devices()
        _require(devices, count)
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices[:count], auto_shard_dataset=False)
        )
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
    """Makes batch normalisation use the statistics of the whole batch on TensorFlow, as JAX does by itself."""
    if keras.backend.backend() == "tensorflow":
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True


def distributable(make_batches: Callable[[], Iterator[Any]], count: int) -> Any:
    """Returns batches in a form that `fit` takes: a generator, or a tf.data.Dataset for several TensorFlow devices.

    Args:
        make_batches: returns a generator of batches of NumPy arrays, which begins with the first batch to train on.
        count: number of devices, ≥ 1.
    """
    if count == 1 or keras.backend.backend() != "tensorflow":
        return make_batches()
    import tensorflow as tf

    probe = make_batches()
    signature = keras.tree.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), next(probe))
    probe.close()  # type: ignore[attr-defined]
    # Keras peeks at a distributed data set and discards that iterator, so each iterator must begin anew.
    return tf.data.Dataset.from_generator(make_batches, output_signature=signature).prefetch(1)


def _require(devices: list[str], count: int) -> None:
    if len(devices) < count:
        raise ValueError(f"--devices: expected at most {len(devices)} ({', '.join(devices)}). Received: {count}")
