"""The default preset's network in other sizes, with random weights: what it would cost, without the training."""

from __future__ import annotations

import hashlib
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from export.benchmark.example import example
from keras_sep.metadata import FORMAT
from keras_sep.presets import DEFAULT_PRESET, get_preset
from keras_sep.spec import StreamSpec

# Of keras_sep.models.or_unet.CONFIGS, which cannot be asked without importing Keras.
SIZES = ("tiny", "s", "m", "l")
SECONDS = 2  # of music that calibrates: the ranges cost nothing


def convert_random(size: str, out: str) -> dict[str, Any]:
    """Every graph in every precision it can have; not compared with Keras, because nobody will hear it.

    Returns:
        A list of files as `export.convert.convert` writes it.
    """
    import keras
    import tensorflow as tf

    from export.calibration import step_inputs
    from export.convert import add_metadata
    from export.graphs import GRAPHS
    from export.quantise import PRECISIONS, REFUSED, to_tflite
    from keras_sep.models import build_network

    spec = StreamSpec()
    keras.utils.set_random_seed(0)
    model = build_network(get_preset(DEFAULT_PRESET).provenance["architecture"], size, spec)
    music = [example(spec.sample_rate, spec.num_channels)[: round(SECONDS * spec.sample_rate)]]
    files = []
    for kind, graph in GRAPHS.items():
        module = graph(model, spec)
        # The float graph streams once, however often the quantiser asks.
        samples = [("step", inputs) for inputs in step_inputs(module, music)]
        with tempfile.TemporaryDirectory() as folder:
            tf.saved_model.save(module, folder, signatures={"step": module.step.get_concrete_function()})
            for precision in (p for p in PRECISIONS if (kind, p) not in REFUSED):
                about = {"format": FORMAT, "name": "random", "graph": kind, "precision": precision}
                plain = to_tflite(folder, precision, module.network.name, partial(iter, samples))
                content = add_metadata(plain, {**about, "spec": spec.to_dict()})
                path = Path(out) / f"random-{size}-{kind}-{precision}.tflite"
                path.write_bytes(content)
                digest = hashlib.sha256(content).hexdigest()
                files.append({"graph": kind, "precision": precision, "file": path.name, "sha256": digest})
    return {"name": "random", "spec": spec.to_dict(), "provenance": {"size": size}, "files": files}
