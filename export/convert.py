"""`python -m export convert`: a trained run to .tflite and .onnx files, each checked before it is written."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from export import onnx_graph
from export.calibration import Calibration, step_inputs
from export.files import write_json, written_beside
from export.flatbuffer import pack, unpack
from export.graphs import GRAPHS, Graph
from export.network import load_saved, same_network, save_network
from export.quantise import CALIBRATED, REFUSED, to_tflite
from export.verification.agreement import Agreement, check_file
from keras_sep import metadata, models
from keras_sep._version import __version__
from keras_sep.spec import StreamSpec

FORMATS = ("tflite", "onnx")
DEFAULT_PRECISIONS = ("float32", "dynamic_int8")


def load(source: Path) -> tuple[keras.Model, StreamSpec, dict[str, Any]]:
    """A run folder, or a .keras file that `convert` wrote, with what describes it beside it."""
    return load_saved(source) if source.suffix == ".keras" else load_run(source)


def load_run(run: Path) -> tuple[keras.Model, StreamSpec, dict[str, Any]]:
    """The best mask network of a run folder, its spec and its provenance.

    The configuration says what is built, the run gives the weights. A U-Net, which is not online, has no step
    to export: `convert` refuses it.
    """
    try:
        config = json.loads((run / "config.json").read_text(encoding="utf-8"))
        spec = StreamSpec.from_dict(config.pop("spec"))
        model = models.rebuild_network(run / "best.keras", config["architecture"], config["size"], spec)
        with (run / "history.csv").open(newline="", encoding="utf-8") as file:
            history = list(csv.DictReader(file))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{run}: expected a run folder of `python -m training train`: {error}") from error
    best = min(history, key=lambda row: float(row["val_loss"]))
    frames = int(best["step"]) * config["batch_size"] * config["segment_frames"]
    summary = {"best_step": int(best["step"]), "frames_seen": frames, "val_loss": float(best["val_loss"])}
    hours = sum(float(row["seconds"]) for row in history) / 3600
    return model, spec, {**config, **summary, "training_hours": round(hours, 2), "trained_on": _trained_on(run)}


def _trained_on(run: Path) -> dict[str, dict[str, list[str]]]:
    """By split: names of the songs that the run and its teacher heard, and the first digits of all stems' SHA-256.

    With these a file can be kept from being scored on what it learned from.
    """
    result: dict[str, dict[str, list[str]]] = {}
    folder: Path | None = run
    while folder:
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            teacher = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("teacher")
        except OSError as error:  # half a list would pass for a whole one
            print(f"warning: the files will not say what they were trained on: {error}", file=sys.stderr)
            return {}
        for split, rows in manifest.items():
            known = result.setdefault(split, {"songs": [], "stems": []})
            known["songs"] += sorted({row["song"] for row in rows if row.get("song")} - set(known["songs"]))
            known["stems"] += sorted({row["sha256"][:16] for row in rows if row.get("sha256")} - set(known["stems"]))
        folder = Path(teacher) if teacher else None
    return result


def convert(
    model: keras.Model,
    spec: StreamSpec,
    out: Path,
    name: str,
    *,
    graphs: tuple[str, ...] = tuple(GRAPHS),
    precisions: tuple[str, ...] = DEFAULT_PRECISIONS,
    formats: tuple[str, ...] = ("tflite",),
    calibration: Calibration | None = None,
    provenance: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Writes `<name>-<graph>-<precision>.<format>` files, their network `<name>.keras` and `<name>.json` about them.

    Files of the same network that the folder's list already names stay in it.

    Args:
        model: sequence model of masks, as `build_or_unet` or `build_lstm` makes it.
        spec: stream format.
        out: folder; made if needed.
        graphs: of "mask" and "waveform".
        precisions: of `export.quantise.PRECISIONS`. What a graph cannot have is said on stderr and left out.
        formats: of "tflite" and "onnx"; the latter is the mask core in float32 alone.
        calibration: music for int8 and int16x8.
        provenance: kept in the metadata.

    Returns:
        One dict a file: graph, precision, file, sha256, bytes, agreement with Keras.

    Raises:
        ValueError: nothing to write, or a precision without its calibration.
        export.verification.agreement.VerificationError: a file that does not match Keras; it is not written.
    """
    kinds = _wanted(graphs, precisions, formats)
    if calibration is None and (needy := [precision for _, precision, _ in kinds if precision in CALIBRATED]):
        raise ValueError(f"{needy[0]}: expected music to calibrate with (--data DIR). Received: none")
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for graph in dict.fromkeys(graph for graph, _, _ in kinds):
        module = GRAPHS[graph](model, spec)
        with tempfile.TemporaryDirectory() as folder:
            tf.saved_model.save(module, folder, signatures={"step": module.step.get_concrete_function()})
            for _, precision, kind in (wanted for wanted in kinds if wanted[0] == graph):
                about: dict[str, Any] = {
                    "format": metadata.FORMAT,
                    "name": name,
                    "graph": graph,
                    "precision": precision,
                    "parameters": model.count_params(),
                    "spec": spec.to_dict(),
                    "made_by": f"keras_sep {__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
                    "provenance": provenance or {},
                }
                if precision in CALIBRATED and calibration:
                    about["calibration"] = calibration.about
                target = out / f"{name}-{graph}-{precision}.{kind}"
                if kind == "onnx":
                    content, agreement = _onnx(module, model, target, about)
                else:
                    plain = to_tflite(folder, precision, module.network.name, _samples(module, calibration))
                    content, agreement = _checked(plain, model, target, about, calibration)
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
    provenance = provenance or {}
    # Files of the same network stay listed; those of another one are no longer what the list says.
    before = same_network(out, name, model, spec)
    network = before["network"] if before else save_network(model, out / f"{name}.keras", provenance)
    made = {file["file"] for file in files}
    others = [file for file in before["files"] if file["file"] not in made] if before else []
    summary = {"name": name, "parameters": model.count_params(), "spec": spec.to_dict(), "network": network}
    write_json(out / f"{name}.json", {**summary, "files": others + files, "provenance": provenance})
    return files


def _wanted(
    graphs: tuple[str, ...], precisions: tuple[str, ...], formats: tuple[str, ...]
) -> list[tuple[str, str, str]]:
    """(graph, precision, format) of every file there can be; says what cannot."""
    result = []
    for graph in graphs:
        for precision in precisions:
            reason = REFUSED.get((graph, precision))
            if reason:
                print(f"left out: {graph} in {precision}: {reason}", file=sys.stderr)
            elif "tflite" in formats:
                result.append((graph, precision, "tflite"))
    if "onnx" in formats:
        if "mask" not in graphs or "float32" not in precisions:
            raise ValueError(
                f"onnx: expected the mask graph and float32 among what is asked for, the only .onnx file there is. "
                f"Received: {', '.join(graphs)} in {', '.join(precisions)}"
            )
        result.append(("mask", "float32", "onnx"))
    if not result:
        raise ValueError(f"nothing to write of {', '.join(graphs)} in {', '.join(precisions)}")
    return sorted(result, key=lambda wanted: graphs.index(wanted[0]))


def _samples(module: Graph, calibration: Calibration | None) -> Any:
    if calibration is None:
        return None
    return lambda: (("step", inputs) for inputs in step_inputs(module, calibration.mixtures))


def _checked(
    plain: bytes, model: keras.Model, target: Path, about: dict[str, Any], calibration: Calibration | None
) -> tuple[bytes, Agreement]:
    """Writes a .tflite file if it is the model, with the figures that say so."""
    spec = StreamSpec.from_dict(about["spec"])
    with written_beside(target) as part:
        part.write_bytes(add_metadata(plain, about))
        music = calibration.check if calibration and about["precision"] in CALIBRATED else None
        agreement = check_file(part, model, spec, about["precision"], music)
        content = add_metadata(plain, {**about, "agreement": agreement.to_dict()})
        part.write_bytes(content)
    return content, agreement


def _onnx(module: Graph, model: keras.Model, target: Path, about: dict[str, Any]) -> tuple[bytes, Agreement]:
    plain = onnx_graph.to_onnx(module)
    agreement = onnx_graph.check(plain, model, module.spec)
    content = onnx_graph.add_metadata(plain, {**about, "agreement": agreement.to_dict()})
    with written_beside(target) as part:
        part.write_bytes(content)
    return content, agreement


def add_metadata(content: bytes, about: dict[str, Any]) -> bytes:
    """Sets the entry that `keras_sep.metadata.read_metadata` reads, with the file's own digest, and nothing else."""
    model = unpack(content)
    text = json.dumps({**about, "sha256": metadata.BLANK_DIGEST}, ensure_ascii=False).encode()
    entry = next((entry for entry in model.metadata or [] if _name(entry) == metadata.ENTRY), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = metadata.ENTRY, len(model.buffers)
        model.buffers.append(schema.BufferT())
        model.metadata = [*(model.metadata or []), entry]
    model.buffers[entry.buffer].data = list(text)
    packed = pack(model)
    digest = hashlib.sha256(packed).hexdigest()
    return packed.replace(metadata.BLANK_DIGEST.encode(), digest.encode(), 1)


def _name(entry: Any) -> str:
    return entry.name.decode() if isinstance(entry.name, bytes) else entry.name
