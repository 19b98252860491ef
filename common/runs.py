"""Run folders of `python -m training train`: configuration, best network, history."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from keras_sep.models import MaskNetwork, load_network

Row = dict[str, str]


def read_config(run: Path) -> dict[str, Any]:
    """config.json of a run: the tables of its configuration, and facts about it.

    Raises:
        ValueError: a folder that is no run.
    """
    try:
        config = json.loads((run / "config.json").read_text(encoding="utf-8"))
        config["model"]  # a file of something else has no such table
        return config
    except (OSError, TypeError, LookupError, ValueError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def load_best(run: Path) -> MaskNetwork:
    """The network of a run with the lowest validation loss.

    Raises:
        ValueError: a folder that is no run.
    """
    read_config(run)
    try:
        return load_network(run / "best.keras")
    except (OSError, ValueError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error


def read_history(run: Path) -> list[Row]:
    """Rows of history.csv, one an epoch; none before the first, or of a mean of runs."""
    path = run / "history.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]  # a kill cuts lines off


def best_row(run: Path) -> dict[str, float]:
    """The epoch of best.keras: its row of history.csv.

    Raises:
        ValueError: a run without a finished epoch.
    """
    rows = read_history(run)
    if not rows:
        raise ValueError(f"{run}: expected a run with a finished epoch. Received: none")
    return {key: float(value) for key, value in min(rows, key=lambda row: float(row["val_loss"])).items()}


def hours(run: Path) -> float:
    """Training time so far."""
    return sum(float(row["seconds"]) for row in read_history(run)) / 3600
