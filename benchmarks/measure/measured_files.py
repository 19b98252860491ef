"""The files to measure, each with its entry in the list that was written with it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_sep.presets import DEFAULT_PRESET
from keras_sep.spec import StreamSpec
from keras_sep.store import ASSETS


@dataclass(frozen=True)
class MeasuredFile:
    """One .tflite or .onnx file to measure.

    Args:
        path: the file.
        name: of the model; "random" for one without training.
        size: "tiny", "s", "m", "l", or "" where its list does not say.
        graph: "mask" or "waveform".
        precision: one of `keras_sep.tflite.quantise.PRECISIONS`.
        step_ms: length of the audio that one step covers, in ms.
        sdr_db: SDR by source on real songs, in dB; empty if it was not measured.
    """

    path: Path
    name: str
    size: str
    graph: str
    precision: str
    step_ms: float
    sdr_db: dict[str, float]

    @property
    def label(self) -> str:
        kind = " ".join(filter(None, (self.size.upper(), self.graph, self.precision)))
        return f"{self.name} ({kind}{', onnx' if self.path.suffix == '.onnx' else ''})"

    @property
    def random(self) -> bool:
        return self.name == "random"


def shipped() -> list[MeasuredFile]:
    """Returns the files of the default preset."""
    presets = json.loads((ASSETS / "presets.json").read_text(encoding="utf-8"))
    return listed({"name": DEFAULT_PRESET, **presets[DEFAULT_PRESET]}, ASSETS)


def converted(folder: Path) -> list[MeasuredFile]:
    """Returns the files that `python -m export convert` wrote into a folder and listed in its `<name>.json` files.

    Raises:
        ValueError: the folder or a list is missing; or a listed file is missing or has another SHA-256.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of `python -m export convert`. Received: none")
    files = []
    for path in sorted(folder.glob("*.json")):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: expected JSON. Received: {error}") from error
        if isinstance(summary, dict) and {"name", "spec", "files"} <= summary.keys():
            files += listed(summary, folder)
    if not files:
        raise ValueError(f"{folder}: expected <name>.json of `python -m export convert`. Received: no list of files")
    return files


def listed(summary: dict[str, Any], folder: Path) -> list[MeasuredFile]:
    """Returns the files of one list that can run here; names on stderr those that need onnxruntime and lack it.

    Args:
        summary: content of a `<name>.json` of `python -m export convert`, or an entry of presets.json with its name.
        folder: holds the files.

    Raises:
        ValueError: a file is missing or has another SHA-256 than the list says.
    """
    spec, about = StreamSpec.from_dict(summary["spec"]), summary.get("provenance", {})
    files = []
    for entry in summary["files"]:
        path = folder / entry["file"]
        if not path.is_file():
            raise ValueError(f"{path}: expected the file that {summary['name']}'s list names. Received: none")
        if hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            raise ValueError(f"{path}: expected SHA-256 {entry['sha256']}. Received: another file")
        if path.suffix == ".onnx" and not importlib.util.find_spec("onnxruntime"):
            print(f"left out: {path.name}: needs onnxruntime", file=sys.stderr)
            continue
        files.append(
            MeasuredFile(
                path=path,
                name=summary["name"],
                size=str(about.get("model", {}).get("size", "")),
                graph=entry["graph"],
                precision=entry["precision"],
                step_ms=1000 * spec.frame_step / spec.sample_rate,
                sdr_db=(entry.get("verification") or entry.get("quality") or {}).get("sdr_db", {}),
            )
        )
    return files
