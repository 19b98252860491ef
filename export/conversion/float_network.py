"""The float Keras network in the folder of its exported files: `<name>.keras`, described in `<name>.json`.

To use it, `keras_sep.models.load_network(path)` is enough; the functions here also check that it is the right one.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common.files import written_beside
from keras_sep.models import MaskNetwork, load_network


def write_float_network(network: MaskNetwork, path: Path, provenance: dict[str, Any]) -> dict[str, Any]:
    """Writes a network to a .keras file.

    Returns:
        Its entry in `<name>.json`: file, sha256, bytes and, where `provenance` has them, architecture and size.
    """
    with tempfile.TemporaryDirectory() as folder, written_beside(path) as part:
        saved = Path(folder) / "network.keras"  # Keras saves only under this suffix
        network.save(saved)
        content = saved.read_bytes()
        part.write_bytes(content)
    about = {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return about | {key: value for key, value in provenance.get("model", {}).items() if key in ("architecture", "size")}


def read_summary(folder: Path, name: str | None = None) -> dict[str, Any]:
    """Reads `<name>.json` of a folder that `convert` wrote; without a name, the only .json file there.

    Raises:
        ValueError: there is none, or several without a name, or the file lacks a field that `convert` writes.
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


def same_network(folder: Path, name: str, network: MaskNetwork) -> dict[str, Any] | None:
    """Returns `<name>.json` of a folder if it describes this network, with the same weights; None otherwise."""
    if not (folder / f"{name}.json").exists():
        return None
    try:
        summary = read_summary(folder, name)
        other = require_network(folder / summary["network"]["file"], summary["network"])
    except ValueError:
        return None
    if (type(other), other.config, other.spec) != (type(network), network.config, network.spec):
        return None
    return summary if all(map(np.array_equal, other.get_weights(), network.get_weights())) else None


def load_saved(path: Path) -> tuple[MaskNetwork, dict[str, Any]]:
    """Loads the network of a .keras file and its provenance.

    Its description is in the same folder: in `<name>.json` of `convert`, or in presets.json of the shipped models.

    Raises:
        ValueError: nothing describes the file, or the description is of another file.
    """
    summary = describing(path)
    if "network" not in summary:
        raise ValueError(f"{path}: expected a preset that lists its network. Received: {path.stem!r}, which does not")
    return require_network(path, summary["network"]), summary["provenance"]


def describing(path: Path) -> dict[str, Any]:
    """Reads the description of a .keras file: `<name>.json`, or its entry in presets.json, empty if it has none.

    Raises:
        ValueError: neither file exists, or `<name>.json` lacks a field that `convert` writes.
    """
    if path.with_suffix(".json").exists() or not (presets := path.with_name("presets.json")).exists():
        return read_summary(path.parent, path.stem)
    return json.loads(presets.read_text(encoding="utf-8")).get(path.stem, {})


def require_network(path: Path, entry: dict[str, Any]) -> MaskNetwork:
    """Loads a network after a check of its SHA-256.

    Args:
        path: .keras file.
        entry: its entry in `<name>.json` or presets.json, with sha256.

    Raises:
        ValueError: the file cannot be read, or has another SHA-256.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: expected the float network. Received: {error.strerror}") from error
    if digest != entry["sha256"]:
        raise ValueError(f"{path}: expected SHA-256 {entry['sha256']}. Received: {digest}; convert anew")
    return load_network(path)
