"""What a run folder holds, for those who use one: its configuration, its best network, its history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_sep.models import rebuild_network
from keras_sep.spec import StreamSpec
from training.callbacks import read_history

# Settings that runs had before they could choose.
BEFORE = {"optimizer": "adam", "data_share": 1.0, "snr_weight": 0.0}


def read_config(run: Path) -> dict[str, Any]:
    """config.json of a run.

    Raises:
        ValueError: a folder that is no run.
    """
    try:
        return {**BEFORE, **json.loads((run / "config.json").read_text(encoding="utf-8"))}
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def same_spec(specs: Mapping[str, StreamSpec]) -> StreamSpec:
    """The spec that all of these have, by the name of whose it is.

    Raises:
        ValueError: names two that differ, and in what.
    """
    (first, spec), *others = specs.items()
    for name, other in others:
        differs = [key for key, value in spec.to_dict().items() if other.to_dict()[key] != value]
        if differs:
            found = ", ".join(f"{key}={getattr(spec, key)} and {getattr(other, key)}" for key in differs)
            raise ValueError(f"expected networks of one spec. Received: {first} and {name} with {found}")
    return spec


def load_best(run: Path) -> tuple[keras.Model, StreamSpec]:
    """The best mask network of a run, in float32 whatever it was trained in, and its spec."""
    config = read_config(run)
    spec = StreamSpec.from_dict(config["spec"])
    try:
        return rebuild_network(run / "best.keras", config["architecture"], config["size"], spec), spec
    except OSError as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def best_row(run: Path) -> dict[str, Any]:
    """The epoch of best.keras: its row of history.csv, numbers as float."""
    rows = read_history(run / "history.csv")
    return {key: float(value) for key, value in min(rows, key=lambda row: float(row["val_loss"])).items()}
