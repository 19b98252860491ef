"""The float Keras network that stands beside its exported files: `<name>.keras`, described in `<name>.json`.

`keras_sep.models.load_network(path)` is all it takes to use it; here is what says that it is the right one.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export.files import written_beside
from keras_sep.models import load_network
from keras_sep.spec import StreamSpec


def save_network(model: keras.Model, path: Path, provenance: dict[str, Any]) -> dict[str, Any]:
    """Writes a network; returns its entry in `<name>.json`: file, sha256, bytes and, where known, what it is."""
    with tempfile.TemporaryDirectory() as folder, written_beside(path) as part:
        saved = Path(folder) / "network.keras"  # Keras insists on the suffix
        model.save(saved)
        content = saved.read_bytes()
        part.write_bytes(content)
    about = {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return about | {key: provenance[key] for key in ("architecture", "size") if key in provenance}


def read_summary(folder: Path, name: str | None = None) -> dict[str, Any]:
    """`<name>.json` of a folder that `convert` wrote; without a name, the only one there.

    Raises:
        ValueError: none, several, or one without the fields that `convert` writes.
    """
    paths = [folder / f"{name}.json"] if name else sorted(folder.glob("*.json"))
    if len(paths) != 1:
        found = ", ".join(path.stem for path in paths) or "none"
        raise ValueError(f"{folder}: expected one <name>.json of convert, or --name. Received: {found}")
    try:
        summary = json.loads(paths[0].read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{paths[0]}: expected JSON written by convert. Received: {error}") from error
    present = set(summary) if isinstance(summary, dict) else set()
    missing = {"name", "parameters", "spec", "files", "network", "provenance"} - present
    if missing:
        raise ValueError(f"{paths[0]}: expected {', '.join(sorted(missing))}; convert anew. Received: none")
    return summary


def same_network(folder: Path, name: str, model: keras.Model, spec: StreamSpec) -> dict[str, Any] | None:
    """`<name>.json` of a folder, if it is of this very network; else None."""
    if not (folder / f"{name}.json").exists():
        return None
    try:
        summary = read_summary(folder, name)
        weights = require_network(folder / summary["network"]["file"], summary["network"]).get_weights()
    except ValueError:
        return None
    mine = model.get_weights()
    same = len(weights) == len(mine) and all(map(np.array_equal, weights, mine))
    return summary if same and StreamSpec.from_dict(summary["spec"]) == spec else None


def load_saved(path: Path) -> tuple[keras.Model, StreamSpec, dict[str, Any]]:
    """The network of a .keras file, its spec and its provenance.

    Both stand beside it: in `<name>.json` of `convert`, or in presets.json of the shipped models.

    Raises:
        ValueError: nothing that describes the file, or a description of another file.
    """
    described = path.with_suffix(".json")
    if described.exists() or not (presets := path.with_name("presets.json")).exists():
        summary = read_summary(path.parent, path.stem)
    else:
        summary = json.loads(presets.read_text(encoding="utf-8")).get(path.stem, {})
    if "network" not in summary:
        raise ValueError(f"{path}: expected a preset that lists its network. Received: {path.stem!r}, which does not")
    return require_network(path, summary["network"]), StreamSpec.from_dict(summary["spec"]), summary["provenance"]


def require_network(path: Path, entry: dict[str, Any]) -> keras.Model:
    """Loads a network after a check of its SHA-256."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: expected the float network. Received: {error.strerror}") from error
    if digest != entry["sha256"]:
        raise ValueError(f"{path}: expected SHA-256 {entry['sha256']}. Received: {digest}; convert anew")
    return load_network(path)
