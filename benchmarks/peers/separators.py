"""The networks of published separators as .tflite files, converted on demand and kept in a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from common.files import write_json, written_beside

NAMES = {"spleeter": "Spleeter, 2 stems", "open_unmix": "Open-Unmix, umx"}
LATENCIES = {"spleeter": "11.9 s, a patch", "open_unmix": "the song"}
PRECISIONS = ("float32", "dynamic_int8")


def convert_separators(folder: str) -> list[dict[str, Any]]:
    """Converts each network of `NAMES` in each of `PRECISIONS`, unless the folder already holds the files.

    Args:
        folder: keeps the files in a folder named after the version of this code; other versions stay.

    Returns:
        One dict a file: name, precision, path, parameters of one network, networks (number of networks for two
        stems), seconds of audio in one call, latency.
    """
    sources = [Path(__file__).with_name(f"{name}.py") for name in (*NAMES, Path(__file__).stem)]
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    kept = Path(folder) / version
    index = kept / "separators.json"
    if not index.exists():
        kept.mkdir(parents=True, exist_ok=True)
        write_json(index, [row for name in NAMES for row in _convert(name, kept)])  # written last: the files exist
    return [{**row, "path": str(kept / row["file"])} for row in json.loads(index.read_text(encoding="utf-8"))]


def _convert(name: str, folder: Path) -> list[dict[str, Any]]:
    import keras

    from benchmarks.peers import open_unmix, spleeter
    from keras_sep.tflite.converter import to_float32

    module = {"spleeter": spleeter, "open_unmix": open_unmix}[name]
    keras.utils.set_random_seed(0)
    network = {"spleeter": spleeter.build_spleeter, "open_unmix": open_unmix.build_open_unmix}[name]()
    exact = to_float32(step_module(network))
    rows = []
    for precision in PRECISIONS:
        path = folder / f"{name}-{precision}.tflite"
        with written_beside(path) as part:
            part.write_bytes(exact if precision == "float32" else _dynamic_int8(exact))
        rows.append(
            {
                "name": name,
                "precision": precision,
                "file": path.name,
                "parameters": network.count_params(),
                "networks": module.NUM_NETWORKS,
                "seconds": module.FRAMES * module.FRAME_STEP / module.SAMPLE_RATE,
                "latency": LATENCIES[name],
            }
        )
    return rows


def step_module(network: Any) -> Any:
    """Wraps a network of one input in a tf.Module whose function `step` takes that input by name."""
    import tensorflow as tf

    module = tf.Module()
    module.tracked = [variable.value for variable in network.variables]
    (tensor,) = network.inputs
    shape = (1, *tensor.shape[1:])
    signature = [{tensor.name: tf.TensorSpec(shape, tf.float32, name=tensor.name)}]
    module.step = tf.function(lambda inputs: {"estimate": network(inputs[tensor.name])}, input_signature=signature)
    return module


def _dynamic_int8(content: bytes) -> bytes:
    """Quantises every product that ai-edge-quantizer supports, by its recipe for dynamic int8."""
    from ai_edge_quantizer import quantizer, recipe

    work = quantizer.Quantizer(bytearray(content), recipe.dynamic_wi8_afp32())
    return bytes(work.quantize(enable_progress_report=False).quantized_model)
