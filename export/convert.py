"""`python -m export convert`: a trained run to .tflite files, each checked before it is written."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import flatbuffers
import keras
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from export.files import write_json
from export.graphs import GRAPHS
from export.verify import check_file
from keras_sep import metadata, models
from keras_sep._version import __version__
from keras_sep.spec import StreamSpec

PRECISIONS = ("float32", "dynamic_int8")


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
    precisions: tuple[str, ...] = PRECISIONS,
    provenance: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Writes `<name>-<graph>-<precision>.tflite` files and `<name>.json`, a list of what they are.

    Args:
        model: sequence model of masks, as `build_or_unet` makes it.
        spec: stream format.
        out: folder; made if needed.
        graphs: of "mask" and "waveform".
        precisions: of "float32" and "dynamic_int8" (weights int8, activations quantised on the fly).
        provenance: kept in the metadata.

    Returns:
        One dict a file: graph, precision, file, sha256, bytes, agreement with Keras.

    Raises:
        export.verify.VerificationError: a file that does not match Keras; it is not written.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = []
    for graph in graphs:
        module = GRAPHS[graph](model, spec)
        with tempfile.TemporaryDirectory() as folder:
            tf.saved_model.save(module, folder, signatures={"step": module.step.get_concrete_function()})
            for precision in precisions:
                about = {
                    "format": metadata.FORMAT,
                    "name": name,
                    "graph": graph,
                    "precision": precision,
                    "parameters": model.count_params(),
                    "spec": spec.to_dict(),
                    "made_by": f"keras_sep {__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
                    "provenance": provenance or {},
                }
                content = add_metadata(_to_tflite(folder, precision), about)
                target = out / f"{name}-{graph}-{precision}.tflite"
                part = out / f".{target.name}.{os.getpid()}.part"
                try:
                    part.write_bytes(content)
                    agreement = check_file(part, model, spec, precision)
                    part.replace(target)
                finally:
                    part.unlink(missing_ok=True)
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
    summary = {"name": name, "parameters": model.count_params(), "spec": spec.to_dict(), "files": files}
    write_json(out / f"{name}.json", {**summary, "provenance": provenance or {}})
    return files


def _to_tflite(saved_model: str, precision: str) -> bytes:
    # From a SavedModel with a signature: from_concrete_functions makes files that run and output NaN.
    converter = tf.lite.TFLiteConverter.from_saved_model(saved_model, signature_keys=["step"])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if precision == "dynamic_int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def add_metadata(content: bytes, about: dict[str, Any]) -> bytes:
    """Adds the entry that `keras_sep.metadata.read_metadata` reads, with the file's own digest."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    text = json.dumps({**about, "sha256": metadata.BLANK_DIGEST}, ensure_ascii=False).encode()
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(text)
    model.buffers.append(buffer)
    entry.name, entry.buffer = metadata.ENTRY, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    packed = bytes(builder.Output())
    digest = hashlib.sha256(packed).hexdigest()
    return packed.replace(metadata.BLANK_DIGEST.encode(), digest.encode(), 1)
