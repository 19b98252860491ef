"""Run folders of `python -m training train`: configuration, best network and history."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from keras_sep.models import MaskNetwork, load_network

Row = dict[str, str]


def read_config(run: Path) -> dict[str, Any]:
    """Reads config.json of a run: the tables of its configuration, and what the run recorded about itself.

    Raises:
        ValueError: the folder is not a run.
    """
    try:
        config = json.loads((run / "config.json").read_text(encoding="utf-8"))
        config["model"]  # another program's config.json has no such table
        return config
    except (OSError, TypeError, LookupError, ValueError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def load_best(run: Path) -> MaskNetwork:
    """Loads best.keras of a run, the network with the lowest validation loss.

    Raises:
        ValueError: the folder is not a run, or best.keras is missing or cannot be read.
    """
    read_config(run)
    try:
        return load_network(run / "best.keras")
    except (OSError, ValueError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def read_history(run: Path) -> list[Row]:
    """Reads history.csv of a run: one row an epoch.

    Returns an empty list if the file does not exist: no epoch has ended, or the run is an average of other runs.
    """
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]  # a killed run leaves half a line


def best_row(run: Path) -> dict[str, float]:
    """Returns the row of history.csv with the lowest validation loss: the epoch of best.keras.

    Raises:
        ValueError: the run has no finished epoch.
    """
    rows = read_history(run)
    if not rows:
        raise ValueError(f"{run}: expected a run with a finished epoch. Received: none")
    return {key: float(value) for key, value in min(rows, key=lambda row: float(row["val_loss"])).items()}


def hours(run: Path) -> float:
    """Returns the run's training time so far, in hours."""
    return sum(float(row["seconds"]) for row in read_history(run)) / 3600
