"""`python -m export publish`: converted files become a preset of the package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from export.files import write_json
from keras_sep.presets import ASSETS


def publish(
    converted: Path,
    name: str,
    files: list[str],
    description: str,
    licence: str,
    licence_file: Path,
    assets: Path = ASSETS,
) -> dict[str, Any]:
    """Copies files of `convert` into the assets and writes their entry in presets.json.

    Args:
        converted: folder with `<name>.json` and the files it lists.
        name: of the preset.
        files: which, as "<graph>-<precision>".
        description: one line for `keras-sep presets`.
        licence: SPDX identifier of the weights.
        licence_file: its text, with the data's credits; stands beside the files.
        assets: folder of the package.

    Raises:
        ValueError: a file that was not converted.
    """
    summary = json.loads((converted / f"{name}.json").read_text(encoding="utf-8"))
    # Presets are .tflite files; an .onnx file beside them has the same graph and precision.
    tflite = [file for file in summary["files"] if file["file"].endswith(".tflite")]
    by_kind = {f"{file['graph']}-{file['precision']}": file for file in tflite}
    if missing := [kind for kind in files if kind not in by_kind]:
        raise ValueError(f"{converted}: expected files {', '.join(missing)}. Received: {', '.join(sorted(by_kind))}")
    chosen = [by_kind[kind] for kind in files]
    for file in chosen:
        part = assets / f".{file['file']}.part"
        shutil.copyfile(converted / file["file"], part)
        part.replace(assets / file["file"])
    shutil.copyfile(licence_file, assets / f"{name}.LICENSE")
    entry = {
        "description": description,
        "parameters": summary["parameters"],
        "licence": licence,
        "provenance": summary["provenance"],
        "spec": summary["spec"],
        "files": [
            {key: file[key] for key in ("graph", "precision", "file", "sha256", "bytes", "agreement")}
            for file in chosen
        ],
    }
    path = assets / "presets.json"
    presets = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    write_json(path, {**presets, name: entry})
    return entry
