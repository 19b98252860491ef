"""Where a run's weights come from at first: a preset of the package, or another run (`init` of the configuration)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sep.models import load_network
from keras_sep.presets import ASSETS, presets
from keras_sep.spec import StreamSpec
from training.runs import load_best, read_config

Rows = dict[str, list[dict[str, str]]]


def require_init(init: str) -> Path:
    """The file of the network that `init` names.

    Raises:
        ValueError: neither a preset with a Keras network nor a run folder.
    """
    preset = presets().get(init)
    path = ASSETS / preset.network["file"] if preset and preset.network else Path(init) / "best.keras"
    if not path.exists():
        known = ", ".join(sorted(name for name, preset in presets().items() if preset.network))
        raise ValueError(f"init: expected a run folder with best.keras, or a preset ({known}). Received: {init}")
    return path


def load_init(init: str) -> tuple[keras.Model, StreamSpec]:
    """The network that `init` names, and its spec; raises ValueError as `require_init`."""
    path = require_init(init)
    return (load_network(path), presets()[init].spec) if init in presets() else load_best(Path(init))


def overrides_of(preset: str) -> list[str]:
    """Settings of a configuration that begins with a preset.

    Raises:
        ValueError: no such preset, or one without a Keras network.
    """
    if preset not in presets():
        raise ValueError(f"--init-preset: expected one of {', '.join(sorted(presets()))}. Received: {preset}")
    require_init(preset)
    provenance = presets()[preset].provenance
    return [f"init={preset}", f"architecture={provenance['architecture']}", f"size={provenance['size']}"]


def init_facts(init: str) -> dict[str, str]:
    return {"init_sha256": hashlib.sha256(require_init(init).read_bytes()).hexdigest()} if init else {}


def heard_before(init: str) -> Rows:
    """What the first weights have heard, by split, as rows of a manifest; of a preset it is known by hash and name."""
    if not init:
        return {"train": [], "valid": []}
    if init not in presets():
        return _heard_by_run(Path(init))
    preset = presets()[init]
    empty = {"path": "", "sha256": "", "licence": preset.licence, "song": "", "dataset": f"preset {init}"}
    return {
        split: [{**empty, "song": song} for song in heard["songs"]] + [{**empty, "sha256": x} for x in heard["stems"]]
        for split, heard in preset.provenance["trained_on"].items()
    }


def _heard_by_run(run: Path) -> Rows:
    """Its manifest, with that of its teacher."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    teacher = read_config(run).get("teacher")
    others = _heard_by_run(Path(teacher)) if teacher else heard_before("")
    return {split: manifest[split] + [row for row in others[split] if row not in manifest[split]] for split in others}


def initialise(network: keras.Model, init: str, magnitude: Callable[[], np.ndarray]) -> None:
    """Gives `network` the weights that `init` names.

    Args:
        network: built, of the same architecture and size; level and masks that sum to one, without weights, may differ,
            and memories of bins may be more or wider: what they add begins with zeros.
        init: a preset or a run folder.
        magnitude: gives mixtures (B, T, F, C), to find the statistics of normalisation that a preset lacks.

    Raises:
        ValueError: another architecture or size.
    """
    other, _ = load_init(init)
    weights = {weight.path: keras.ops.convert_to_numpy(weight) for weight in other.weights}
    grown = [_grown(weight, weights.pop(weight.path, None)) for weight in network.weights]
    if weights or any(value is None for value in grown):
        raise ValueError(
            f"init: expected the architecture and size of the configuration, {network.name} with "
            f"{network.count_params()} parameters. Received: {init}, {other.name} with {other.count_params()}"
        )
    network.set_weights(grown)
    if init in presets():
        restore_normalisation(network, magnitude())


def _grown(weight: Any, value: np.ndarray | None) -> np.ndarray | None:
    """`value` as it fits into `weight`, of a memory's part that is new the weight's own; None if it does not fit.

    The first units of a memory are the former ones, and hear nothing of the new ones; these are not heard by its Dense.
    """
    own = keras.ops.convert_to_numpy(weight)
    if value is not None and value.shape == own.shape:
        return value
    layer, kind = weight.path.split("/")[0], weight.path.split("/")[-1]
    if "_memory_" not in layer:
        return None
    if value is None:
        return own
    if value.ndim != own.ndim or any(a > b for a, b in zip(value.shape, own.shape, strict=True)):
        return None
    if "/dense/" in weight.path:  # (U, C)
        return np.pad(value, ((0, len(own) - len(value)), (0, 0)))
    # (C, 3U), (U, 3U) and (2, 3U): a block for each gate.
    blocks, former = own.reshape(len(own), 3, -1).copy(), value.reshape(len(value), 3, -1)
    units = former.shape[-1]
    if kind == "recurrent_kernel":
        blocks[units:, :, :units] = 0
    blocks[: len(former), :, :units] = former
    return blocks.reshape(own.shape)


def restore_normalisation(network: keras.Model, magnitude: np.ndarray) -> None:
    """Gives batch normalisations that were folded into convolutions the statistics of `magnitude` (B, T, F, C).

    Export folds a normalisation away: what remains is one of mean 0 and variance 1, and in training it would behave
    like another network. Mean, variance, scale and shift are replaced together, so that the network computes what it
    did before, and its normalisations now fit the signals.
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
