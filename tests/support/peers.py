"""The networks that the benchmark measures beside ours: where they may be, and stand-ins of their files' interface."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks.peers.speech import DTLN_FILES, GTCRN_FILE
from tests.support.paths import ROOT
from tests.support.tflite import to_tflite

PEERS = ROOT.parent / "shared" / "peers"
needs_peers = pytest.mark.skipif(not PEERS.is_dir(), reason="needs ../shared/peers, which is not in the repository")
GROWTH = 0.125  # of a counting network's output, with every step; a binary fraction


def write_peers(folder: Path, growth: float = 0.0) -> None:
    """A folder as `load_peers` wants it, whose networks give what they hear, times 1 + growth · steps before."""
    (folder / "dtln").mkdir(parents=True)
    first, second = write_dtln(folder / "dtln", growth, growth)
    for pair in DTLN_FILES.values():
        for path, name in zip((first, second), pair, strict=True):
            (folder / "dtln" / f"{name}.tflite").write_bytes(path.read_bytes())
    (folder / "gtcrn").mkdir()
    (folder / "gtcrn" / GTCRN_FILE).write_bytes(_gtcrn(growth))


def write_dtln(folder: Path, first: float, second: float) -> tuple[Path, Path]:
    """Both files, which grow by `first` and `second` a step: a mask, and a quarter of the samples heard four times."""
    paths = folder / "first.tflite", folder / "second.tflite"
    # Magnitudes only: a mask is zero where its input is less.
    paths[0].write_bytes(_tflite(257, first, lambda x: tf.cast(x >= 0.0, tf.float32)))
    paths[1].write_bytes(_tflite(512, second, lambda x: x / 4))
    return paths


def _tflite(size: int, growth: float, output) -> bytes:
    """(1, 1, size) and a state of four dimensions in and out, without a signature; the state counts."""

    def step(state, x):  # the other way round than DTLN's: nothing but the shapes tells them apart
        return output(x) * (1.0 + state[0, 0, 0, 0]), state + growth

    shapes = (1, 2, 8, 2), (1, 1, size)
    concrete = tf.function(step).get_concrete_function(*(tf.TensorSpec(shape, tf.float32) for shape in shapes))
    return to_tflite(concrete)


def _gtcrn(growth: float) -> bytes:
    """A spectrum and two caches in and out; both count, each half of the growth."""
    from onnx import TensorProto, checker, helper

    def tensor(name: str, *shape: int):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    caches = {"conv_cache": (2, 1, 16), "inter_cache": (2, 1, 33)}
    mix = (1, 257, 1, 2)
    constants = {"half": growth / 2, "one": 1.0}
    nodes, gain = [], "one"
    for name in caches:
        nodes.append(helper.make_node("Add", [name, "half"], [f"{name}_out"]))
        nodes.append(helper.make_node("ReduceMax", [name], [f"{name}_steps"], keepdims=0))
        nodes.append(helper.make_node("Add", [gain, f"{name}_steps"], [f"{name}_gain"]))
        gain = f"{name}_gain"
    nodes.append(helper.make_node("Mul", ["mix", gain], ["enh"]))
    inputs = [tensor("mix", *mix), *(tensor(name, *shape) for name, shape in caches.items())]
    outputs = [tensor("enh", *mix), *(tensor(f"{name}_out", *shape) for name, shape in caches.items())]
    graph = helper.make_graph(
        nodes,
        "gtcrn",
        inputs,
        outputs,
        [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()
