"""`python -m export publish`: publication of converted and verified files as a preset of the package."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from common.files import json_text, written_beside
from export.accuracy.quality import quality_of
from export.conversion.float_network import read_summary
from keras_sep.presets import DEFAULT_PRESET
from keras_sep.store import ASSETS


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

    Files of a former entry of this name that the new one does not have are removed.

    Args:
        converted: folder with `<name>.json` and the files it lists.
        name: name of the preset, and of the list.
        files: the files to copy, as "<graph>-<precision>"; "keras" stands for the float network.
        description: one line for `keras-sep presets`.
        licence: SPDX identifier of the weights' licence.
        licence_file: its text, with the credits of the data; copied to `<name>.LICENSE`.
        assets: folder to copy to.

    Returns:
        The entry in presets.json.

    Raises:
        ValueError: a file was not converted, has not passed `verify`, or has changed since.
    """
    summary = read_summary(converted, name)
    # Only .tflite files: an .onnx file has the graph and precision of one of them.
    tflite = [file for file in summary["files"] if file["file"].endswith(".tflite")]
    by_kind = {f"{file['graph']}-{file['precision']}": file for file in tflite}
    known = {"keras", *by_kind}
    if missing := [kind for kind in files if kind not in known]:
        raise ValueError(f"{converted}: expected files {', '.join(missing)}. Received: {', '.join(sorted(known))}")
    chosen = [by_kind[kind] for kind in files if kind != "keras"]
    network = {key: summary["network"][key] for key in ("file", "sha256", "bytes")} if "keras" in files else None
    if not chosen:
        raise ValueError(f"--files: expected a graph and precision besides keras. Received: {', '.join(files)}")
    # Everything is read and checked before anything is replaced.
    contents = {file["file"]: _verified(converted, file) for file in chosen}
    contents[f"{name}.LICENSE"] = licence_file.read_bytes()
    if network:
        content = contents[network["file"]] = _deflated(_unchanged(converted, network))
        network |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    entry = {
        "description": description,
        "parameters": summary["parameters"],
        "licence": licence,
        "provenance": summary["provenance"],
        "spec": summary["spec"],
        "files": [
            {key: file[key] for key in ("graph", "precision", "file", "sha256", "bytes", "agreement")}
            | {"quality": quality_of(file["verification"])}
            for file in chosen
        ],
    }
    if network:
        entry["network"] = network
    path = assets / "presets.json"
    presets = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    before = _file_names(presets.get(name, {}))
    presets[name] = entry
    # The default preset comes first: pages and applications begin with it.
    ordered = {key: presets[key] for key in sorted(presets, key=lambda key: (key != DEFAULT_PRESET, key))}
    # All are written before the first takes its place, so that a full disk leaves the former preset. The list of
    # presets takes its place last: until then it knows the former files, and a repeated command removes them.
    with ExitStack() as written:
        for file_name, content in {path.name: json_text(ordered).encode(), **contents}.items():
            written.enter_context(written_beside(assets / file_name)).write_bytes(content)
    for file_name in before.difference(*map(_file_names, presets.values())):
        (assets / file_name).unlink(missing_ok=True)
    return entry


def _file_names(entry: dict[str, Any]) -> set[str]:
    files = [*entry.get("files", []), *([entry["network"]] if "network" in entry else [])]
    return {file["file"] for file in files}


def _verified(folder: Path, file: dict[str, Any]) -> bytes:
    """Reads a file and checks that it passed `verify`."""
    found = file.get("verification")
    if not found or not found["passed"]:
        why = "; ".join(found["reasons"]) if found else "not verified"
        raise ValueError(f"{file['file']}: expected a file that passed `python -m export verify`. Received: {why}")
    return _unchanged(folder, file)


def _unchanged(folder: Path, file: dict[str, Any]) -> bytes:
    content = (folder / file["file"]).read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != file["sha256"]:
        raise ValueError(f"{folder / file['file']}: expected SHA-256 {file['sha256']}. Received: {digest}; verify anew")
    return content


def _deflated(archive: bytes) -> bytes:
    """Compresses a .keras file by a tenth: Keras writes an uncompressed zip archive, and reads both."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.infolist():
            new.writestr(member, old.read(member), zipfile.ZIP_DEFLATED, 9)
    return out.getvalue()
