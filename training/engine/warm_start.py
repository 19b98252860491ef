"""The initial weights of a run, from a preset of the package or another run (`init` of the configuration)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from common.exposure import TrainingExposure
from common.files import sha256_of
from common.runs import load_best
from keras_sep.models import ARCHITECTURES, BinMemoryUnet, MaskNetwork, load_network
from keras_sep.presets import presets
from keras_sep.spec import StreamSpec
from training.engine.carry_over import carry_over


def require_init(init: str) -> Path:
    """Returns the path of the .keras file that `init` names.

    Raises:
        ValueError: `init` is neither a preset with a Keras network nor a run folder with best.keras.
    """
    preset = presets().get(init)
    if preset and preset.network:
        return preset.network_path()
    path = Path(init) / "best.keras"
    if not path.exists():
        known = ", ".join(sorted(name for name, preset in presets().items() if preset.network))
        raise ValueError(f"init: expected a run folder with best.keras, or a preset ({known}). Received: {init}")
    return path


def load_init(init: str) -> MaskNetwork:
    """Loads the network that `init` names; raises ValueError as `require_init`."""
    path = require_init(init)
    return load_network(path) if init in presets() else load_best(Path(init))


def begin_with(init: str, architecture: str, size: str, spec: StreamSpec) -> MaskNetwork:
    """Loads the network that `init` names, to train it further.

    It keeps its sizes, whatever `size` is; but if `spec` has more views, its weights are carried over to a new network
    of that size, which sees them, and today's bands.

    Raises:
        ValueError: as of `require_init`; or the network has another architecture or spec, or cannot be carried over.
    """
    network = load_init(init)
    carries = isinstance(network, BinMemoryUnet) and spec.num_views > network.spec.num_views
    seen = dataclasses.replace(network.spec, views=spec.views) if carries else network.spec
    same_spec({"the configuration": spec, init: seen})
    if type(network) is not ARCHITECTURES.get(architecture):
        found = {kind: name for name, kind in ARCHITECTURES.items()}.get(type(network))
        raise ValueError(
            f"init: expected the architecture of the configuration, {architecture}. Received: {init}, {found}"
        )
    if not carries:
        return network
    more = BinMemoryUnet(size, spec)
    carry_over(network, more)
    return more


def same_spec(specs: Mapping[str, StreamSpec]) -> StreamSpec:
    """Returns the spec that all networks share.

    Args:
        specs: spec of each network, by its name.

    Raises:
        ValueError: names two networks whose specs differ, and the fields.
    """
    (first, spec), *others = specs.items()
    expected = spec.to_dict()
    for name, other in others:
        found = other.to_dict()
        if differs := [key for key in expected if expected[key] != found[key]]:
            what = ", ".join(f"{key}={expected[key]} and {found[key]}" for key in differs)
            raise ValueError(f"expected networks of one spec. Received: {first} and {name} with {what}")
    return spec


def overrides_of(preset: str) -> list[str]:
    """Returns the settings, "table.key=value", of a configuration that starts from a preset: model and spec.

    Raises:
        ValueError: there is no such preset, or it has no Keras network.
    """
    if preset not in presets():
        raise ValueError(f"--init-preset: expected one of {', '.join(sorted(presets()))}. Received: {preset}")
    require_init(preset)
    model, spec = presets()[preset].provenance["model"], presets()[preset].spec.to_dict()
    settings = [f"model.init={preset}", *(f"model.{name}={model[name]}" for name in ("architecture", "size"))]
    return [*settings, *(f"spec.{name}={json.dumps(value)}" for name, value in spec.items())]


def init_facts(init: str) -> dict[str, str]:
    """Returns the hash of the initial weights, which identifies them wherever they are; empty for random weights."""
    return {"init_sha256": sha256_of(require_init(init))} if init else {}


def exposure_of(init: str) -> TrainingExposure:
    """Returns the training exposure of the initial weights; an empty one for random weights."""
    if not init:
        return TrainingExposure()
    return TrainingExposure.of_preset(presets()[init]) if init in presets() else TrainingExposure.of_run(Path(init))


def has_folded_normalisation(init: str) -> bool:
    """Whether export has folded the batch normalisations of the network that `init` names into its convolutions."""
    return init in presets()


def restore_normalisation(network: MaskNetwork, magnitude: np.ndarray) -> None:
    """Restores batch normalisations that were folded into convolutions, with the statistics of `magnitude`.

    After folding, a normalisation has mean 0 and variance 1, which do not fit its input, so that in training the
    network would behave like another one. Mean, variance, scale and shift are replaced together: the network computes
    the same as before, and its normalisations fit the signals.

    Args:
        network: changed in place.
        magnitude: mixtures (B, T, F, V), linear, ≥ 0.
    """
    layers = [layer for layer in network._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    calls = {layer: layer.call for layer in layers}
    statistics: dict[Any, tuple[np.ndarray, np.ndarray]] = {}

    def watch(layer: keras.layers.BatchNormalization) -> Callable:
        def call(x, **arguments):
            axes = [axis for axis in range(len(x.shape)) if axis != len(x.shape) - 1]
            mean, variance = keras.ops.moments(x, axes)
            statistics[layer] = keras.ops.convert_to_numpy(mean), keras.ops.convert_to_numpy(variance)
            return calls[layer](x, **arguments)

        return call

    try:
        for layer in layers:
            layer.call = watch(layer)
        network(magnitude, training=False)
    finally:
        for layer in layers:
            layer.call = calls[layer]
    for layer, (mean, variance) in statistics.items():
        gamma, beta, old_mean, old_variance = layer.get_weights()
        slope = gamma / np.sqrt(old_variance + layer.epsilon)
        new_gamma = slope * np.sqrt(variance + layer.epsilon)
        layer.set_weights([new_gamma, beta + slope * (mean - old_mean), mean, variance])
