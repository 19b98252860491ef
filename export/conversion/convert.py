"""`python -m export convert`: a training run converted to .tflite and .onnx files, each checked before it is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from common.exposure import TrainingExposure
from common.files import write_json, written_beside
from common.runs import best_row, hours, load_best, read_config
from export.accuracy.agreement import Agreement, check_file
from export.conversion import onnx_graph
from export.conversion.float_network import load_saved, same_network, write_float_network
from keras_sep.models import MaskNetwork, OnlineNetwork
from keras_sep.tflite.converter import to_float32
from keras_sep.tflite.graphs import GRAPHS, Graph
from keras_sep.tflite.metadata import add_metadata, describe
from keras_sep.tflite.quantise import quantise

FORMATS = ("tflite", "onnx")
DEFAULT_PRECISIONS = ("float32", "dynamic_int8")


def load(source: Path) -> tuple[MaskNetwork, dict[str, Any]]:
    """Loads the network and the provenance of a run folder, or of a .keras file that `convert` wrote."""
    return load_saved(source) if source.suffix == ".keras" else load_run(source)


def load_run(run: Path) -> tuple[MaskNetwork, dict[str, Any]]:
    """Loads the best network of a run folder, with its provenance.

    The provenance holds the run's configuration, its training so far, which a mean of runs has none of, and its
    training exposure.

    Raises:
        ValueError: the folder is not a run, or has no finished epoch.
    """
    config = read_config(run)
    config.pop("spec")  # the network has it
    about: dict[str, Any] = {}
    if "average" not in config:
        best, data = best_row(run), config["data"]
        about = {
            "best_step": int(best["step"]),
            "frames_seen": int(best["step"]) * data["batch_size"] * data["segment_frames"],
            "val_loss": best["val_loss"],
            "training_hours": round(hours(run), 2),
        }
    return load_best(run), {**config, **about, "trained_on": TrainingExposure.of_run(run).to_provenance()}


def convert(
    network: OnlineNetwork,
    out: Path,
    name: str,
    *,
    graphs: tuple[str, ...] = tuple(GRAPHS),
    precisions: tuple[str, ...] = DEFAULT_PRECISIONS,
    formats: tuple[str, ...] = ("tflite",),
    provenance: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Writes `<name>-<graph>-<precision>.<format>` files, the network as `<name>.keras`, and their list `<name>.json`.

    Files of the same network that the list already names stay in it.

    Args:
        network: the network to convert.
        out: folder to write to; created if needed.
        name: name of the files.
        graphs: some of "mask" and "waveform".
        precisions: some of `keras_sep.tflite.quantise.PRECISIONS`.
        formats: some of "tflite" and "onnx"; the only .onnx file is the mask core in float32.
        provenance: goes into the metadata of every file.

    Returns:
        One dict a file: graph, precision, file, sha256, bytes, agreement with Keras.

    Raises:
        ValueError: there is nothing to write, or the network is not online.
        export.accuracy.agreement.VerificationError: a file does not match Keras; it is not written.
    """
    kinds = _wanted(graphs, precisions, formats)
    provenance, spec = provenance or {}, network.spec
    modules = {graph: GRAPHS[graph](network) for graph in dict.fromkeys(graph for graph, _, _ in kinds)}
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for graph, module in modules.items():
        exact = to_float32(module) if any(g == graph and kind == "tflite" for g, _, kind in kinds) else b""
        for _, precision, kind in (wanted for wanted in kinds if wanted[0] == graph):
            about = describe(module, name, precision, provenance)
            target = out / f"{name}-{graph}-{precision}.{kind}"
            if kind == "onnx":
                content, agreement = _onnx(module, target, about)
            else:
                content, agreement = _checked(quantise(exact, precision), network, target, about)
            files.append(
                {
                    "graph": graph,
                    "precision": precision,
                    "file": target.name,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "bytes": len(content),
                    "agreement": agreement.to_dict(),
                }
            )
    # Files of another network leave the list: it describes one network.
    before = same_network(out, name, network)
    entry = before["network"] if before else write_float_network(network, out / f"{name}.keras", provenance)
    made = {file["file"] for file in files}
    others = [file for file in before["files"] if file["file"] not in made] if before else []
    summary = {"name": name, "parameters": network.count_params(), "spec": spec.to_dict(), "network": entry}
    write_json(out / f"{name}.json", {**summary, "files": others + files, "provenance": provenance})
    return files


def _wanted(
    graphs: tuple[str, ...], precisions: tuple[str, ...], formats: tuple[str, ...]
) -> list[tuple[str, str, str]]:
    """Returns (graph, precision, format) of each file to write, in the order of the graphs."""
    result = [(graph, precision, "tflite") for graph in graphs for precision in precisions if "tflite" in formats]
    if "onnx" in formats:
        if "mask" not in graphs or "float32" not in precisions:
            raise ValueError(
                f"onnx: expected the mask graph in float32, the only .onnx file there is. "
                f"Received: {', '.join(graphs)} in {', '.join(precisions)}"
            )
        result.append(("mask", "float32", "onnx"))
    if not result:
        raise ValueError(f"nothing to write of {', '.join(graphs)} in {', '.join(precisions)}")
    return sorted(dict.fromkeys(result), key=lambda wanted: graphs.index(wanted[0]))


def _checked(plain: bytes, network: OnlineNetwork, target: Path, about: dict[str, Any]) -> tuple[bytes, Agreement]:
    """Writes a .tflite file if it matches the network, with its agreement in the metadata."""
    with written_beside(target) as part:
        part.write_bytes(add_metadata(plain, about))
        agreement = check_file(part, network, about["precision"])
        content = add_metadata(plain, {**about, "agreement": agreement.to_dict()})
        part.write_bytes(content)
    return content, agreement


def _onnx(module: Graph, target: Path, about: dict[str, Any]) -> tuple[bytes, Agreement]:
    plain = onnx_graph.to_onnx(module)
    agreement = onnx_graph.check(plain, module.network)
    content = onnx_graph.add_metadata(plain, {**about, "agreement": agreement.to_dict()})
    with written_beside(target) as part:
        part.write_bytes(content)
    return content, agreement
