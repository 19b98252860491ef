"""The model that `fit` trains, built and compiled from a configuration."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras

from common.runs import load_best
from keras_sep.models import Unet, build_network
from keras_sep.separation import Separation
from keras_sep.teachers import Teacher
from training.engine.config import TrainConfig
from training.engine.fused_normalisation import fuse_normalisation
from training.engine.fused_recurrence import fuse_recurrence
from training.engine.optimizer import Muon
from training.engine.parallel import synchronise_normalisation
from training.engine.warm_start import begin_with, same_spec


def build(config: TrainConfig, devices: int) -> Separation:
    """Builds and compiles the model of a run, with the variables of the network and of the optimizer.

    Args:
        config: of the run.
        devices: number of devices, ≥ 1; with more than one, call it inside `training.engine.parallel.data_parallel`.
    """
    model = build_separation(config)
    if config.model.freeze_normalisation:
        for layer in model.network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    if devices > 1:
        synchronise_normalisation(model.network)
    else:
        fuse_normalisation(model.network)
        fuse_recurrence(model.network)
    model.build((None, config.data.segment_frames, config.spec.num_bins, config.spec.num_views))
    compile_separation(model, config)
    # Built now: if the first step created these variables, `fit` would trace the step twice.
    model.optimizer.build(model.trainable_variables)
    return model


def build_separation(config: TrainConfig) -> Separation:
    """Builds the model that `fit` trains, a network with its losses and its teacher, without compiling it.

    Raises:
        ValueError: the initial weights or the teacher do not fit the configuration, or `segment_frames` does not fit
            the network.
    """
    first = config.model
    if first.init:
        network = begin_with(first.init, first.architecture, first.size, config.spec)
    else:
        network = build_network(first.architecture, first.size, config.spec)
    if config.data.segment_frames % network.least_frames:
        raise ValueError(
            f"configuration: segment_frames must be a multiple of {network.least_frames} for the U-Net. "
            f"Received: segment_frames={config.data.segment_frames}"
        )
    loss = config.loss
    return Separation(network, _load_teacher(config), loss.compressed_weight, loss.snr_weight)


def _load_teacher(config: TrainConfig) -> Teacher | None:
    run = config.loss.teacher
    if not run:
        return None
    network = load_best(Path(run))
    if not isinstance(network, Unet):
        raise ValueError(f"teacher: expected a run of a U-Net. Received: {run}, {network.name}")
    # The teacher is given the sources, which have one magnitude for each channel and no other views.
    same_spec({"the sources": dataclasses.replace(config.spec, views=None), run: network.spec})
    return Teacher(network, config.loss.num_taps)


def compile_separation(model: Separation, config: TrainConfig) -> None:
    """Compiles a model with the optimizer of the configuration.

    It is Adam or Muon with a linear warm-up, cosine decay to zero, clipped gradients and, if configured, a moving
    average of the weights.
    """
    settings = config.optimizer
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        config.num_steps - settings.warmup_steps,
        warmup_target=settings.learning_rate,
        warmup_steps=settings.warmup_steps,
    )
    average = {"use_ema": True, "ema_momentum": settings.ema_momentum} if settings.ema_momentum else {}
    kind = Muon if settings.name == "muon" else keras.optimizers.Adam
    optimizer = kind(schedule, clipnorm=settings.clipnorm, **average)
    # On TensorFlow's CPU, XLA is a third slower (measured); JAX always uses it.
    model.compile(optimizer, jit_compile=keras.backend.backend() == "jax")
